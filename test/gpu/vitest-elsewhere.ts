/**
 * What the shared suites use of Vitest, for a page and for Deno: its own runs in Node. Tests are gathered first and then
 * run one after the other, each with what stands around it.
 */

interface Group {
  readonly path: readonly string[];
  readonly before: (() => unknown)[];
  readonly after: (() => unknown)[];
  readonly entries: (Group | Case)[];
}

interface Case {
  readonly name: string;
  readonly run: () => unknown;
}

/** What became of one test. */
export interface Outcome {
  readonly name: string;
  readonly error: string | undefined;
}

const root: Group = { path: [], before: [], after: [], entries: [] };
let current = root;

export const beforeAll = (run: () => unknown): unknown => current.before.push(run);
export const afterAll = (run: () => unknown): unknown => current.after.push(run);

export function describe(name: string, define: () => void): void {
  const outer = current;
  current = { path: [...outer.path, name], before: [], after: [], entries: [] };
  outer.entries.push(current);
  define();
  current = outer;
}

export function test(name: string, run: () => unknown): void {
  current.entries.push({ name: [...current.path, name].join(" > "), run });
}

/** Both kinds of rows: of values, which are spread, and values alone. */
function each(declare: (name: string, run: () => unknown) => void) {
  return (rows: readonly unknown[]) =>
    (name: string, run: (...values: any[]) => unknown): void => {
      for (const row of rows) {
        const values = Array.isArray(row) ? row : [row];
        let i = 0;
        declare(
          name.replace(/%[sio]/g, () => String(values[i++])),
          () => run(...values),
        );
      }
    };
}

describe.each = each(describe);
test.each = each(test);

function show(value: unknown): string {
  return Array.isArray(value) ? `[${value.map(show)}]` : String(value);
}

/** The two comparisons that the suites make. */
export function expect(actual: unknown, message = "") {
  const fail = (expected: unknown) => {
    throw new Error(`${message} expected ${show(expected)}, got ${show(actual)}`);
  };
  return {
    toBe(expected: unknown) {
      if (!Object.is(actual, expected)) fail(expected);
    },
    toEqual(expected: unknown) {
      if (show(actual) !== show(expected)) fail(expected);
    },
  };
}

/** The names of everything that was declared, in the order in which it runs. */
export function names(group: Group = root): string[] {
  return group.entries.flatMap((entry) => ("entries" in entry ? names(entry) : [entry.name]));
}

/**
 * Runs everything that was declared, the tests of a group at once: what is read back of a device is long waited for,
 * 10 ms a time in Deno, however little it is.
 */
export async function runAll(group: Group = root): Promise<Outcome[]> {
  for (const run of group.before) await run();
  const outcomes = await Promise.all(
    group.entries.map((entry) => ("entries" in entry ? runAll(entry) : outcomeOf(entry))),
  );
  for (const run of group.after) await run();
  return outcomes.flat();
}

async function outcomeOf({ name, run }: Case): Promise<Outcome> {
  try {
    await run();
    return { name, error: undefined };
  } catch (thrown) {
    return { name, error: String((thrown as Error)?.message ?? thrown) };
  }
}

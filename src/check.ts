/**
 * The one style of refusing bad input: `"name" expected X, got Y`.
 * TypeError for the wrong kind of value, RangeError for the wrong value of the right kind.
 * Messages are built only when something is thrown.
 */

/** Words for a value in an error message: short, and safe for any value, even an object that throws when it is read. */
export function describe(value: unknown): string {
  try {
    const words = inWords(value);
    return words.length > 100 ? `${words.slice(0, 100)}...` : words;
  } catch {
    return "an object";
  }
}

function inWords(value: unknown): string {
  switch (typeof value) {
    case "string":
      return value.length > 40 ? `${JSON.stringify(value.slice(0, 40))}...` : JSON.stringify(value);
    case "object": {
      if (value === null) return "null";
      if (Array.isArray(value)) return describeList(value);
      const { dtype, shape } = value as { dtype?: unknown; shape?: unknown };
      if (typeof dtype === "string" && Array.isArray(shape)) return `${dtype} ${describeList(shape)}`;
      return `an object (${value.constructor?.name ?? "no prototype"})`;
    }
    case "function":
      return "a function";
    default:
      return String(value);
  }
}

/** One level deep: what an array holds may hold that array. */
function describeList(list: readonly unknown[]): string {
  if (list.length > 8) return `an array of ${list.length}`;
  return `[${list.map((value) => (typeof value === "object" && value !== null ? "an object" : describe(value)))}]`;
}

/** Throws the TypeError for an argument of the wrong kind; `got` is put into words unless `words` are given. */
export function wrongType(name: string, expected: string, got: unknown, words?: string): never {
  throw new TypeError(`"${name}" expected ${expected}, got ${words ?? describe(got)}`);
}

/** Throws the RangeError for an argument of the right kind and a wrong value. */
export function wrongValue(name: string, expected: string, got: unknown, words?: string): never {
  throw new RangeError(`"${name}" expected ${expected}, got ${words ?? describe(got)}`);
}

/**
 * The largest of some numbers: of int32, which positions are, and so the most tokens of a row; of uint32, in which the
 * sampling rule counts steps, layers and rows.
 */
export const MAX: { readonly int32: number; readonly uint32: number } = {
  int32: 2 ** 31 - 1,
  uint32: 2 ** 32 - 1,
};

/** An integer from `min` to `max`, both included. */
export function checkInteger(name: string, value: unknown, min: number, max: number): number {
  if (typeof value !== "number") wrongType(name, `an integer from ${min} to ${max}`, value);
  if (!Number.isInteger(value) || value < min || value > max) {
    wrongValue(name, `an integer from ${min} to ${max}`, value);
  }
  return value;
}

/** A boolean, and nothing that merely converts to one. */
export function checkBoolean(name: string, value: unknown): boolean {
  if (typeof value !== "boolean") wrongType(name, "a boolean", value);
  return value;
}

/** Whether `value` is an array. A revoked proxy is not: Array.isArray throws on it. */
export function isArray(value: unknown): value is unknown[] {
  try {
    return Array.isArray(value);
  } catch {
    return false;
  }
}

/** Whether `value` is an object that can be read, and no array. */
export function isObject(value: unknown): value is object {
  try {
    return typeof value === "object" && value !== null && !Array.isArray(value); // which throws on a revoked proxy
  } catch {
    return false;
  }
}

/** Whether two shapes are the same. */
export function isSameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((length, i) => length === b[i]);
}

/** An object of named options. */
export function checkObject(name: string, value: unknown): void {
  if (!isObject(value)) wrongType(name, "an object", value);
}

/** The most elements that a caller's list may have, as a proxy may claim any number, even infinitely many. */
const LONGEST_LIST = 2 ** 24;

/** A copy of an array, each element read once and by its number: arrays may have holes, or iterators of their own. */
export function checkList(name: string, expected: string, value: unknown): unknown[] {
  if (!isArray(value)) wrongType(name, expected, value);
  const { length } = value;
  if (!(length <= LONGEST_LIST)) wrongValue(name, `${expected}, of at most ${LONGEST_LIST}`, value);
  return Array.from({ length }, (_, i) => value[i]);
}

/** An object of options with known names only, so that a misspelt option is never ignored. */
export function checkOptions(options: unknown, known: readonly string[]): void {
  checkObject("options", options);
  for (const key of Object.keys(options as object)) {
    if (known.includes(key)) continue;
    const expected = `a known option (did you mean "${nearest(key, known)}"?)`;
    wrongType(key.slice(0, LONGEST), expected, (options as Record<string, unknown>)[key]);
  }
}

/** Letters of an unknown name that are looked at: no name is longer, and the time grows with them. */
const LONGEST = 40;

/** The known word that `word` is most likely a misspelling of. */
export function nearest(word: string, known: readonly string[]): string {
  const distances = known.map((candidate) => editDistance(word, candidate));
  return known[distances.indexOf(Math.min(...distances))];
}

/** Levenshtein's distance: letters added, left out or changed. */
export function editDistance(word: string, other: string): number {
  const a = word.slice(0, LONGEST);
  let row = Array.from({ length: other.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= other.length; j++) {
      const change = row[j - 1] + (a[i - 1] === other[j - 1] ? 0 : 1);
      next.push(Math.min(change, row[j] + 1, next[j - 1] + 1));
    }
    row = next;
  }
  return row[other.length];
}

/** One of a few strings. */
export function checkChoice<T extends string>(name: string, value: unknown, choices: readonly T[]): T {
  if (typeof value !== "string") wrongType(name, `one of ${choices.map(describe).join(", ")}`, value);
  if (!choices.includes(value as T)) wrongValue(name, `one of ${choices.map(describe).join(", ")}`, value);
  return value as T;
}

const MAX_SEED = 0xffff_ffff_ffff_ffffn;

/** A seed, an unsigned 64-bit number, as its low and high 32-bit words. */
export function checkSeed(name: string, value: unknown): { low: number; high: number } {
  if (typeof value !== "number" && typeof value !== "bigint") {
    wrongType(name, "an unsigned 64-bit integer (a safe integer or a bigint)", value);
  }
  if (
    typeof value === "number" ? !Number.isSafeInteger(value) || value < 0 : value < 0n || value > MAX_SEED
  ) {
    wrongValue(name, "an unsigned 64-bit integer (a safe integer or a bigint)", value);
  }
  // By way of a BigInt this takes 0.2 us, a tenth of a small call.
  if (typeof value === "number") return { low: value >>> 0, high: Math.floor(value / 2 ** 32) };
  return { low: Number(value & 0xffffffffn), high: Number(value >> 32n) };
}

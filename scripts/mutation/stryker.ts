/** Mutants of src/, by StrykerJS: in a sandbox of its own, each against the tests that reach it. */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Result, Results } from "./results.ts";
import { folderOf } from "./score.ts";

const RESULTS = "build/mutation/src.jsonl";

interface Part {
  readonly mutate: readonly string[];
  /** Of the tests in src-tests.config.ts these alone; all, if there are none. */
  readonly tests: readonly string[];
}

/**
 * What the quick tests are for. Left out: adapters and what drives a device, which want frameworks and a GPU, and text
 * that is generated or erased. The plain reference has a run of its own: where its loops count each step, all that
 * compare with it take minutes.
 */
const PARTS: readonly Part[] = [
  {
    mutate: [
      "src/**/*.ts",
      "!src/adapters/**",
      "!src/backends/{reference,webgpu}/**",
      "src/backends/webgpu/{binding-windows,mask-plans,params,plan,row-plans,shader-choice,token-plans}.ts",
      "!src/**/*-bytes.ts",
      "!src/core/*-module.ts",
      "!src/{index,webgpu,types}.ts",
      "!src/**/*.d.ts",
    ],
    tests: [],
  },
  {
    mutate: ["src/backends/reference/*.ts"],
    tests: ["philox", "vectors", "sort", "masks", "sampling", "tokens"].map((name) => `test/${name}.test.ts`),
  },
];

const options = (folder: string, workers: number, mutate: readonly string[]) => ({
  testRunner: "vitest",
  plugins: ["@stryker-mutator/vitest-runner", "./scripts/mutation/stryker-plugins.js"],
  vitest: { configFile: "scripts/mutation/src-tests.config.ts", related: false },
  coverageAnalysis: "perTest",
  // What runs as a module loads would take all the tests, each time.
  ignoreStatic: true,
  // The wording of messages is not promised; the names in them are, and tests/bad-input.test.ts asks for them.
  mutator: { excludedMutations: ["StringLiteral"] },
  mutate,
  checkers: ["sample"],
  reporters: ["sample"],
  concurrency: workers,
  tempDirName: join(folder, "sandboxes"),
  ignorePatterns: ["/build", "/dist", "/out", "/docs", "/evidence/results", "/test/runtimes/node_modules"],
  timeoutMS: 30_000,
  timeoutFactor: 1.1,
  dryRunTimeoutMinutes: 30,
  disableTypeChecks: false, // Vitest erases types, and what it would look through is not all TypeScript
  allowConsoleColors: false,
});

export interface Ask {
  readonly seed: number;
  readonly sample: number;
  readonly workers: number;
  /** Part of a mutant's key. */
  readonly only: string;
  readonly again: boolean;
  readonly dry: boolean;
}

export interface Outcome {
  readonly results: readonly Result[];
  /** How many mutants each folder has. */
  readonly mutants: ReadonlyMap<string, number>;
}

/** Results of the sample. */
export async function runStryker({ sample, ...ask }: Ask): Promise<Outcome> {
  const keys: string[] = [];
  const mutants = new Map<string, number>();
  let share = 1;
  for (const part of PARTS) {
    const found = await runPart(part, { ...ask, sample, share });
    const all = Object.entries(found.mutants);
    // Of the other parts as many in a hundred as of the first.
    if (keys.length === 0) share = found.keys.length / all.reduce((sum, [, n]) => sum + n, 0);
    keys.push(...found.keys);
    for (const [file, n] of all) mutants.set(folderOf(file), (mutants.get(folderOf(file)) ?? 0) + n);
  }
  const results = new Results(RESULTS);
  return { results: keys.flatMap((key) => results.get(key, digestOf(key)) ?? []), mutants };
}

/** What the reporter in stryker-plugins.js writes down: the sample's keys, and how many mutants each file has. */
interface Plan {
  readonly keys: readonly string[];
  readonly mutants: Readonly<Record<string, number>>;
}

async function runPart({ mutate, tests }: Part, ask: Ask & { share: number }): Promise<Plan> {
  const { seed, sample, share, workers, only, again, dry } = ask;
  mkdirSync("build/mutation", { recursive: true });
  const folder = mkdtempSync(join(tmpdir(), "random-ltd-stryker-"));
  const [config, task] = [join(folder, "stryker.json"), join(folder, "task.json")];
  const [known, plan] = [join(folder, "known.json"), join(folder, "plan.json")];
  try {
    writeFileSync(config, JSON.stringify(options(folder, workers, mutate)));
    writeFileSync(known, JSON.stringify(knownKeys(again)));
    const count = Number.isFinite(sample) ? sample : null;
    writeFileSync(
      task,
      JSON.stringify({ seed, sample: count, share, only, dry, known, plan, results: RESULTS }),
    );
    const child = spawn(
      process.execPath,
      ["node_modules/@stryker-mutator/core/bin/stryker.js", "run", config],
      {
        stdio: "inherit",
        detached: true, // so that it ends with those that it began
        env: {
          ...process.env,
          MUTATION: task,
          MUTATION_ROOT: process.cwd(),
          MUTATION_TESTS: tests.join(" "),
        },
      },
    );
    process.on("exit", () => {
      try {
        process.kill(-child.pid!, "SIGKILL");
      } catch {
        // all of them are gone
      }
      rmSync(folder, { recursive: true, force: true });
    });
    const code = await new Promise<number | null>((done) => child.on("exit", done));
    if (code !== 0 || !existsSync(plan)) throw new Error(`StrykerJS ended with ${code}`);
    return JSON.parse(readFileSync(plan, "utf8"));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const digests = new Map<string, string>();

/** The digest of the file that a key begins with, as it is now. */
function digestOf(key: string): string {
  const [file] = key.split("\t");
  let digest = digests.get(file);
  if (digest === undefined) {
    digest = existsSync(file)
      ? createHash("sha256").update(readFileSync(file)).digest("hex").slice(0, 12)
      : "";
    digests.set(file, digest);
  }
  return digest;
}

function knownKeys(again: boolean): string[] {
  if (!existsSync(RESULTS)) return [];
  const results = new Results(RESULTS);
  const keys = readFileSync(RESULTS, "utf8")
    .split("\n")
    .filter(Boolean)
    .map((line) => (JSON.parse(line) as Result).key);
  return [...new Set(keys)].filter((key) => {
    const result = results.get(key, digestOf(key));
    return result !== undefined && !(again && result.status === "survived");
  });
}

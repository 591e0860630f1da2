/** Mutants of src/, by StrykerJS: in a sandbox of its own, each against the tests that reach it. */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Result, Results } from "./results.ts";
import { folderOf } from "./score.ts";

const RESULTS = "build/mutation/src.jsonl";

/**
 * What the quick tests are for. Left out: adapters and what drives a device, which want frameworks and a GPU, and text
 * that is generated or erased.
 */
const MUTATE = [
  "src/**/*.ts",
  "!src/adapters/**",
  "!src/backends/webgpu/**",
  "src/backends/webgpu/{binding-windows,mask-plans,params,plan,row-plans,shader-choice,token-plans}.ts",
  "!src/**/*-bytes.ts",
  "!src/core/*-module.ts",
  "!src/{index,webgpu,types}.ts",
  "!src/**/*.d.ts",
];

const options = (folder: string, workers: number) => ({
  testRunner: "vitest",
  plugins: ["@stryker-mutator/vitest-runner", "./scripts/mutation/stryker-plugins.js"],
  vitest: { configFile: "scripts/mutation/src-tests.config.ts", related: false },
  coverageAnalysis: "perTest",
  // What runs as a module loads would take all the tests, each time.
  ignoreStatic: true,
  // The wording of messages is not promised; the names in them are, and tests/bad-input.test.ts asks for them.
  mutator: { excludedMutations: ["StringLiteral"] },
  mutate: MUTATE,
  checkers: ["sample"],
  reporters: ["sample"],
  concurrency: workers,
  tempDirName: join(folder, "sandboxes"),
  ignorePatterns: ["/build", "/dist", "/out", "/docs", "/evidence/results", "/test/runtimes/node_modules"],
  timeoutMS: 60_000,
  dryRunTimeoutMinutes: 30,
  disableTypeChecks: false, // Vitest erases types, and what it would look through is not all TypeScript
  allowConsoleColors: false,
});

export interface Ask {
  readonly seed: number;
  readonly sample: number;
  readonly workers: number;
  readonly again: boolean;
  readonly dry: boolean;
}

/** Results of the sample, and how many mutants each folder has. */
export async function runStryker({ seed, sample, workers, again, dry }: Ask): Promise<{
  results: Result[];
  mutants: Map<string, number>;
}> {
  mkdirSync("build/mutation", { recursive: true });
  const folder = mkdtempSync(join(tmpdir(), "random-ltd-stryker-"));
  const [config, task] = [join(folder, "stryker.json"), join(folder, "task.json")];
  const [known, plan] = [join(folder, "known.json"), join(folder, "plan.json")];
  try {
    writeFileSync(config, JSON.stringify(options(folder, workers)));
    writeFileSync(known, JSON.stringify(knownKeys(again)));
    const count = dry ? 0 : Number.isFinite(sample) ? sample : null;
    writeFileSync(task, JSON.stringify({ seed, sample: count, known, plan, results: RESULTS }));
    const child = spawn(
      process.execPath,
      ["node_modules/@stryker-mutator/core/bin/stryker.js", "run", config],
      {
        stdio: "inherit",
        env: { ...process.env, MUTATION: task, MUTATION_ROOT: process.cwd() },
      },
    );
    process.on("exit", () => child.kill());
    const code = await new Promise<number | null>((done) => child.on("exit", done));
    if (code !== 0 || !existsSync(plan)) throw new Error(`StrykerJS ended with ${code}`);
    const { keys, mutants } = JSON.parse(readFileSync(plan, "utf8"));
    const results = new Results(RESULTS);
    const byFolder = new Map<string, number>();
    for (const [file, n] of Object.entries<number>(mutants))
      byFolder.set(folderOf(file), (byFolder.get(folderOf(file)) ?? 0) + n);
    return {
      results: keys.flatMap((key: string) => results.get(key, digestOf(key)) ?? []),
      mutants: byFolder,
    };
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

/** Which tests a mutant meets: stages, quick ones first, until one fails. */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Made, makeAssembly, makeShaders, ORIGINAL } from "./compile.ts";
import type { Status } from "./results.ts";

interface Stage {
  readonly files: readonly string[];
  /** Part of the tests' names, a regular expression. */
  readonly named?: string;
}

const stage = (files: string, named?: string): Stage => ({
  files: files.split(" ").map((file) => `test/${file}.test.ts`),
  named,
});

const HEAP = stage("adapters/tfjs-heap");
const MASKS = stage("masks sampled-masks holes");
const SORT = stage("sort holes");
const SAMPLING = stage("sampling");
const TIES = stage("ties");

/** Left out for shaders: sizes that SwiftShader takes minutes for, and dtypes that move as others of their width do. */
const SLOW = "at a size where work is cut|two blocks of rows|int32|bfloat16";

export interface Area {
  readonly folder: string;
  readonly files: readonly string[];
  /** The least score that passes, of 1. */
  readonly least: number;
  make(file: string, text: string): Promise<Made>;
  stages(file: string): readonly Stage[];
}

const ASSEMBLY: Readonly<Record<string, readonly Stage[]>> = {
  bins: [TIES, SAMPLING],
  candidates: [TIES, SAMPLING],
  classes: [SORT, SAMPLING, TIES],
  "heap-rows": [HEAP],
  mask: [MASKS],
  memory: [SORT, SAMPLING, TIES, MASKS],
  philox: [stage("sampling", "from 0 to|S = "), SAMPLING, TIES],
  rows: [HEAP, stage("tokens")],
  sampling: [SAMPLING, TIES],
  select: [TIES, SAMPLING],
  sort: [SORT, SAMPLING],
};

const named = (file: string) => /(\w[\w-]*)\.\w+$/.exec(file)![1];

export const AREAS: Readonly<Record<string, Area>> = {
  assembly: {
    folder: "assembly",
    files: Object.keys(ASSEMBLY).map((name) => `assembly/${name}.ts`),
    least: 0.95,
    make: makeAssembly,
    stages: (file) => ASSEMBLY[named(file)],
  },
  gpu: {
    folder: "gpu",
    files: ["gpu/main.wgsl", "gpu/masks.wgsl", "gpu/rows.wgsl"],
    least: 0.9,
    make: makeShaders,
    stages: (file) => {
      const own = { main: "", masks: "masks", rows: "rows of tokens|corner" }[named(file)];
      return [stage("gpu/dawn", `^(?!.*(?:${SLOW})).*(?:${own})`), stage("gpu/placement")];
    },
  },
};

/** How much longer than the original a stage may take: other work on the machine counts, too. */
const [TIMES, AT_LEAST] = [3, 30_000];

const limits = new Map<string, Promise<number>>();

/** How long a stage may take, in ms. The original runs through it first: it must pass. */
function limitOf(s: Stage): Promise<number> {
  const key = JSON.stringify(s);
  const limit = limits.get(key) ?? measured(s);
  limits.set(key, limit);
  return limit;
}

async function measured(s: Stage): Promise<number> {
  const { passed, ms, by } = await inFolder(ORIGINAL, (folder) => runStage(folder, s, 600_000));
  const what = `${s.files.join(" ")}${s.named ? ` -t "${s.named}"` : ""}`;
  if (!passed) throw new Error(`the original fails ${what}: ${by ?? "no report"}`);
  console.log(`  the original passes in ${(ms / 1000).toFixed(1)} s: ${what}`);
  return Math.max(AT_LEAST, TIMES * ms);
}

/** Runs one stage, one file after the other, until a test fails. */
async function runStage(folder: string, { files, named }: Stage, limit: number) {
  const report = join(folder, "report.json");
  const child = spawn(
    process.execPath,
    [
      ...["node_modules/vitest/vitest.mjs", "run", ...files, "--config", "scripts/mutation/vitest.config.ts"],
      ...["--bail", "1", "--no-file-parallelism", "--reporter", "json", "--outputFile", report],
      ...(named ? ["-t", named] : []),
    ],
    { env: { ...process.env, MUTANT: folder }, stdio: "ignore", detached: true },
  );
  running.add(child.pid!);
  const start = Date.now();
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    stop(child.pid!);
  }, limit);
  const code = await new Promise<number | null>((done) => child.on("exit", done));
  clearTimeout(timer);
  stop(child.pid!); // what it left behind
  running.delete(child.pid!);
  return {
    passed: code === 0,
    isLate,
    ms: Date.now() - start,
    by: code === 0 ? undefined : firstFailure(report),
  };
}

function firstFailure(report: string): string | undefined {
  try {
    const { testResults } = JSON.parse(readFileSync(report, "utf8"));
    for (const { name, assertionResults } of testResults) {
      const failed = assertionResults.find(({ status }: { status: string }) => status === "failed");
      if (failed) return `${name.replace(/^.*\/test\//, "test/")} > ${failed.fullName}`;
    }
  } catch {
    // it ended before it could tell
  }
  return undefined;
}

const running = new Set<number>();

/** Ends a process with those that it began. */
function stop(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // all of them are gone
  }
}
process.on("exit", () => {
  running.forEach(stop);
  folders.forEach(remove);
});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => process.exit(130));

const folders = new Set<string>();

function remove(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
  folders.delete(folder);
}

async function inFolder<R>(made: Made, use: (folder: string) => Promise<R>): Promise<R> {
  const folder = mkdtempSync(join(tmpdir(), "random-ltd-mutant-"));
  folders.add(folder);
  try {
    if ("files" in made)
      for (const [name, contents] of made.files) writeFileSync(join(folder, name), contents);
    return await use(folder);
  } finally {
    remove(folder);
  }
}

/** What becomes of a mutant. */
export async function test(area: Area, file: string, text: string): Promise<{ status: Status; by?: string }> {
  const made = await area.make(file, text);
  if ("status" in made) return made;
  return inFolder(made, async (folder) => {
    for (const s of area.stages(file)) {
      const { passed, isLate, by } = await runStage(folder, s, await limitOf(s));
      if (isLate) return { status: "timeout" as const };
      if (!passed) return { status: "killed" as const, by };
    }
    return { status: "survived" as const };
  });
}

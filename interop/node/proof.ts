/**
 * `npm run interop`: a run begun here goes on in PyTorch, on two processes, and comes back, and nothing can tell.
 *
 * Node trains steps 0 to 9 and hands over; two ranks of DistributedDataParallel over gloo run 10 to 19; Node runs 20 to
 * 29. Beside it Node runs all 30 without a break. Then, in float64: two ranks against one, ranks that don't number their
 * rows (the control), and a rank that dies. `npm run interop -- gpt` does the one model only.
 */
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defaultDevice, init } from "@jax-js/jax";
import { bertSampleTokens, gptSampleTokens } from "random-ltd";
import { findPython } from "../../scripts/python.js";
import { drawsOf } from "../../trainer/dropping.ts";
import { ADAMW } from "../../trainer/optimizer.ts";
import { Run } from "../../trainer/run.ts";
import { encodeArrays } from "../../trainer/state.ts";
import type { HostArrays, ModelConfig, RunConfig, RunState, Task } from "../../trainer/types.ts";
import { digitsTask, textTask } from "./data.ts";
import { decodeHandOver, encodeHandOver } from "./hand-over.ts";
import { runRanks, type StepLine } from "./ranks.ts";

const [FIRST, SECOND, END] = [10, 20, 30];

/** What weights may differ by: two ways of adding in float32, ten or twenty steps on; and in float64. */
const FLOAT32 = 1e-5;
const FLOAT64 = 1e-12;

const needed = ["torch", "numpy"];
const python = findPython(needed);
if (python === null) {
  console.error(
    `npm run interop needs a Python with ${needed.join(" and ")} (Debian: python3-torch, python3-numpy)`,
  );
  process.exit(1);
}

let failures = 0;

/** Says what was seen, and remembers where it is not what should be. */
function check(holds: boolean, words: string): void {
  if (!holds) failures++;
  console.log(`  ${holds ? "ok    " : "FAILED"}  ${words}`);
}

/** What a step retained: SHA-256 of the positions of all rows, int32 [L,B,K]; of nothing with all tokens. */
function digestOf(config: RunConfig, task: Task, K: number, step: number): string {
  const { batch: batchSize, seed, model, dropping } = config;
  const sample = model.kind === "gpt" ? gptSampleTokens : bertSampleTokens;
  const layers = drawsOf(dropping);
  const { keepPrefix } = task;
  const hash = createHash("sha256");
  if (K < model.seq) {
    const request = { reservedLength: K, seqLength: model.seq, batchSize, layers, seed, step, keepPrefix };
    hash.update(sample(request).sampledIndices.data as Int32Array);
  }
  return hash.digest("hex");
}

/** Takes steps up to `end`, as rank 0 of PyTorch reports them. */
async function train(run: Run, end: number): Promise<StepLine[]> {
  const lines: StepLine[] = [];
  while (run.totals.step < end) {
    const { step } = run.totals;
    const { loss, K } = await run.step();
    lines.push({ step, loss, K, digest: digestOf(run.config, run.task, K, step) });
  }
  return lines;
}

/** The batches of some steps as a file: arrays [N,B,...]. */
function encodeBatches({ batch, seed }: RunConfig, task: Task, from: number, to: number): Uint8Array {
  const steps = Array.from({ length: to - from }, (_, i) => task.batch(seed, from + i, batch));
  const arrays: HostArrays = {};
  for (const [name, { shape, data }] of Object.entries(steps[0])) {
    const all = new (data.constructor as Float32ArrayConstructor)(steps.length * data.length);
    for (const [i, step] of steps.entries()) all.set(step[name].data as Float32Array, i * data.length);
    arrays[name] = { shape: [steps.length, ...shape], data: all };
  }
  return encodeArrays(arrays, { first_step: String(from) });
}

/** The largest difference between the arrays of two runs whose names begin with `prefix`. */
function farthest(a: HostArrays, b: HostArrays, prefix = "weights/"): number {
  let most = 0;
  for (const [name, { data }] of Object.entries(a)) {
    if (!name.startsWith(prefix)) continue;
    for (let i = 0; i < data.length; i++) most = Math.max(most, Math.abs(data[i] - b[name].data[i]));
  }
  return most;
}

const same = (a: readonly StepLine[], b: readonly StepLine[]) =>
  a.length === b.length && a.every((line, i) => line.digest === b[i].digest && line.K === b[i].K);

const lossGap = (a: readonly StepLine[], b: readonly StepLine[]) =>
  Math.max(...a.map((line, i) => Math.abs(line.loss - b[i].loss)));

const short = (number: number) => number.toExponential(1);

/** A hand-over in float64, which the trainer here does not read: by Python, as float32's difference of two files. */
async function farthest64(a: string, b: string): Promise<number> {
  const code = `
import sys
from random_ltd.hand_over import read_hand_over
a, b = (read_hand_over(path).arrays for path in sys.argv[1:])
assert all(x.dtype == "float64" for x in a.values())
print(max(float(abs(a[name] - b[name]).max()) for name in a))`;
  const { spawnSync } = await import("node:child_process");
  const env = { ...process.env, PYTHONPATH: "interop/python", PYTHONDONTWRITEBYTECODE: "1" };
  const { stdout, stderr } = spawnSync(python!, ["-c", code, a, b], { encoding: "utf8", env });
  if (stdout === "") throw new Error(stderr);
  return Number(stdout);
}

async function prove(name: string, config: RunConfig, task: Task, folder: string, whole: boolean) {
  const file = (of: string) => join(folder, `${name}-${of}.safetensors`);
  console.log(`${name}: ${JSON.stringify(config.model)}`);

  // Without a break, in Node.
  const unbroken = new Run(config, task);
  const [first, batches] = [file("10"), file("batches")];
  const expected = await train(unbroken, FIRST);
  const state10 = await unbroken.state();
  expected.push(...(await train(unbroken, SECOND)));
  const state20 = await unbroken.state();
  expected.push(...(await train(unbroken, END)));
  const state30 = await unbroken.state();
  const lengths = [...new Set(expected.map(({ K }) => K))];
  console.log(
    `  steps 0 to 29 in Node, K ${lengths.join(", ")}: loss ${expected[0].loss.toFixed(4)} to`,
    expected[END - 1].loss.toFixed(4),
  );

  // Over to PyTorch after step 9, and back after step 19.
  writeFileSync(first, encodeHandOver(state10, task));
  writeFileSync(batches, encodeBatches(config, task, FIRST, SECOND));
  const middle = expected.slice(FIRST, SECOND);
  const ranks = async (world: number, out: string, ...more: string[]) => {
    const result = await runRanks(python!, world, [
      ...["--batches", batches, "--until", String(SECOND), "--out", out],
      ...(more.includes("--run") ? [] : ["--run", first]),
      ...more,
    ]);
    if (!more.includes("--kill") && result.codes.some((code) => code !== 0)) throw new Error(result.errors);
    return result;
  };
  const two = await ranks(2, file("20"));
  check(
    same(two.lines, middle),
    "steps 10 to 19 on two ranks: the tokens are those of the run without a break, in every byte",
  );
  check(
    lossGap(two.lines, middle) < FLOAT32,
    `its loss is the same within ${FLOAT32}: ${short(lossGap(two.lines, middle))}`,
  );
  const layout = unbroken.model.layout;
  const back = decodeHandOver(readFileSync(file("20")), { config, task, layout });
  const gap20 = farthest(back.arrays, state20.arrays);
  check(gap20 < FLOAT32, `its weights within ${FLOAT32} (float32): ${short(gap20)}`);
  check(
    back.totals.layerTokens === state20.totals.layerTokens,
    `consumed layer-tokens: ${back.totals.layerTokens}`,
  );
  const resumed = new Run(config, task, { state: back, compiled: unbroken.compiled });
  const last = await train(resumed, END);
  check(same(last, expected.slice(SECOND)), "back in Node, steps 20 to 29: the same tokens");
  const end: RunState = await resumed.state();
  const gap30 = farthest(end.arrays, state30.arrays);
  check(gap30 < FLOAT32, `its weights within ${FLOAT32} (float32): ${short(gap30)}`);
  const curve = end.history.losses;
  const curveGap = Math.max(...curve.map((loss, i) => Math.abs(loss - expected[i].loss)));
  check(
    curve.length === END && curveGap < FLOAT32,
    `the loss curve is joined, ${curve.length} steps, within ${short(curveGap)}`,
  );
  resumed.dispose();
  unbroken.dispose();

  // In float64: the ranks against one process, and the control.
  const [one64, two64] = [file("one-64"), file("two-64")];
  await ranks(1, one64, "--dtype", "float64");
  await ranks(2, two64, "--dtype", "float64", "--accumulate", "2");
  const gap64 = await farthest64(one64, two64);
  check(
    gap64 < FLOAT64,
    `two ranks, two micro-batches each, against one process: within ${FLOAT64} (float64): ${short(gap64)}`,
  );
  if (!whole) return;
  const wrong = await ranks(2, file("wrong"), "--dtype", "float64", "--no-offset");
  const wrongGap = await farthest64(one64, file("wrong"));
  check(
    wrong.lines.every((line, i) => line.digest !== middle[i].digest || line.K === config.model.seq) &&
      wrongGap > 1e-6,
    `control: ranks that don't number their rows retain OTHER TOKENS, and the weights are ${short(wrongGap)} away`,
  );

  // A rank that dies.
  const kept = file("15");
  const died = await ranks(2, kept, "--dtype", "float64", "--every", "5", "--kill", "1:17");
  const steps = Number(decodeTotals(kept).step);
  check(
    died.codes.every((code) => code !== 0) && steps === 15,
    `a rank is killed before step 17: the run ends, and the hand-over of step ${steps} is whole`,
  );
  for (const world of [1, 2]) {
    const out = file(`after-${world}`);
    const rest = await ranks(world, out, "--run", kept);
    const gap = await farthest64(one64, out);
    check(
      same(rest.lines, middle.slice(5)) && gap < FLOAT64,
      `it goes on from there on ${world === 1 ? "one rank" : "two ranks"}: the same tokens, weights within ${short(gap)}`,
    );
  }
}

/** Where a hand-over stands, from its metadata. */
function decodeTotals(file: string): { step: number } {
  const bytes = readFileSync(file);
  const length = Number(bytes.readBigUInt64LE(0));
  return JSON.parse(JSON.parse(bytes.toString("utf8", 8, 8 + length)).__metadata__.totals);
}

await init("wasm");
defaultDevice("wasm");
const folder = mkdtempSync(join(tmpdir(), "random-ltd-interop-"));
const began = Date.now();
try {
  const shared = {
    optimizer: { ...ADAMW, lr: 3e-3, follows: "layer-tokens" as const },
    batch: 8,
    budget: { unit: "steps" as const, amount: END },
    seed: 1234,
  };
  const { task, vocab } = textTask(64);
  const gpt: ModelConfig = { kind: "gpt", layers: 4, channels: 32, heads: 2, seq: 64, vocab };
  const lengths = { start: 16, until: 0.8, growth: "linear", by: 16 } as const;
  const dropping = { how: "layers", layers: [1, 2] } as const;
  const only = process.argv.slice(2);
  const wanted = (name: string) => only.length === 0 || only.includes(name);
  if (wanted("gpt"))
    await prove("gpt", { task: "text", model: gpt, dropping, lengths, ...shared }, task, folder, true);
  const vit: ModelConfig = {
    kind: "vit",
    layers: 3,
    channels: 16,
    heads: 2,
    seq: 196,
    patch: 36,
    classes: 10,
  };
  const route = { how: "route", first: 1, last: 2 } as const;
  const constant = { start: 48, until: 0.8, growth: "constant" } as const;
  if (wanted("vit"))
    await prove(
      "vit",
      { task: "digits", model: vit, dropping: route, lengths: constant, ...shared },
      digitsTask(),
      folder,
      false,
    );
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.log(
  failures === 0 ? "all of it holds" : `${failures} of it FAILED`,
  `(${((Date.now() - began) / 1000).toFixed(0)} s)`,
);
process.exit(failures === 0 ? 0 : 1);

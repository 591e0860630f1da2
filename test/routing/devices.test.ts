import { Worker } from "node:worker_threads";
import { build } from "esbuild";
import { expect, test } from "vitest";
import { bertSampleTokens } from "../../src/index.ts";
import { GLOBAL_BATCH, runShard, type ShardStep, STEPS } from "./shard.ts";

/** Runs a shard in a thread of its own, with a copy of the library of its own. */
async function inThread(
  code: string,
  rows: readonly [number, number],
  microBatch: number,
): Promise<ShardStep[]> {
  const worker = new Worker(code, { eval: true, workerData: { rows, microBatch } });
  try {
    return await new Promise((resolve, reject) => {
      worker.once("message", resolve);
      worker.once("error", reject);
    });
  } finally {
    await worker.terminate();
  }
}

async function bundle(): Promise<string> {
  const { outputFiles } = await build({
    stdin: {
      contents: `
        import { parentPort, workerData } from "node:worker_threads";
        import { runShard } from "./shard.ts";
        parentPort.postMessage(runShard(workerData.rows, workerData.microBatch));`,
      resolveDir: import.meta.dirname,
    },
    bundle: true,
    platform: "node",
    format: "cjs",
    write: false,
  });
  return outputFiles[0].text;
}

/** Rounding differs where sums are taken in another order, and nowhere else. */
function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>) {
  expect(actual.length).toBe(expected.length);
  for (let i = 0; i < expected.length; i++) {
    expect(Math.abs(actual[i] - expected[i])).toBeLessThanOrEqual(1e-12 * (1 + Math.abs(expected[i])));
  }
}

test("a batch over worker threads: the same indices, losses and summed gradients as on one device", async () => {
  const whole = runShard([0, GLOBAL_BATCH], GLOBAL_BATCH);
  const code = await bundle();
  // Three devices of uneven shares; the second takes its rows in micro-batches of one.
  const shards = await Promise.all([
    inThread(code, [0, 2], 2),
    inThread(code, [2, 5], 1),
    inThread(code, [5, GLOBAL_BATCH], 1),
  ]);
  expect(whole.map(({ kept }) => kept)).toEqual([4, 4, 8, 12]); // 4 + 3t, less its remainder by 4
  let gradient = 0;
  for (let step = 0; step < STEPS; step++) {
    const { kept, indices, loss, grads } = whole[step];
    const parts = shards.map((shard) => shard[step]);
    const ofLayer = (part: ShardStep, l: number) =>
      part.indices.slice((l * part.indices.length) / 2, ((l + 1) * part.indices.length) / 2);
    expect([0, 1].flatMap((l) => parts.flatMap((part) => ofLayer(part, l)))).toEqual(indices);
    const { sampledIndices } = bertSampleTokens({
      reservedLength: kept,
      seqLength: 16,
      batchSize: GLOBAL_BATCH,
      layers: 2,
      seed: 77,
      step,
    });
    expect(indices).toEqual([...sampledIndices.data]);
    expectClose([parts.reduce((sum, part) => sum + part.loss, 0)], [loss]);
    expectClose(
      grads.map((_, i) => parts.reduce((sum, part) => sum + part.grads[i], 0)),
      grads,
    );
    gradient += grads.reduce((sum, g) => sum + Math.abs(g), 0);
  }
  expect(gradient).toBeGreaterThan(1);
});

test("gradient accumulation one row at a time sums to the very same bits", () => {
  const whole = runShard([0, GLOBAL_BATCH], GLOBAL_BATCH);
  const rows = runShard([0, GLOBAL_BATCH], 1);
  for (let step = 0; step < STEPS; step++) {
    expect(rows[step].indices).toEqual(whole[step].indices);
    expect(rows[step].grads).toEqual(whole[step].grads);
  }
});

test("without batchOffset the second shard repeats the first one's rows: the control", () => {
  const [first] = runShard([0, 2], 2);
  const [second] = runShard([2, 4], 2);
  const [wrong] = runShard([2, 4], 2, false);
  expect(wrong.indices).toEqual(first.indices);
  expect(second.indices).not.toEqual(first.indices);
  expect(Math.abs(wrong.loss - second.loss)).toBeGreaterThan(1e-6);
});

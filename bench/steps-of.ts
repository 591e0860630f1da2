// A training step of one model in jax-js at several K, for bench/steps.js:
//   node --expose-gc scripts/run.js bench/steps-of.ts '{"model": {...}, "batch": 2, "lengths": [256, 128], "rounds": 5, "wall": false}'
// Prints JSON. A process of its own, so that the memory of each new length is that length's.
import { blockUntilReady, defaultDevice, init, tree } from "@jax-js/jax";
import { sampleRoutes } from "../trainer/dropping.ts";
import { Model, toArrays } from "../trainer/models/model.ts";
import { ADAMW, AdamW } from "../trainer/optimizer.ts";
import type { Dropping, HostArrays, ModelConfig } from "../trainer/types.ts";
import { clockOf, median } from "./measure.js";

interface Job {
  readonly model: ModelConfig;
  readonly batch: number;
  /** K, S first. */
  readonly lengths: readonly number[];
  readonly rounds: number;
  readonly wall: boolean;
}

const { model: config, batch, lengths, rounds, wall } = JSON.parse(process.argv[2]) as Job;
const clock = clockOf(wall);
await init("wasm");
defaultDevice("wasm");

/** All but the first and the last. */
const dropping: Dropping = { how: "route", first: 1, last: config.layers - 2 };
const model = new Model(config, dropping);
const optimizer = new AdamW({ ...ADAMW, lr: 1e-3 });

/** Any numbers will do: time does not depend on them. */
function inputs(): HostArrays {
  const { seq } = config;
  if (config.kind === "vit") {
    const data = Float32Array.from({ length: batch * seq * config.patch }, (_, i) => Math.sin(i));
    return {
      patches: { shape: [batch, seq, config.patch], data },
      labels: { shape: [batch], data: Int32Array.from({ length: batch }, (_, i) => i % config.classes) },
    };
  }
  if (config.kind !== "gpt") throw new RangeError(`"model" expected a gpt or a vit, got ${config.kind}`);
  const data = Int32Array.from({ length: batch * seq }, (_, i) => (i * i) % config.vocab);
  const tokens = { shape: [batch, seq], data };
  return { tokens, targets: tokens };
}

const given = inputs();
let weights = toArrays(model.init(0));
const zeros = () => tree.map((w: (typeof weights)[string]) => w.mul(0), tree.ref(weights)) as typeof weights;
let [first, second] = [zeros(), zeros()];
let step = 0;

/** A step as a run does it: draw, gradients, AdamW, and the wait for all of it. */
async function train(K: number): Promise<void> {
  const sizes = { K, S: config.seq, B: batch, seed: 7, step, keepPrefix: 0, causal: model.causal };
  const [loss, grads] = model.gradients(weights, toArrays(given), sampleRoutes(dropping, sizes));
  [weights, first, second] = optimizer.update([weights, first, second], grads, step++, 1e-3);
  await blockUntilReady([weights, first, second]);
  await loss.data();
}

function residentMiB(): number {
  globalThis.gc?.();
  return process.memoryUsage().rss / 2 ** 20;
}

/** Milliseconds of a step. */
async function time(K: number): Promise<number> {
  const start = clock();
  await train(K);
  return clock() - start;
}

const found = [];
for (const K of lengths) {
  const before = residentMiB();
  const firstMs = await time(K);
  found.push({
    K,
    firstMs,
    mib: residentMiB() - before,
    flops: batch * model.flops(K),
    samples: [] as number[],
  });
}
for (let round = 0; round < rounds; round++) {
  for (const { K, samples } of found) {
    await train(K); // finds the caches as a run of this length leaves them
    samples.push(await time(K));
  }
}
const results = found.map(({ samples, firstMs, ...rest }) => {
  const ms = median(samples);
  return { ...rest, ms, compileMs: firstMs - ms };
});
console.log(JSON.stringify(results));
process.exit(0);

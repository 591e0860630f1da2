/**
 * One transformer, a padded batch and random-LTD, in jax-js, in TF.js and on the library's own tensors in float64: the
 * same weights, masks and indices give the same loss and the same gradients, to float32's rounding.
 */
import { defaultDevice, init, numpy as np } from "@jax-js/jax";
import { beforeAll, describe, expect, test } from "vitest";
import { JaxLayer, jaxOps } from "../../src/adapters/jax.ts";
import { type CPUTensor, convertToRandomLTD, type MaskMode, tensor } from "../../src/index.ts";
import { makeScheduler } from "../routing/settings.ts";
import { Block, noise } from "../routing/tiny.ts";
import { plainSample } from "../suites/plain-sampling.ts";
import { block as jaxBlock } from "./jax-tiny.ts";
import { tf, use } from "./tfjs/backends.ts";
import { blockOf, NAMES, variablesOf } from "./tfjs/block.ts";

const { tfjsOps } = await import("../../src/adapters/tfjs.ts");

const [B, S, K, C, L] = [3, 12, 8, 4, 4];
const LENGTHS = [12, 9, 5]; // real tokens of each row, padding behind them
const SEED = 11;
const ROUNDING = 2e-6; // seen: 5e-7

const float32 = (values: Float64Array) => values.map(Math.fround);
const real = new Uint8Array(B * S).map((_, i) => (i % S < LENGTHS[Math.floor(i / S)] ? 1 : 0));
/** [B,1,S,S]: every token attends to the real ones and to itself. */
const mask = new Float64Array(B * S * S).map((_, i) => {
  const [b, query, key] = [Math.floor(i / (S * S)), Math.floor(i / S) % S, i % S];
  return query === key || real[b * S + key] ? 0 : -1e9;
});
const angles = float32(noise(S, 9).map((a) => 2 * a));
const goal = float32(noise(B * S * C, 4));
/** 1 where an element counts in the loss: those of real tokens. */
const counts = new Float64Array(B * S * C).map((_, i) => real[Math.floor(i / C)]);
/** Among all tokens: some padding is retained. */
const drawn = plainSample({ reservedLength: K, seqLength: S, batchSize: B, layers: 2, seed: SEED });
const indicesOf = (layer: number) => tensor(drawn.slice(layer * B * K, (layer + 1) * B * K), [B, K]);

/** What padding tokens hold changes with `padding`. */
const hidden = (padding: number) => float32(noise(B * S * C, 3)).map((x, i) => (counts[i] ? x : x + padding));

function blocks(): Block[] {
  return Array.from({ length: L }, (_, i) => {
    const made = new Block(C, i + 1);
    for (const name of NAMES) made.weights[name].set(float32(made.weights[name]));
    return made;
  });
}

interface Setting {
  kept?: number;
  maskMode?: MaskMode;
  padding?: number;
}
/** Half the squares of what real tokens miss, and its gradients: L times those of wq, wk, wv, wo, w1, w2. */
interface Result {
  loss: number;
  grads: ArrayLike<number>[];
}

function settings({ kept = K, maskMode = "gather" }: Setting) {
  const scheduler = makeScheduler({ ids: [1, 2], layers: L, min: kept, max: S, seed: SEED });
  return { scheduler, options: { maskMode, alongSequence: { rope: "seq_dim" } } as const };
}

function byHand(setting: Setting = {}, layers: Block[] = blocks()): Result {
  const { scheduler, options } = settings(setting);
  for (const layer of layers) layer.zeroGrad();
  const stack = convertToRandomLTD<CPUTensor, CPUTensor>(layers, scheduler, options);
  const kwargs = { attention_mask: tensor(mask, [B, 1, S, S]), rope: tensor(angles, [S]) };
  const out = stack.forward(tensor(hidden(setting.padding ?? 0), [B, S, C]), kwargs, { indicesOf });
  const missed = (out.data as Float64Array).map((x, i) => counts[i] * (x - goal[i]));
  stack.backward(tensor(missed, [B, S, C]));
  const loss = missed.reduce((sum, d) => sum + d * d, 0) / 2;
  return { loss, grads: layers.flatMap(({ grads }) => NAMES.map((name) => grads[name])) };
}

function inJax(setting: Setting = {}): Result {
  const array = (values: Float64Array, shape: number[]) => np.array(Float32Array.from(values), { shape });
  const { scheduler, options } = settings(setting);
  const layers = blocks().map(({ weights }) => {
    const layer = new JaxLayer(jaxBlock);
    const entries = NAMES.map((name) => [name, array(weights[name], [C, C])]);
    layer.setWeights(Object.fromEntries(entries));
    return layer;
  });
  const stack = convertToRandomLTD<np.Array, np.Array>(layers, scheduler, { ...options, ops: jaxOps });
  const kwargs = { attention_mask: array(mask, [B, 1, S, S]), rope: array(angles, [S]) };
  const out = stack.forward(array(hidden(setting.padding ?? 0), [B, S, C]), kwargs, { indicesOf });
  const missed = out.sub(array(goal, [B, S, C])).mul(array(counts, [B, S, C]));
  const loss = np.square(missed.ref).sum().item() / 2;
  stack.backward(missed).dispose();
  const grads = layers.map((layer) => layer.takeGrads());
  return { loss, grads: grads.flatMap((g) => NAMES.map((name) => g[name].dataSync())) };
}

function inTF(setting: Setting = {}): Result {
  return tf.tidy(() => {
    const array = (values: Float64Array, shape: number[]) => tf.tensor(Float32Array.from(values), shape);
    const { scheduler, options } = settings(setting);
    const variables = blocks().map(variablesOf);
    const stack = convertToRandomLTD<any, any>(variables.map(blockOf), scheduler, {
      ...options,
      ops: tfjsOps,
    });
    const kwargs = { attention_mask: array(mask, [B, 1, S, S]), rope: array(angles, [S]) };
    const { value, grads } = tf.variableGrads(() => {
      const out = stack.forward(array(hidden(setting.padding ?? 0), [B, S, C]), kwargs, { indicesOf });
      const missed = tf.mul(tf.sub(out, array(goal, [B, S, C])), array(counts, [B, S, C]));
      return tf.div(tf.sum(tf.square(missed)), 2);
    });
    const named = variables.flatMap((v) => NAMES.map((name) => grads[v[name].name].dataSync()));
    for (const v of variables) for (const name of NAMES) v[name].dispose();
    return { loss: value.dataSync()[0], grads: named };
  });
}

/** The largest difference in the loss, or in a weight's gradient, over the largest value there. */
function apart(a: Result, b: Result): number {
  expect(a.grads.length).toBe(b.grads.length);
  const pairs = a.grads.map((grad, i) => [Array.from(grad), Array.from(b.grads[i])]);
  const far = [[[a.loss], [b.loss]], ...pairs].map(([x, y]) => {
    expect(x.length).toBe(y.length);
    return Math.max(...x.map((value, i) => Math.abs(value - y[i]))) / Math.max(...y.map(Math.abs));
  });
  return Math.max(...far);
}

const FRAMEWORKS = [
  ["jax-js", inJax],
  ["TF.js", inTF],
] as const;

beforeAll(async () => {
  await use("cpu");
  await init("wasm");
  defaultDevice("wasm");
});

describe("a padded batch at K < S", () => {
  test("loss and every gradient are the same in jax-js and TF.js, to rounding", () => {
    const [jax, tfjs] = [inJax(), inTF()];
    expect(apart(jax, tfjs)).toBeLessThan(ROUNDING);
    for (const result of [jax, tfjs]) expect(apart(result, byHand())).toBeLessThan(ROUNDING);
    // A control: other tokens would show, and so would another mask.
    expect(apart(jax, inTF({ kept: S }))).toBeGreaterThan(1e-2);
    expect(apart(jax, inTF({ maskMode: "slice-unchecked" }))).toBeGreaterThan(1e-2);
  });

  test.each(FRAMEWORKS)("gradients are central differences in %s", (_, run) => {
    const { grads } = run();
    const layers = blocks();
    for (const [n, { weights }] of layers.entries()) {
      for (const [m, name] of NAMES.entries()) {
        const [w, grad] = [weights[name], Array.from(grads[n * NAMES.length + m])];
        const at = (5 * n + 3 * m) % w.length;
        const own = w[at];
        const [above, below] = [1e-5, -1e-5].map((step) => {
          w[at] = own + step;
          return byHand({}, layers).loss;
        });
        w[at] = own;
        const off = Math.abs(grad[at] - (above - below) / 2e-5) / Math.max(...grad.map(Math.abs));
        expect(off, `${name} of layer ${n}`).toBeLessThan(ROUNDING);
      }
    }
  });

  test.each([
    ["the library's own tensors", byHand] as const,
    ...FRAMEWORKS,
  ])("by a gathered mask no real token attends to padding, by its corner some do: %s", (_, run) => {
    expect(run({ padding: 5 })).toEqual(run());
    const [cut, other] = [0, 5].map((padding) => run({ padding, maskMode: "slice-unchecked" }));
    expect(apart(other, cut)).toBeGreaterThan(1e-2);
  });
});

/** Routes and layers that drop a part of their own, whatever the schedule says. */
import { describe, expect, test } from "vitest";
import {
  type CPUTensor,
  convertToRandomLTD,
  type DropRatio,
  LayerStack,
  RandomLayerTokenDrop,
  type Route,
  tensor,
  tensorOps,
} from "../../src/index.ts";
import { makeScheduler } from "./settings.ts";
import { Block, causalMask, noise, squaredLoss } from "./tiny.ts";

const noMask = { min: 4, max: 12, model_mask_name: null };
const hidden = (b: number, s: number) => tensor(noise(b * s * 2, 1), [b, s, 2]);

/** Layers that write down how many tokens they get. */
function counters(n: number) {
  const seen: number[] = Array(n).fill(-1);
  const layers = seen.map((_, i) => (h: CPUTensor) => {
    seen[i] = h.shape[1];
    return h;
  });
  return { seen, layers };
}

/** SimpleTuner's published settings for Wan 1.3B (its documentation/quickstart/FLUX.md, "TREAD training"). */
const SIMPLE_TUNER = {
  routes: [
    { selection_ratio: 0.1, start_layer_idx: 2, end_layer_idx: 8 },
    { selection_ratio: 0.25, start_layer_idx: 9, end_layer_idx: 11 },
    { selection_ratio: 0.35, start_layer_idx: 12, end_layer_idx: 15 },
    { selection_ratio: 0.25, start_layer_idx: 16, end_layer_idx: 23 },
    { selection_ratio: 0.1, start_layer_idx: 24, end_layer_idx: -2 },
  ],
};
const fiveRoutes = SIMPLE_TUNER.routes.map(
  (r): Route => ({ layers: [r.start_layer_idx, r.end_layer_idx], dropRatio: r.selection_ratio }),
);

/** K as the contract has it, in whole thousandths where r has three digits. */
function expectedK(seq: number, thousandths: number): number {
  const dropped = Number((2n * BigInt(seq) * BigInt(thousandths) + 1000n) / 2000n);
  return Math.max(1, seq - dropped);
}

test("SimpleTuner's five routes, for every length of sequence", () => {
  const total = 30;
  const { seen, layers } = counters(total);
  const ids = Array.from({ length: 27 }, (_, i) => i + 2);
  const scheduler = makeScheduler({ ...noMask, layers: total, ids });
  const stack = convertToRandomLTD(layers, scheduler, { routes: fiveRoutes });
  const thousandths = [100, 250, 350, 250, 100];
  const ranges = [
    [2, 8],
    [9, 11],
    [12, 15],
    [16, 23],
    [24, 28],
  ];
  for (const S of [1, 2, 3, 4, 5, 7, 10, 16, 50, 77, 196, 1024, 4096]) {
    stack.train();
    stack.forward(hidden(2, S));
    const kept = Array<number>(total).fill(S);
    for (const [i, [from, to]] of ranges.entries()) kept.fill(expectedK(S, thousandths[i]), from, to + 1);
    expect(seen).toEqual(kept);
    expect(stack.layerTokens(2, S)).toBe(2 * kept.reduce((sum, k) => sum + k));
    // What each retains is the rule's, drawn by its first layer's ordinal.
    const retained = [...stack.sample(2, S)].map(([ordinal, { shape }]) => [ordinal, shape[1]]);
    const drawn = ranges.map(([from], i) => [from - 2, expectedK(S, thousandths[i])]);
    expect(retained).toEqual(drawn.filter(([, k]) => k < S));
    stack.eval();
    stack.forward(hidden(2, S));
    expect(new Set(seen)).toEqual(new Set([S]));
    expect(stack.layerTokens(2, S)).toBe(2 * S * total);
  }
});

test.each([
  0,
  0.001,
  0.125,
  0.375,
  0.5,
  0.5 - 2 ** -53,
  0.875,
  0.999,
  1 - 2 ** -53,
])("K is max(1, S - floor(S * %d + 0.5))", (dropRatio) => {
  const { seen, layers } = counters(1);
  const wrapped = new RandomLayerTokenDrop(layers[0], makeScheduler({ ...noMask, ids: [0] }), 0, {
    dropRatio,
  });
  for (let S = 1; S <= 200; S++) {
    const K = Math.max(1, S - Math.floor(S * dropRatio + 0.5));
    wrapped.forward(hidden(1, S));
    expect([S, seen[0], wrapped.layerTokens(3, S)]).toEqual([S, K, 3 * K]);
    expect(wrapped.sample(1, S)?.shape[1] ?? S).toBe(K);
  }
});

test("a function of the step; the schedule goes on beside it", () => {
  const { seen, layers } = counters(4);
  const scheduler = makeScheduler({ ...noMask, ids: [0, 1, 2, 3], steps: 8 });
  const asked: number[] = [];
  const dropRatio = (step: number) => {
    asked.push(step);
    return 0.75 - step / 100;
  };
  const routes: Route[] = [[0, 0], { layers: [1, 2], dropRatio }, { layers: [3, 3] }];
  const stack = convertToRandomLTD(layers, scheduler, { routes });
  for (const step of [0, 25, 50]) {
    scheduler.updateSeq(step);
    asked.length = 0;
    stack.forward(hidden(1, 20));
    const K = 20 - Math.floor(20 * (0.75 - step / 100) + 0.5);
    const scheduled = scheduler.getCurrentSeq();
    expect(seen).toEqual([scheduled, K, K, scheduled]);
    expect(new Set(asked)).toEqual(new Set([step]));
    expect(stack.layerTokens(5, 20)).toBe(5 * (2 * scheduled + 2 * K));
  }
});

test("for all layers at once, and a route's own before it", () => {
  const { seen, layers } = counters(4);
  const scheduler = makeScheduler({ ...noMask, ids: [0, 1, 2] });
  const routes: Route[] = [{ layers: [1, 2], dropRatio: 0.25 }];
  convertToRandomLTD(layers, scheduler, { routes, dropRatio: 0.5 }).forward(hidden(1, 8));
  expect(seen).toEqual([4, 6, 6, 8]);
});

test("a stack within a stack counts all of its layers", () => {
  const { layers } = counters(3);
  const scheduler = makeScheduler({ ...noMask, layers: 3, ids: [1] });
  const inner = convertToRandomLTD(layers, scheduler);
  const outer = new LayerStack<CPUTensor>([inner, layers[0]], tensorOps as never);
  expect(outer.layerTokens(2, 12)).toBe(2 * (12 + 4 + 12 + 12));
});

describe("gradients", () => {
  const [B, S, C] = [2, 12, 4];
  test.each<[string, DropRatio]>([
    ["a ratio", 0.4],
    ["a function of the step", (step) => 0.6 - step / 10],
  ])("are those of central differences: %s", (_, dropRatio) => {
    const blocks = [1, 2, 3, 4].map((seed) => new Block(C, seed));
    const scheduler = makeScheduler({ ids: [1, 2], min: 5, max: S });
    scheduler.updateSeq(1);
    const rope = tensor(noise(S, 9), [S]);
    const stack = convertToRandomLTD(blocks, scheduler, {
      routes: [{ layers: [1, 2], dropRatio }],
      alongSequence: { rope: "seq_dim" },
      keepPrefix: 1,
    });
    const kwargs = { attention_mask: causalMask(S), rope };
    const x = tensor(noise(B * S * C, 3), [B, S, C]);
    const run = () => squaredLoss(stack.forward(x, kwargs), noise(B * S * C, 8));
    const dx = stack.backward(run().grad);
    const numeric = (memory: CPUTensor["data"], i: number) => {
      const before = memory[i];
      const at = (value: number) => {
        memory[i] = value;
        return run().loss;
      };
      const difference = (at(before + 1e-5) - at(before - 1e-5)) / 2e-5;
      memory[i] = before;
      return difference;
    };
    for (let i = 0; i < x.data.length; i += 3) expect(dx.data[i]).toBeCloseTo(numeric(x.data, i), 6);
    for (const { grads, weights } of blocks) {
      for (const name of ["wq", "wo", "w1"] as const) {
        expect(grads[name][7]).toBeCloseTo(numeric(weights[name], 7), 6);
      }
    }
  });
});

describe("bad input", () => {
  const scheduler = makeScheduler({ ...noMask, ids: [1, 2] });
  const identity = (h: CPUTensor) => h;
  const convert = (options: object) =>
    convertToRandomLTD(
      [0, 1, 2, 3].map(() => identity),
      scheduler,
      options,
    );
  const expected = '"dropRatio" expected a number from 0 to below 1, got';

  test.each([1, -0.1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])("a ratio of %d", (dropRatio) => {
    expect(() => convert({ dropRatio })).toThrow(new RangeError(`${expected} ${dropRatio}`));
    expect(() => convert({ routes: [{ layers: [1, 2], dropRatio }] })).toThrow(RangeError);
    const late = convert({ dropRatio: () => dropRatio });
    const message = `"dropRatio(0)" expected a number from 0 to below 1, got ${dropRatio}`;
    expect(() => late.forward(hidden(1, 8))).toThrow(new RangeError(message));
    late.eval();
    expect(late.forward(hidden(1, 8))).toEqual(hidden(1, 8)); // not asked in evaluation
  });
  test.each([null, "0.5", 1n, {}, true])("a ratio that is no number: %o", (dropRatio) => {
    expect(() => convert({ dropRatio })).toThrow(TypeError);
    expect(() => convert({ routes: [{ layers: [1, 2], dropRatio }] })).toThrow(expected);
    expect(() => convert({ dropRatio: () => dropRatio }).forward(hidden(1, 8))).toThrow(TypeError);
  });
  test.each([
    [[{}], TypeError, '"routes" expected an array of [first, last] or { layers: [first, last], dropRatio }'],
    [[null], TypeError, '"routes" expected an array of'],
    [[{ layers: [1, 2, 3] }], TypeError, '"routes" expected an array of'],
    [[{ layers: [1.5, 2] }], RangeError, '"routes" expected an integer from -4 to 3, got 1.5'],
    [[{ layers: [2, 1] }], RangeError, '"routes" expected a first layer before its last'],
    [[{ layers: [1, 3] }], RangeError, '"routes" expected layers of random_ltd_layer_id, got layer 3'],
    [[[1, 2], { layers: [2, 2] }], RangeError, '"routes" expected each layer once, got layer 2 twice'],
  ])("routes %o", (routes, kind, message) => {
    expect(() => convert({ routes })).toThrow(kind);
    expect(() => convert({ routes })).toThrow(message);
  });
  test("layerTokens", () => {
    for (const bad of [0, 1.5, -1, Number.NaN]) {
      expect(() => convert({}).layerTokens(bad, 8)).toThrow(RangeError);
      expect(() => convert({}).layerTokens(8, bad)).toThrow(RangeError);
    }
    expect(() => convert({}).layerTokens("2" as never, 8)).toThrow(TypeError);
  });
});

import { beforeAll, expect, test } from "vitest";
import { convertToRandomLTD } from "../../src/index.ts";
import { makeScheduler } from "../routing/settings.ts";

// jax-js keeps its arrays in one WebAssembly memory, which only grows: seen here as it is made.
const memories: WebAssembly.Memory[] = [];
let jax: typeof import("@jax-js/jax");
let adapter: typeof import("../../src/adapters/jax.ts");
beforeAll(async () => {
  const { Memory } = WebAssembly;
  WebAssembly.Memory = class extends Memory {
    constructor(descriptor: WebAssembly.MemoryDescriptor) {
      super(descriptor);
      memories.push(this);
    }
  };
  jax = await import("@jax-js/jax");
  adapter = await import("../../src/adapters/jax.ts");
  jax.defaultDevice("wasm");
  jax.numpy.zeros([1]).dataSync();
  WebAssembly.Memory = Memory;
});

const [B, S, C] = [8, 256, 1];

/**
 * A training step of two layers over all lengths, 20 steps each. Every array of a step has 2 KiB or more here, so that
 * one left behind in each would be 3 pages of 64 KiB over two rounds.
 */
function makeTraining(compiled: boolean, leak: boolean) {
  const { jit, numpy: np, tree } = jax;
  const { JaxLayer, jaxOps } = adapter;
  type Arrays = import("@jax-js/jax").numpy.Array[];
  let traces = 0;
  const layers = [0, 1].map(() => new JaxLayer((w: Arrays[0], h) => h.ref.add(np.tanh(h.mul(w)))));
  const scheduler = makeScheduler({
    ids: [0, 1],
    layers: 2,
    min: 64,
    max: S,
    steps: 60,
    by: 64,
    model_mask_name: null,
  });
  const stack = convertToRandomLTD(layers, scheduler, { ops: jaxOps });
  const step = (weights: Arrays, x: Arrays[0], indices: Arrays) => {
    traces++;
    for (const [i, layer] of layers.entries()) layer.setWeights(weights[i]);
    // An eager step draws for itself.
    const out = stack.forward(x, {}, compiled ? { indicesOf: (ordinal) => indices[ordinal] } : {});
    stack.backward(out).dispose();
    tree.dispose(indices);
    return layers.map((layer) => layer.takeGrads());
  };
  const run = compiled ? jit(step) : step;
  const weights = [np.array(0.5), np.array(0.25)];
  return {
    round() {
      const lengths = new Set<number>();
      for (let t = 0; t < 60; t++) {
        scheduler.updateSeq(t);
        lengths.add(scheduler.getCurrentSeq());
        const indices = [...stack.sample(B, S).values()].map(({ data, shape }) =>
          np.array(data as Int32Array<ArrayBuffer>, { shape: [...shape] }),
        );
        if (leak) indices[0].ref; // one reference more than is used
        for (const g of run(tree.ref(weights), np.ones([B, S, C]).mul(0.1), indices)) g.dataSync();
      }
      return { lengths: [...lengths], traces, bytes: memories[0].buffer.byteLength };
    },
    weights,
  };
}

test.each([
  ["compiled", true],
  ["eager", false],
])("lengths that come and go leave nothing behind: %s", (_, compiled) => {
  const { round, weights } = makeTraining(compiled, false);
  const first = round();
  expect(first.lengths).toEqual([64, 128, 192]);
  // Traced once for each length, not for each draw; and an eager step is run as often as it is called.
  expect(first.traces).toBe(compiled ? 3 : 60);
  const second = round();
  round();
  const last = round();
  expect(last.traces).toBe(compiled ? 3 : 4 * 60);
  expect(last.bytes).toBe(second.bytes);
  for (const w of weights) expect(w.refCount).toBe(1);
});

test("a control: one array left behind in each step is seen", () => {
  const { round } = makeTraining(true, true);
  round();
  const before = round().bytes;
  round();
  expect(round().bytes).toBeGreaterThan(before);
});

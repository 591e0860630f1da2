/** `JaxLayer` with `outputs`: blocks of two streams, and what layers hand on, each with the gradients that it has. */
import { defaultDevice, init, jit, numpy as np, tree } from "@jax-js/jax";
import { beforeAll, describe, expect, test } from "vitest";
import { JaxLayer, jaxOps } from "../../src/adapters/jax.ts";
import { type CPUTensor, convertToRandomLTD, type Kwargs, tensor } from "../../src/index.ts";
import { makeScheduler } from "../routing/settings.ts";
import { noise } from "../routing/tiny.ts";
import { STREAMS, TwoStreamBlock } from "../routing/two-stream.ts";
import { arrayOf, float64 } from "./jax-tiny.ts";

const [B, S, M, C, K] = [2, 9, 4, 3, 4];
const schedulerOf = (more = {}) =>
  makeScheduler({ layers: 5, ids: [1, 2, 3], min: K, max: S, model_mask_name: null, ...more });
const image = tensor(noise(B * S * C, 1), [B, S, C]);
const text = tensor(noise(B * M * C, 2), [B, M, C]);

/** The block of test/routing/two-stream.ts; weights [a, b, c, d], each [C]. */
function twoStream([a, b, c, d]: np.Array[], h: np.Array, kwargs: Kwargs): np.Array[] {
  const e = kwargs.encoder_hidden_states as np.Array;
  const ofText = e.ref.mean(1, { keepdims: true });
  const ofImage = h.ref.mean(1, { keepdims: true });
  const u = np.tanh(h.ref.mul(a).add(ofText.mul(b)));
  const v = np.tanh(e.ref.mul(c).add(ofImage.mul(d)));
  return [e.add(v), h.add(u)];
}

const flat = (arrays: unknown[]) => arrays.map((t) => [...(t as np.Array).dataSync()]);

function expectClose(got: number[][], wanted: ArrayLike<number>[], digits: number): void {
  expect(got.map(({ length }) => length)).toEqual(wanted.map(({ length }) => length));
  for (const [n, values] of got.entries()) {
    const far = values.map((x, i) => Math.abs(x - wanted[n][i]) / (1 + Math.abs(wanted[n][i])));
    expect(Math.max(...far)).toBeLessThan(10 ** -digits);
  }
}

describe.each([
  ["cpu", false, 11],
  ["wasm", false, 5],
  ["wasm", true, 5],
] as const)("on the %s backend (jit: %s)", (device, compiled, digits) => {
  beforeAll(async () => {
    await init(device);
    defaultDevice(device);
  });

  test.each([
    ["layer by layer", []],
    ["a route", [[1, 3]]],
    ["a route and a layer", [[2, 3]]],
  ] as [string, [number, number][]][])("a block of two streams as the one by hand: %s", (_, routes) => {
    const blocks = [1, 2, 3, 4, 5].map((seed) => new TwoStreamBlock(C, seed));
    const hand = convertToRandomLTD(blocks, schedulerOf(), { outputs: STREAMS, routes });
    const outs = hand.forward(image, { encoder_hidden_states: text }) as CPUTensor[];
    const grads = hand.backward(outs) as CPUTensor[];

    const layers = blocks.map(() => new JaxLayer(twoStream, { outputs: STREAMS }));
    const stack = convertToRandomLTD(layers, schedulerOf(), { ops: jaxOps, outputs: STREAMS, routes });
    const step = (weights: np.Array[][], x: np.Array, y: np.Array, at: Record<string, np.Array>) => {
      for (const [i, layer] of layers.entries()) layer.setWeights(weights[i]);
      const out = stack.forward(x, { encoder_hidden_states: y }, { indicesOf: (l) => at[l] });
      const back = stack.backward(out.map((t) => t.ref));
      tree.dispose(at);
      return [...out, ...back, ...layers.flatMap((layer) => layer.takeGrads())] as np.Array[];
    };
    const drawn = [...stack.sample(B, S)].map(([l, { data, shape }]) => [
      l,
      np.array(data as Int32Array<ArrayBuffer>, { shape: [...shape] }),
    ]);
    const weights = blocks.map((block) => block.weights.map((w) => float64(w, [C])));
    const run = (compiled ? jit(step as never) : step) as typeof step;
    const got = run(weights, arrayOf(image), arrayOf(text), Object.fromEntries(drawn));
    const wanted = [...outs, ...grads].map(({ data }) => data as Float64Array);
    expectClose(flat(got), [...wanted, ...blocks.flatMap((block) => block.grads)], digits);
  });
});

describe("in double precision", () => {
  beforeAll(async () => {
    await init("cpu");
    defaultDevice("cpu");
  });

  test("the gradient of a stream that runs along the tokens is that of central differences", () => {
    const outputs = ["hiddenStates", "residual"];
    const block = (w: np.Array, h: np.Array, kwargs: Kwargs) => {
      const r = kwargs.residual as np.Array;
      return [h.ref.add(np.tanh(r.ref.mul(w.ref))), r.add(np.square(h).mul(w))];
    };
    const layers = [0, 1, 2, 3, 4].map(() => new JaxLayer(block, { outputs }));
    const stack = convertToRandomLTD(layers, schedulerOf(), {
      ops: jaxOps,
      outputs,
      alongSequence: ["residual"],
      routes: [[2, 3]],
    });
    const inputs = [noise(B * S * C, 3), noise(B * S * C, 4), Float64Array.of(0.7)];
    const forward = () => {
      for (const layer of layers) layer.setWeights(float64(inputs[2], [1]));
      const [x, y] = inputs.map((data) => float64(data, [B, S, data.length / B / S]));
      const out = stack.forward(x, { residual: y }) as np.Array[];
      return { out, loss: out.reduce((sum, t) => sum + np.square(t.ref).sum().mul(0.5).item(), 0) };
    };
    const back = stack.backward(forward().out) as np.Array[];
    const dw = layers.map((layer) => [...layer.takeGrads().dataSync()][0]).reduce((a, b) => a + b);
    const grads = [...flat(back), [dw]];
    for (const [n, data] of inputs.entries()) {
      for (let i = 0; i < data.length; i += 13) {
        const own = data[i];
        const [above, below] = [1e-5, -1e-5].map((by) => {
          data[i] = own + by;
          const { out, loss } = forward();
          tree.dispose(out);
          return loss;
        });
        data[i] = own;
        expect(grads[n][i]).toBeCloseTo((above - below) / 2e-5, 5);
      }
    }
  });

  test("T5: a bias that the first layer makes and the others hand on is cut to what they retain", () => {
    const outputs = ["hiddenStates", "position_bias"];
    const bias = float64(noise(2 * S * S, 5), [1, 2, S, S]);
    const shapes: string[] = [];
    const layers = [0, 1, 2, 3, 4].map(
      (i) =>
        new JaxLayer(
          (w: np.Array, h: np.Array, kwargs: Kwargs) => {
            const own = i === 0 ? bias.ref : (kwargs.position_bias as np.Array);
            shapes.push(`${own.shape}`);
            const mean = own.ref.mean();
            return [h.mul(w).add(mean), own];
          },
          { outputs },
        ),
    );
    const stack = convertToRandomLTD(layers, schedulerOf(), {
      ops: jaxOps,
      outputs,
      alongSequence: { position_bias: "mask" },
    });
    for (const layer of layers) layer.setWeights(float64([1.5], [1]));
    const [out, given] = stack.forward(arrayOf(image), { position_bias: null }) as np.Array[];
    expect([...given.ref.dataSync()]).toEqual([...bias.ref.dataSync()]);
    expect(shapes).toEqual(["1,2,9,9", "2,2,4,4", "2,2,4,4", "2,2,4,4", "1,2,9,9"]);
    const back = stack.backward([out, null]);
    expect(back[1]).toBe(null);
    expect((back[0] as np.Array).shape).toEqual([B, S, C]);
    for (const layer of layers) layer.takeGrads().dispose();
    given.dispose();
    expect(bias.refCount).toBe(1);
  });

  test("a gradient that is left out is zero; integers go on without one", () => {
    const outputs = ["text", "ids", "hiddenStates"];
    const block = (w: np.Array, h: np.Array, kwargs: Kwargs) => {
      const { text, ids } = kwargs as Record<string, np.Array>;
      return [text.ref.mul(w.ref), ids, h.mul(w).add(text.sum())];
    };
    const run = (zeros: boolean) => {
      const layer = new JaxLayer(block, { outputs });
      layer.setWeights(float64([2], [1]));
      const ids = np.array(Int32Array.of(1, 2), { shape: [2] });
      const [t, i, h] = layer.forward(arrayOf(image), { text: arrayOf(text), ids });
      expect(i).toBe(ids);
      ids.dispose();
      t.dispose();
      const back = layer.backward([zeros ? float64(new Float64Array(B * M * C), [B, M, C]) : null, null, h]);
      expect(back[1]).toBe(null);
      return flat([back[0], back[2], layer.takeGrads()]);
    };
    expect(run(false)).toEqual(run(true));
    expect(run(false)[0].every((x) => x !== 0)).toBe(true);
  });

  test("what is refused", () => {
    const make = (block: (w: np.Array, h: np.Array) => unknown, outputs: unknown = ["a", "hiddenStates"]) => {
      const layer = new JaxLayer(block as never, { outputs: outputs as string[] });
      layer.setWeights(float64([2], [1]));
      return layer;
    };
    const h = () => arrayOf(image);
    expect(() => make((_, x) => x, "a")).toThrow('"outputs" expected an array of names');
    expect(() => make((_, x) => x, ["a"])).toThrow('"hiddenStates" among them');
    expect(() => new JaxLayer((_: np.Array, x: np.Array) => x, { output: [] } as never)).toThrow(
      '"output" expected a known option (did you mean "outputs"?)',
    );
    expect(() => make((_, x) => x).forward(h())).toThrow('"layer" expected an array of a, hiddenStates');
    expect(() => make((_, x) => [x]).forward(h())).toThrow('"layer" expected an array of a, hiddenStates');
    expect(() => make((_, x) => [x, 7]).forward(h())).toThrow('"layer" expected an array of jax-js');
    const layer = make((_, x) => [7, x]);
    layer.forward(h());
    expect(() => layer.backward(h())).toThrow('"outGrad" expected an array of a, hiddenStates');
    expect(() => layer.backward([null, 7])).toThrow('"outGrad" expected an array of jax-js, got 7');
    expect(() => layer.backward([h(), h()])).toThrow(
      '"outGrad" expected null as the gradient of a, which has none',
    );
  });
});

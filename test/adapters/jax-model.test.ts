import { defaultDevice, grad, init, jit, numpy as np, tree, valueAndGrad } from "@jax-js/jax";
import { beforeAll, describe, expect, test } from "vitest";
import { JaxLayer, jaxOps, randomLTDLayer, type TokenRoute, tokenRoutes } from "../../src/adapters/jax.ts";
import {
  type CPUTensor,
  convertToRandomLTD,
  gptSampleTokens,
  type Kwargs,
  RandomLayerTokenDrop,
  tensor,
} from "../../src/index.ts";
import { makeScheduler } from "../routing/settings.ts";
import { Block, causalMask, noise, squaredLoss } from "../routing/tiny.ts";
import { arrayOf, type BlockWeights, block, float64, weightsOf } from "./jax-tiny.ts";

const [B, S, K, C, L] = [2, 12, 5, 4, 4];
const IDS = [1, 2];
const x = tensor(noise(B * S * C, 3), [B, S, C]);
const y = noise(B * S * C, 4);
const rope = tensor(
  noise(S, 9).map((a) => 2 * a),
  [S],
);
const blocksOf = () => Array.from({ length: L }, (_, i) => new Block(C, i + 1));

type Step = { loss: number; x: number[]; weights: Record<string, number[]>[] };

/** Loss, gradient of x and gradients of the weights, all used up. */
function numbers([loss, gx, weights]: [np.Array, np.Array, BlockWeights[]]): Step {
  const list = (t: np.Array) => [...t.dataSync()];
  return {
    loss: loss.item(),
    x: list(gx),
    weights: weights.map((w) => Object.fromEntries(Object.entries(w).map(([name, t]) => [name, list(t)]))),
  };
}

function expectClose(got: Step, wanted: Step, digits: number): void {
  const flat = ({ loss, x, weights }: Step) => [
    loss,
    ...x,
    ...weights.flatMap((w) => Object.values(w).flat()),
  ];
  const [a, b] = [flat(got), flat(wanted)];
  expect(a.length).toBe(b.length);
  const worst = Math.max(...a.map((value, i) => Math.abs(value - b[i]) / Math.max(1, Math.abs(b[i]))));
  expect(worst).toBeLessThan(10 ** -digits);
}

function arrayOfIndices({ data, shape }: CPUTensor<Int32Array>): np.Array {
  return np.array(data as Int32Array<ArrayBuffer>, { shape: [...shape] });
}

const halfSquares = (out: np.Array, y: np.Array) => np.square(out.sub(y)).sum().mul(0.5);
const inputs = () => [arrayOf(x), float64(y, [B, S, C]), arrayOf(causalMask(S)), arrayOf(rope)] as const;

/** The wrapped model's step with the backward of the wrapper: gathers in both directions. */
function wrapped(kept: number, compiled: boolean, routes: [number, number][] = []): Step {
  const layers = blocksOf().map(() => new JaxLayer(block));
  const scheduler = makeScheduler({ ids: IDS, layers: L, min: kept, max: S });
  const along = { rope: "seq_dim" } as const;
  const stack = convertToRandomLTD(layers, scheduler, { ops: jaxOps, alongSequence: along, routes });
  const step = (
    w: BlockWeights[],
    x: np.Array,
    y: np.Array,
    mask: np.Array,
    rope: np.Array,
    at: np.Array[],
  ) => {
    for (const [i, layer] of layers.entries()) layer.setWeights(w[i]);
    const given = { indicesOf: (ordinal: number) => at[ordinal] };
    const out = stack.forward(x, { attention_mask: mask, rope }, at.length ? given : {});
    const outGrad = out.ref.sub(y.ref);
    const gx = stack.backward(outGrad);
    tree.dispose(at);
    return [halfSquares(out, y), gx, layers.map((layer) => layer.takeGrads())];
  };
  const at = [...stack.sample(B, S).values()].map(arrayOfIndices);
  const run = (compiled ? jit(step as never) : step) as typeof step;
  return numbers(run(blocksOf().map(weightsOf), ...inputs(), at) as never);
}

/** The wrapped model's step by plain `valueAndGrad` over the public wrapper. */
function differentiated(kept: number, compiled: boolean): Step {
  const scheduler = makeScheduler({ ids: IDS, layers: L, min: kept, max: S });
  const loss = (
    w: BlockWeights[],
    x: np.Array,
    y: np.Array,
    mask: np.Array,
    rope: np.Array,
    at: np.Array[],
  ) => {
    const layers = w.map((weights) => (h: np.Array, kwargs: Kwargs) => block(weights, h, kwargs));
    const stack = convertToRandomLTD(layers, scheduler, { ops: jaxOps, alongSequence: { rope: "seq_dim" } });
    const given = { indicesOf: (ordinal: number) => at[ordinal] };
    const out = stack.forward(x, { attention_mask: mask, rope }, at.length ? given : {});
    tree.dispose(at);
    return halfSquares(out, y);
  };
  const { sampledIndices } = gptSampleTokens({
    reservedLength: Math.min(kept, S),
    seqLength: S,
    batchSize: B,
    layers: 2,
    seed: 11,
  });
  const at = kept < S ? tokenRoutes(sampledIndices, S).map(({ indices }) => indices) : [];
  const run = valueAndGrad(loss, { argnums: [0, 1] });
  const step = (compiled ? jit(run as never) : run) as typeof run;
  const [value, [weights, gx]] = step(blocksOf().map(weightsOf), ...inputs(), at);
  return numbers([value, gx, weights] as never);
}

/** A model written out as functions, each layer by `randomLTDLayer`; `routes` for the layers of IDS. */
function byFunctions(routes: TokenRoute[], compiled: boolean): Step {
  const layer = randomLTDLayer(block);
  const step = (
    weights: BlockWeights[],
    x: np.Array,
    y: np.Array,
    mask: np.Array,
    rope: np.Array,
    routes: TokenRoute[],
  ) => {
    let h = x;
    const pulls = weights.map((w, i) => {
      const route = routes[IDS.indexOf(i)] ?? null;
      const kept = route?.indices.shape[1] ?? S;
      const kwargs = {
        attention_mask: mask.ref.slice([], [], [0, kept], [0, kept]),
        rope: route ? np.take(rope.ref, route.indices.ref, 0) : rope.ref,
      };
      const [out, pull] = layer(w, h, route, kwargs);
      h = out;
      return pull;
    });
    let g = h.ref.sub(y.ref);
    const grads: BlockWeights[] = [];
    for (const pull of pulls.reverse()) {
      const [weightsGrad, hiddenGrad] = pull(g);
      grads.unshift(weightsGrad);
      g = hiddenGrad;
    }
    tree.dispose([mask, rope]);
    return [halfSquares(h, y), g, grads];
  };
  const run = (compiled ? jit(step as never) : step) as typeof step;
  return numbers(run(blocksOf().map(weightsOf), ...inputs(), routes) as never);
}

const routesAt = (kept: number) =>
  tokenRoutes(
    gptSampleTokens({ reservedLength: kept, seqLength: S, batchSize: B, layers: 2, seed: 11 }).sampledIndices,
    S,
  );

/** The same model on the library's CPU tensors, its backward written by hand in float64. */
function byHand(kept: number, routes: [number, number][] = []): Step {
  const blocks = blocksOf();
  const scheduler = makeScheduler({ ids: IDS, layers: L, min: kept, max: S });
  const stack = convertToRandomLTD(blocks, scheduler, { alongSequence: { rope: "seq_dim" }, routes });
  const { loss, grad: outGrad } = squaredLoss(stack.forward(x, { attention_mask: causalMask(S), rope }), y);
  const gx = stack.backward(outGrad) as CPUTensor<Float64Array>;
  const weights = blocks.map(({ grads }) =>
    Object.fromEntries(Object.entries(grads).map(([name, t]) => [name, [...t]])),
  );
  return { loss, x: [...gx.data], weights };
}

/** The plain model, no wrapper in sight. */
function unwrapped(compiled: boolean): Step {
  const loss = (w: BlockWeights[], x: np.Array, y: np.Array, mask: np.Array, rope: np.Array) => {
    let h = x;
    for (const weights of w) h = block(weights, h, { attention_mask: mask.ref, rope: rope.ref });
    tree.dispose([mask, rope]);
    return halfSquares(h, y);
  };
  const run = valueAndGrad(loss, { argnums: [0, 1] });
  const step = (compiled ? jit(run as never) : run) as typeof run;
  const [value, [weights, gx]] = step(blocksOf().map(weightsOf), ...inputs());
  return numbers([value, gx, weights] as never);
}

// On "cpu" jax-js computes with the exact functions of JavaScript; on "wasm" exp and sin have some 24 bits.
describe.each([
  ["cpu", false, 11],
  ["wasm", false, 5],
  ["wasm", true, 5],
] as const)("a transformer with RoPE on the %s backend (jit: %s)", (device, compiled, digits) => {
  beforeAll(async () => {
    await init(device);
    defaultDevice(device);
  });

  test("at K = S, loss and gradients are the unwrapped model's", () => {
    const plain = unwrapped(compiled);
    expectClose(plain, byHand(S), digits);
    expectClose(wrapped(S, compiled), plain, digits);
    expectClose(differentiated(S, compiled), plain, digits);
    // Nothing passes straight through here: all S rows are gathered, and put back.
    expectClose(byFunctions(routesAt(S), compiled), plain, digits);
    expectClose(byFunctions([], compiled), plain, digits);
  });

  test("at K < S, gradients by gathers are those of plain grad, and of the backward written by hand", () => {
    const hand = byHand(K);
    expectClose(wrapped(K, compiled), hand, digits);
    expectClose(differentiated(K, compiled), hand, digits);
    expectClose(byFunctions(routesAt(K), compiled), hand, digits);
    expectClose(wrapped(K, compiled, [[1, 2]]), byHand(K, [[1, 2]]), digits);
    // A control: dropping makes a difference.
    expect(Math.abs(hand.loss - byHand(S).loss)).toBeGreaterThan(1e-3);
  });
});

describe("on the cpu backend", () => {
  beforeAll(async () => {
    await init("cpu");
    defaultDevice("cpu");
  });

  test("gradients at K < S agree with finite differences", () => {
    const scheduler = makeScheduler({ ids: [0, 1], layers: 2, min: K, max: S });
    const layers = [1, 2].map(() => new JaxLayer(block));
    const stack = convertToRandomLTD(layers, scheduler, { ops: jaxOps, alongSequence: { rope: "seq_dim" } });
    const blocks = [1, 2].map((i) => new Block(C, i));
    const forward = (hidden: CPUTensor) => {
      for (const [i, layer] of layers.entries()) layer.setWeights(weightsOf(blocks[i]));
      const out = stack.forward(arrayOf(hidden), {
        attention_mask: arrayOf(causalMask(S)),
        rope: arrayOf(rope),
      });
      return { out, loss: halfSquares(out.ref, float64(y, [B, S, C])).item() };
    };
    const { out } = forward(x);
    const gx = stack.backward(out.sub(float64(y, [B, S, C]))).dataSync();
    const grads = layers.map((layer) => layer.takeGrads());
    const eps = 1e-4;
    const check = (at: Float64Array, i: number, expected: number) => {
      const before = at[i];
      const [up, down] = [eps, -eps].map((d) => {
        at[i] = before + d;
        const { out, loss } = forward(x);
        out.dispose();
        return loss;
      });
      at[i] = before;
      expect((up - down) / (2 * eps)).toBeCloseTo(expected, 6);
    };
    for (let i = 0; i < gx.length; i += 11) check(x.data as Float64Array, i, gx[i]);
    for (const [l, { weights }] of blocks.entries()) {
      for (const [name, w] of Object.entries(weights)) {
        const g = grads[l][name as keyof BlockWeights].dataSync();
        for (let i = l; i < w.length; i += 16) check(w, i, g[i]);
      }
    }
    for (const layer of layers) layer.dispose();
  });

  test("a padded batch: gathering the mask attends to no padding token, the top-left corner does", () => {
    const lengths = [S, S - 5];
    const [mask, real] = [new Float64Array(B * S * S), new Uint8Array(B * S)];
    for (const [b, length] of lengths.entries()) {
      real.fill(1, b * S, b * S + length);
      // Padding in front, as for generation.
      for (let i = 0; i < S; i++) {
        for (let j = 0; j < S; j++) mask[(b * S + i) * S + j] = j < S - length || j > i ? -1e9 : 0;
      }
    }
    /** How much the outputs of real tokens change with what padding tokens hold. */
    const leak = (maskMode: "gather" | "slice-unchecked") => {
      const scheduler = makeScheduler({ ids: [0], layers: 1, min: 9, max: S });
      const layer = (h: np.Array, kwargs: Kwargs) => block(weightsOf(new Block(C, 1)), h, kwargs);
      const wrapper = new RandomLayerTokenDrop<np.Array>(layer, scheduler, 0, { ops: jaxOps, maskMode });
      const [a, b] = [0, 5].map((padding) => {
        const data = (x.data as Float64Array).map((value, i) => {
          const [row, s] = [Math.floor(i / (S * C)), Math.floor(i / C) % S];
          return s < S - lengths[row] ? value + padding : value;
        });
        const kwargs = { attention_mask: float64(mask, [B, 1, S, S]) };
        return (wrapper.forward(float64(data, [B, S, C]), kwargs) as np.Array).dataSync();
      });
      let worst = 0;
      for (let i = 0; i < a.length; i++) {
        const [row, s] = [Math.floor(i / (S * C)), Math.floor(i / C) % S];
        if (s >= S - lengths[row]) worst = Math.max(worst, Math.abs(a[i] - b[i]));
      }
      return worst;
    };
    expect(leak("gather")).toBe(0);
    expect(leak("slice-unchecked")).toBeGreaterThan(1e-3);
  });

  test("micro-batches under way at once, each with its own backward, add up to the whole batch", () => {
    const run = (parts: [number, number][]) => {
      const layer = new JaxLayer((w: np.Array, h) => h.ref.add(np.tanh(np.matmul(h, w))));
      const scheduler = makeScheduler({ ids: [0], layers: 1, min: K, max: S, model_mask_name: null });
      const wrapper = new RandomLayerTokenDrop<np.Array, np.Array>(layer, scheduler, 0, { ops: jaxOps });
      layer.setWeights(float64(noise(C * C, 5), [C, C]));
      const slice = (from: number, to: number) => arrayOf(x).slice([from, to]);
      const outs = parts.map(([from, to]) => wrapper.forward(slice(from, to), {}, { batchOffset: from }));
      const hidden = parts.map(([from], i) => wrapper.backward(outs[i], { batchOffset: from }).js());
      const weights = layer.takeGrads().js();
      return { hidden: hidden.flat(), weights: weights.flat() as number[] };
    };
    const [whole, split] = [
      run([[0, 2]]),
      run([
        [0, 1],
        [1, 2],
      ]),
    ];
    expect(split.hidden).toEqual(whole.hidden);
    for (const [i, value] of split.weights.entries()) expect(value).toBeCloseTo(whole.weights[i], 12);
  });
});

describe("wrong uses", () => {
  const scheduler = makeScheduler({ ids: [0], layers: 1, min: K, max: S });
  const hidden = () => np.zeros([B, S, C]);
  const mask = () => np.zeros([1, 1, S, S]);
  const wrapper = (layer: (h: np.Array) => unknown) =>
    new RandomLayerTokenDrop<np.Array>(layer as never, scheduler, 0, {
      ops: jaxOps,
      alongSequence: ["rope"],
    });
  const same = wrapper((h) => h);
  const kwargs = () => ({ attention_mask: mask(), rope: np.zeros([B, S]) });
  const layer = () => {
    const layer = new JaxLayer((w: np.Array, h) => h.mul(w));
    layer.setWeights(np.array(2));
    return layer;
  };
  const double = randomLTDLayer((w: np.Array, h) => h.mul(w));

  test.each([
    [
      "a CPU tensor",
      () => same.forward(x as never, kwargs()),
      TypeError,
      '"hiddenStates" expected a tensor, got float64 [2,12,4]',
    ],
    [
      "a missing mask",
      () => same.forward(hidden(), { rope: np.zeros([B, S]) }),
      TypeError,
      '"attention_mask" expected the attention mask, a tensor, or null, got undefined',
    ],
    [
      "a missing argument",
      () => same.forward(hidden(), { attention_mask: mask() }),
      TypeError,
      '"rope" expected a tensor that runs along the sequence, or null, got undefined',
    ],
    [
      "an argument of another length",
      () => same.forward(hidden(), { ...kwargs(), rope: np.zeros([B, 3]) }),
      RangeError,
      /^"rope" expected shape \[B,S,...\]/,
    ],
    [
      "a layer that changes the length",
      () => wrapper((h) => h.slice([], [1])).forward(hidden(), kwargs()),
      RangeError,
      '"layer" expected shape [2,5,4], that of its input, from forward of random-LTD layer 0, got [2,4,4]',
    ],
    [
      "a layer that answers with nothing",
      () => wrapper(() => undefined).forward(hidden(), kwargs()),
      TypeError,
      '"layer" expected a tensor',
    ],
    [
      "indices out of order",
      () => same.forward(hidden(), kwargs(), { indicesOf: () => tensor(new Int32Array(B * K), [B, K]) }),
      RangeError,
      /^"indicesOf" expected ascending, distinct positions/,
    ],
    [
      "indices in an array and beyond S",
      () => same.forward(hidden(), kwargs(), { indicesOf: () => np.full([B, K], S, { dtype: np.int32 }) }),
      RangeError,
      '"indicesOf" expected ascending, distinct positions from 0 to 11, got 12 in row 0',
    ],
    [
      "indices in floats",
      () => same.forward(hidden(), kwargs(), { indicesOf: () => np.zeros([B, K]) }),
      TypeError,
      '"indicesOf" expected int32, got float32 [2,5]',
    ],
    [
      "indices for another K",
      () => same.forward(hidden(), kwargs(), { indicesOf: () => np.zeros([B, K + 1]) }),
      RangeError,
      '"indicesOf" expected shape [2,5] for random-LTD layer 0, got [2,6]',
    ],
    [
      "a backward without a forward",
      () => layer().backward(hidden()),
      TypeError,
      '"outGrad" expected a forward call in training before each backward, got none',
    ],
    [
      "a backward after evaluation",
      () => {
        const l = layer();
        l.eval();
        l.forward(hidden()).dispose();
        l.backward(hidden());
      },
      TypeError,
      '"outGrad" expected a forward call in training',
    ],
    [
      "two backwards for one forward",
      () => {
        const l = layer();
        l.backward(l.forward(hidden())).dispose();
        l.backward(hidden());
      },
      TypeError,
      '"outGrad" expected a forward call',
    ],
    [
      "a forward without weights",
      () => new JaxLayer((_, h) => h).forward(hidden()),
      TypeError,
      '"weights" expected weights, by setWeights, before forward, got none',
    ],
    [
      "weights of nothing",
      () => layer().setWeights(undefined as never),
      TypeError,
      '"weights" expected an array, or a tree of arrays, got undefined',
    ],
    [
      "gradients that there are not",
      () => layer().takeGrads(),
      TypeError,
      '"grads" expected a backward call before takeGrads, got none',
    ],
    [
      "a layer of no function",
      () => new JaxLayer(7 as never),
      TypeError,
      '"layer" expected a function, got 7',
    ],
    [
      "a function of no function",
      () => randomLTDLayer(7 as never),
      TypeError,
      '"layer" expected a function, got 7',
    ],
    [
      "a function's layer that changes the length",
      () => randomLTDLayer((_: np.Array, h) => h.slice([], [1]))(np.array(1), hidden(), routesAt(K)[0]),
      RangeError,
      '"layer" expected shape [2,5,4], got [2,4,4]',
    ],
    [
      "a route of another batch",
      () => double(np.array(1), np.zeros([3, S, C]), routesAt(K)[0]),
      RangeError,
      '"hidden" expected shape [2,12,...], as the route\'s, got [3,12,4]',
    ],
    [
      "a gradient of another shape",
      () => double(np.array(1), hidden(), routesAt(K)[0])[1](np.zeros([B, 3, C])),
      RangeError,
      '"outGrad" expected shape [2,12,...], as the route\'s, got [2,3,4]',
    ],
  ] as [string, () => unknown, typeof Error, string | RegExp][])("%s", (_, call, kind, message) => {
    expect(call).toThrow(kind);
    expect(call).toThrow(message);
  });

  test("an array that was used up, such as a table of the last step: jax-js's own words, and the layer isn't run", () => {
    const gone = (...shape: number[]) => {
      const t = np.zeros(shape, { dtype: shape.length === 2 && shape[1] === K ? np.int32 : np.float32 });
      t.dispose();
      return t;
    };
    let runs = 0;
    const counting = wrapper((h) => {
      runs++;
      return h;
    });
    const freed = (what: string) => `Referenced tracer Array:${what} freed, please use .ref move semantics`;
    expect(() => counting.forward(gone(B, S, C), kwargs())).toThrow(freed("float32[2,12,4]"));
    const lastMask = { ...kwargs(), attention_mask: gone(1, 1, S, S) };
    expect(() => counting.forward(hidden(), lastMask)).toThrow(freed("float32[1,1,12,12]"));
    const lastTable = { ...kwargs(), rope: gone(B, S) };
    expect(() => counting.forward(hidden(), lastTable)).toThrow(freed("float32[2,12]"));
    const indicesOf = () => gone(B, K);
    expect(() => counting.forward(hidden(), kwargs(), { indicesOf })).toThrow(freed("int32[2,5]"));
    expect(runs).toBe(0);
  });

  test("a compiled function that draws its own positions: the first call's would be every call's", () => {
    expect(() => jit((h: np.Array) => same.forward(h, kwargs()) as np.Array)(hidden())).toThrow(
      '"indicesOf" expected the indices as arrays among the arguments of a compiled function (stack.sample makes them)',
    );
    // Outside of jit, grad alone takes them.
    expect(grad((h: np.Array) => (same.forward(h, kwargs()) as np.Array).sum())(hidden()).shape).toEqual([
      B,
      S,
      C,
    ]);
  });

  test("a step that threw leaves the layers as good as new", () => {
    const scheduler = makeScheduler({ ids: [0], layers: 1, min: K, max: S, model_mask_name: null });
    const l = new JaxLayer((w: np.Array, h) => h.mul(w));
    const stack = convertToRandomLTD([l], scheduler, { ops: jaxOps });
    const step = (fail: boolean) => {
      const compiled = jit((w: np.Array, h: np.Array, at: np.Array) => {
        l.setWeights(w);
        const g = stack.backward(stack.forward(h, {}, { indicesOf: () => at }));
        at.dispose();
        if (fail) throw new Error("elsewhere");
        return [g, l.takeGrads()];
      });
      return compiled(np.array(2), np.ones([B, S, C]), arrayOfIndices(stack.sample(B, S).get(0)!));
    };
    expect(() => step(true)).toThrow("elsewhere");
    const [g, w] = step(false);
    // The retained tokens have passed twice through a doubling.
    expect(g.sum().item()).toBe((K * 4 + (S - K)) * B * C);
    expect(w.item()).toBe(2 * K * B * C);
  });
});

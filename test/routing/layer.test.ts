import { describe, expect, test } from "vitest";
import {
  bertSampleTokens,
  type CPUTensor,
  convertToRandomLTD,
  GatherTokens,
  type Kwargs,
  LayerStack,
  layerOf,
  maskGather,
  maskSlice,
  RandomLayerTokenDrop,
  ScatterTokens,
  tensor,
  tensorOps,
} from "../../src/index.ts";
import { makeScheduler } from "./settings.ts";
import { Block, causalMask, noise, squaredLoss } from "./tiny.ts";

const [B, S, C, K] = [2, 12, 4, 5];
const hiddenOf = (seed: number) => tensor(noise(B * S * C, seed), [B, S, C]);

/** What the wrapped layer with this ordinal retains, asked of the sampling function itself. */
function indicesOf(ordinal: number, { step = 0, seed = 11, batchOffset = 0, more = {} } = {}) {
  const { sampledIndices } = bertSampleTokens({
    reservedLength: K,
    seqLength: S,
    batchSize: B,
    seed,
    step,
    layerOffset: ordinal,
    batchOffset,
    ...more,
  });
  return layerOf(sampledIndices, 0);
}

/** A layer that adds one and writes down what it is called with. */
function spy() {
  const calls: { hidden: CPUTensor; kwargs: Kwargs; options: object }[] = [];
  const layer = (hidden: CPUTensor, kwargs: Kwargs, options: object): CPUTensor => {
    calls.push({ hidden, kwargs, options });
    return tensor(
      (hidden.data as Float64Array).map((x) => x + 1),
      hidden.shape,
    );
  };
  return { calls, layer };
}

const noMask = { ids: [1, 2], min: K, max: S, model_mask_name: null };

describe("forward", () => {
  test("the layer gets the retained tokens; the others pass by it, bits and input untouched", () => {
    const { calls, layer } = spy();
    const wrapped = new RandomLayerTokenDrop(layer, makeScheduler(noMask), 1);
    const hidden = hiddenOf(1);
    const before = hidden.data.slice();
    const out = wrapped.forward(hidden, {}, { batchOffset: 6 });
    const indices = indicesOf(1, { batchOffset: 6 });
    expect(wrapped.sample(B, S, { batchOffset: 6 })).toEqual(indices);
    const expected = before.slice();
    for (let b = 0; b < B; b++) {
      for (let k = 0; k < K; k++) {
        const s = indices.data[b * K + k];
        for (let c = 0; c < C; c++) {
          expect(calls[0].hidden.data[(b * K + k) * C + c]).toBe(before[(b * S + s) * C + c]);
          expected[(b * S + s) * C + c] += 1;
        }
      }
    }
    expect(calls[0].hidden.shape).toEqual([B, K, C]);
    expect(out.data).toEqual(expected);
    expect(hidden.data).toEqual(before);
    expect(calls[0].options).toEqual({ batchOffset: 6 });
  });

  test("an array keeps what follows the hidden states", () => {
    const cache = { any: "thing" };
    const wrapped = new RandomLayerTokenDrop(
      (h: CPUTensor) => [h, cache, 7] as const,
      makeScheduler(noMask),
      0,
    );
    const hidden = hiddenOf(1);
    const [out, ...rest] = wrapped.forward(hidden);
    expect(out).toEqual(hidden);
    expect(rest).toEqual([cache, 7]);
  });

  test("inPlace writes into the hidden states themselves", () => {
    const { layer } = spy();
    const wrapped = new RandomLayerTokenDrop(layer, makeScheduler(noMask), 0);
    const [copied, hidden] = [wrapped.forward(hiddenOf(1)), hiddenOf(1)];
    expect(wrapped.forward(hidden, {}, { inPlace: true })).toBe(hidden);
    expect(hidden).toEqual(copied);
  });

  test("evaluation, and K not below S, pass straight through, arguments and all", () => {
    const { calls, layer } = spy();
    const scheduler = makeScheduler({ ids: [1, 2], min: K, max: S });
    const wrapped = new RandomLayerTokenDrop(layer, scheduler, 0, { alongSequence: ["position_ids"] });
    const kwargs = { any: "thing" }; // neither the mask nor the positions: nothing is asked of them
    const hidden = hiddenOf(1);
    wrapped.eval();
    expect(wrapped.training).toBe(false);
    wrapped.forward(hidden, kwargs);
    wrapped.train();
    expect(() => wrapped.forward(hidden, kwargs)).toThrow(TypeError);
    const short = tensor(noise(B * K * C, 1), [B, K, C]);
    wrapped.forward(short, kwargs);
    expect(wrapped.sample(B, K)).toBeNull();
    scheduler.updateSeq(1000);
    wrapped.forward(hidden, kwargs);
    expect(calls.map((call) => call.hidden)).toEqual([hidden, short, hidden]);
    expect(calls.every((call) => call.kwargs === kwargs)).toBe(true);
  });

  test("indices at hand already take the place of drawn ones, backward included", () => {
    const drawn = indicesOf(1, { batchOffset: 6 });
    const asked: number[] = [];
    const make = () => new RandomLayerTokenDrop(new Block(C, 1), makeScheduler(noMask), 1);
    const [own, given] = [make(), make()];
    const options = {
      indicesOf: (ordinal: number) => {
        asked.push(ordinal);
        return drawn;
      },
    };
    expect(given.forward(hiddenOf(1), {}, options)).toEqual(own.forward(hiddenOf(1), {}, { batchOffset: 6 }));
    expect(given.backward(hiddenOf(2))).toEqual(own.backward(hiddenOf(2)));
    given.eval();
    given.forward(hiddenOf(1), {}, options);
    expect(asked).toEqual([1]);
    given.train();
    for (const [value, kind, message] of [
      [undefined, TypeError, '"indicesOf" expected a tensor for random-LTD layer 1, got undefined'],
      [
        tensor(new Int32Array(K), [1, K]),
        RangeError,
        '"indicesOf" expected shape [2,5] for random-LTD layer 1',
      ],
      [tensor(new Int32Array(B * K), [B, K]), RangeError, '"sortedIndices" expected ascending'],
      [tensor(new Uint32Array(B * K), [B, K]), TypeError, '"sortedIndices" expected int32'],
    ] as const) {
      const run = () => given.forward(hiddenOf(1), {}, { indicesOf: () => value });
      expect(run).toThrow(kind);
      expect(run).toThrow(message);
    }
    expect(() => given.forward(hiddenOf(1), {}, { indicesOf: drawn as never })).toThrow(TypeError);
  });

  test("K, the step and the seed are the scheduler's", () => {
    const { calls, layer } = spy();
    const scheduler = makeScheduler({ ...noMask, seed: 2n ** 63n, steps: 10, max: 10 });
    const wrapped = new RandomLayerTokenDrop(layer, scheduler, 0);
    for (const step of [0, 1, 7]) {
      scheduler.updateSeq(step);
      wrapped.forward(hiddenOf(1));
      const { sampledIndices } = bertSampleTokens({
        reservedLength: scheduler.getCurrentSeq(),
        seqLength: S,
        batchSize: B,
        seed: 2n ** 63n,
        step,
      });
      expect(wrapped.sample(B, S)).toEqual(layerOf(sampledIndices, 0));
    }
    expect(calls.map((call) => call.hidden.shape[1])).toEqual([5, 5, 8]);
  });

  test("keepPrefix, keepMask and paddingMask reach the sampling", () => {
    const { layer } = spy();
    const wrapped = new RandomLayerTokenDrop(layer, makeScheduler(noMask), 0, { keepPrefix: 1 });
    const real = new Uint8Array(B * S).fill(1).map((_, i) => (i % S < 7 ? 1 : 0));
    const paddingMask = tensor(real, [B, S]);
    const keepMask = tensor(
      real.map((_, i) => (i % S === 3 ? 1 : 0)),
      [B, S],
    );
    const indices = wrapped.sample(B, S, { keepMask, paddingMask })!;
    expect(indices).toEqual(indicesOf(0, { more: { keepPrefix: 1, keepMask, paddingMask } }));
    for (const row of [indices.data.subarray(0, K), indices.data.subarray(K)]) {
      expect([...row]).toEqual(expect.arrayContaining([0, 3]));
      expect(Math.max(...row)).toBeLessThan(7);
    }
  });

  test("[S,B,C] is [B,S,C] turned round, arguments too", () => {
    const turned = (t: CPUTensor): CPUTensor => {
      const [a, b, ...rest] = t.shape;
      const row = rest.reduce((x, y) => x * y, 1);
      const data = t.data.slice();
      for (let i = 0; i < a * b; i++) {
        data.set(t.data.subarray(i * row, (i + 1) * row), ((i % b) * a + Math.floor(i / b)) * row);
      }
      return { ...t, data, shape: [b, a, ...rest] };
    };
    const seen: Kwargs[] = [];
    const run = (hidden_state_order: "batch_seq_dim" | "seq_batch_dim", turn: typeof turned) => {
      const scheduler = makeScheduler({ ...noMask, hidden_state_order });
      const layer = (h: CPUTensor, kwargs: Kwargs) => {
        seen.push({
          hidden: turn(h),
          ids: turn(kwargs.ids as CPUTensor),
          table: turn(kwargs.table as CPUTensor),
        });
        return tensor(
          (h.data as Float64Array).map((x) => -x),
          h.shape,
        );
      };
      const wrapped = new RandomLayerTokenDrop(layer, scheduler, 0, {
        alongSequence: { ids: hidden_state_order, table: "seq_dim" },
      });
      const ids = tensor(
        Int32Array.from({ length: B * S }, (_, i) => i),
        [B, S],
      );
      return turn(
        wrapped.forward(turn(hiddenOf(1)), { ids: turn(ids), table: tensor(noise(S * 3, 5), [S, 3]) }),
      );
    };
    const first = run("batch_seq_dim", (t) => t);
    expect(run("seq_batch_dim", turned)).toEqual(first);
    expect(seen[1]).toEqual(seen[0]);
  });
});

describe("masks and what else runs along the sequence", () => {
  const causal = causalMask(S);
  const padded = tensor(
    Float64Array.from({ length: B * S * S }, (_, i) => (i % S >= 8 ? -1e9 : 0)),
    [B, 1, S, S],
  );
  const run = (config: object, options: object, kwargs: Kwargs) => {
    const { calls, layer } = spy();
    const scheduler = makeScheduler({ ids: [1, 2], min: K, max: S, ...config });
    new RandomLayerTokenDrop(layer, scheduler, 1, options).forward(hiddenOf(1), kwargs);
    return calls[0].kwargs;
  };

  test('a decoder\'s mask is its corner where that is right, and else gathered, or by "slice" refused', () => {
    const kwargs = { attention_mask: causal };
    for (const options of [{}, { maskMode: "auto" }, { maskMode: "slice" }]) {
      expect(run({}, options, kwargs).attention_mask).toEqual(maskSlice(causal, K));
    }
    expect(kwargs.attention_mask).toBe(causal);
    for (const options of [{}, { maskMode: "auto" }]) {
      const { attention_mask } = run({}, options, { attention_mask: padded });
      expect(attention_mask).toEqual(maskGather(padded, indicesOf(1)));
    }
    const sliced = () => run({}, { maskMode: "slice" }, { attention_mask: padded });
    expect(sliced).toThrow(RangeError);
    expect(sliced).toThrow('"attention_mask" expected entries that depend');
    expect(run({}, { maskMode: "slice-unchecked" }, { attention_mask: padded }).attention_mask).toEqual(
      maskSlice(padded, K),
    );
  });

  test("gathered for encoders, and for decoders that ask for it", () => {
    const expected = maskGather(padded, indicesOf(1));
    for (const [config, options] of [
      [{ model_type: "encoder" }, {}],
      [{ model_type: "encoder" }, { maskMode: "auto" }],
      [{ model_type: "decoder" }, { maskMode: "gather" }],
    ] as const) {
      expect(run(config, options, { attention_mask: padded }).attention_mask).toEqual(expected);
    }
    const keys = tensor(
      new Uint8Array(B * S).map((_, i) => i % 3),
      [B, 1, 1, S],
    );
    const cut = run({ model_type: "encoder" }, {}, { attention_mask: keys }).attention_mask as CPUTensor;
    expect(cut.shape).toEqual([B, 1, 1, K]);
    expect(() => run({ model_type: "encoder" }, { maskMode: "slice" }, {})).toThrow(
      new RangeError('"maskMode" expected one of "gather", got "slice"'),
    );
  });

  test("null says that there is none; other arguments pass as they are", () => {
    const other = {};
    const seen = run({}, { alongSequence: ["rope"] }, { attention_mask: null, rope: null, other, n: 3 });
    expect(seen).toEqual({ attention_mask: null, rope: null, other: {}, n: 3 });
    expect(seen.other).toBe(other);
  });

  test("each layout, a shared table included, in each dtype's bits", () => {
    const indices = indicesOf(1);
    const at = (b: number, k: number) => indices.data[b * K + k];
    const ids = tensor(
      Int32Array.from({ length: B * S }, (_, i) => 100 + i),
      [B, S],
    );
    const one = tensor(
      Uint8Array.from({ length: S }, (_, i) => i),
      [1, S],
    );
    const line = tensor(
      Float32Array.from({ length: S }, (_, i) => i / 7),
      [S],
    );
    const bits = Uint16Array.from({ length: S * 2 * 3 }, (_, i) => 0x7c01 + i); // NaNs of many payloads
    const table = tensor(bits, [S, 2, 3], "float16");
    const turned = tensor(
      Float64Array.from({ length: S * B }, (_, i) => i),
      [S, B],
    );
    const shared = tensor(
      Float64Array.from({ length: S }, (_, i) => i),
      [S, 1, 1],
    );
    const seen = run(
      { model_mask_name: null },
      {
        alongSequence: {
          ids: "batch_seq_dim",
          one: "batch_seq_dim",
          line: "seq_dim",
          rope: "seq_dim",
          turned: "seq_batch_dim",
          shared: "seq_batch_dim",
        },
      },
      { ids, one, line, rope: [table, line], turned, shared },
    ) as Record<string, CPUTensor>;
    const [rope, second] = seen.rope as unknown as CPUTensor[];
    expect(seen.ids.shape).toEqual([B, K]);
    expect([seen.one.shape, seen.one.dtype]).toEqual([[B, K], "uint8"]);
    expect(seen.line.shape).toEqual([B, K]);
    expect([rope.shape, rope.dtype]).toEqual([[B, K, 2, 3], "float16"]);
    expect(second).toEqual(seen.line);
    expect(seen.turned.shape).toEqual([K, B]);
    expect(seen.shared.shape).toEqual([K, B, 1]);
    for (let b = 0; b < B; b++) {
      for (let k = 0; k < K; k++) {
        const s = at(b, k);
        expect(seen.ids.data[b * K + k]).toBe(100 + b * S + s);
        expect(seen.one.data[b * K + k]).toBe(s);
        expect(seen.line.data[b * K + k]).toBe(line.data[s]);
        const row = (b * K + k) * 6;
        expect(rope.data.subarray(row, row + 6)).toEqual(bits.subarray(s * 6, s * 6 + 6));
        expect(seen.turned.data[k * B + b]).toBe(s * B + b);
        expect(seen.shared.data[k * B + b]).toBe(s);
      }
    }
  });

  test("a padded row attends to no padding when gathered, and does when sliced", () => {
    // Sequences of 8 real tokens of 12; what the padding holds must not reach a real token.
    const mask = tensor(
      Float64Array.from({ length: B * S * S }, (_, i) => {
        const [j, q] = [i % S, Math.floor(i / S) % S];
        return j > q || j < 4 ? -1e9 : 0; // left padding, causal
      }),
      [B, 1, S, S],
    );
    const real = new Uint8Array(B * S).map((_, i) => (i % S >= 4 ? 1 : 0));
    const run = (maskMode: "gather" | "slice-unchecked", pad: number) => {
      const scheduler = makeScheduler({ ids: [1, 2], min: 10, max: S });
      const hidden = hiddenOf(1);
      for (let i = 0; i < hidden.data.length; i++) {
        if (!real[Math.floor(i / C)]) hidden.data[i] = pad * (1 + (i % 5));
      }
      const wrapped = new RandomLayerTokenDrop(new Block(C, 1), scheduler, 0, { maskMode });
      const out = wrapped.forward(hidden, { attention_mask: mask }, { paddingMask: tensor(real, [B, S]) });
      return [...out.data].filter((_, i) => real[Math.floor(i / C)]);
    };
    expect(run("gather", 1)).toEqual(run("gather", -2));
    expect(run("slice-unchecked", 1)).not.toEqual(run("slice-unchecked", -2));
  });
});

describe("gradients", () => {
  const kwargs = {
    attention_mask: causalMask(S),
    rope: tensor(
      noise(S, 9).map((a) => 3 * a),
      [S],
    ),
  };
  const target = noise(B * S * C, 8);
  const along = { alongSequence: { rope: "seq_dim" } } as const;
  const make = (K: number, routes: [number, number][] = []) => {
    const blocks = [1, 2, 3, 4, 5].map((seed) => new Block(C, seed));
    const scheduler = makeScheduler({ layers: 5, ids: [1, 2, 3], min: K, max: S });
    return { blocks, stack: convertToRandomLTD(blocks, scheduler, { ...along, routes }) };
  };
  const names = ["wq", "wk", "wv", "wo", "w1", "w2"] as const;

  test("at K = S loss and gradients are the unwrapped model's", () => {
    const run = (wrap: boolean) => {
      const { blocks, stack } = make(S);
      const model = wrap ? stack : new LayerStack(blocks, tensorOps);
      const { loss, grad } = squaredLoss(model.forward(hiddenOf(1), kwargs), target);
      return { loss, dx: model.backward(grad), grads: blocks.map((block) => block.grads) };
    };
    expect(run(true)).toEqual(run(false));
  });

  test.each([
    ["layer by layer", []],
    ["one route", [[1, 3]]],
    ["a route and a layer", [[-3, -2]]],
  ] as [string, [number, number][]][])("below S they are those of central differences: %s", (_, routes) => {
    const { blocks, stack } = make(K, routes);
    const x = hiddenOf(1);
    const run = () => squaredLoss(stack.forward(x, kwargs), target);
    const { grad } = run();
    const untouched = grad.data.slice();
    const dx = stack.backward(grad);
    expect(grad.data).toEqual(untouched);
    const numeric = (memory: CPUTensor["data"], i: number) => {
      const [kept, step] = [memory[i], 1e-5];
      memory[i] = kept + step;
      const up = run().loss;
      memory[i] = kept - step;
      const down = run().loss;
      memory[i] = kept;
      return (up - down) / (2 * step);
    };
    for (let i = 0; i < x.data.length; i += 5) expect(dx.data[i]).toBeCloseTo(numeric(x.data, i), 6);
    for (const block of blocks) {
      for (const name of names) {
        for (const i of [0, 7]) {
          expect(block.grads[name][i]).toBeCloseTo(numeric(block.weights[name], i), 6);
        }
      }
    }
  });

  test("inPlace gives the same in the memory of outGrad, and leaves the other rows alone", () => {
    const make = () => new RandomLayerTokenDrop(new Block(C, 1), makeScheduler(noMask), 0);
    const run = (inPlace: boolean) => {
      const wrapped = make();
      wrapped.forward(hiddenOf(1));
      const grad = hiddenOf(2);
      const result = wrapped.backward(grad, { inPlace });
      return { grad, result };
    };
    const [copied, written] = [run(false), run(true)];
    expect(copied.grad).toEqual(hiddenOf(2));
    expect(written.result).toBe(written.grad);
    expect(written.result).toEqual(copied.result);
    const retained = indicesOf(0);
    let passed = 0;
    for (let b = 0; b < B; b++) {
      for (let s = 0; s < S; s++) {
        if (retained.data.subarray(b * K, (b + 1) * K).includes(s)) continue;
        const row = (b * S + s) * C;
        expect(written.grad.data.subarray(row, row + C)).toEqual(hiddenOf(2).data.subarray(row, row + C));
        passed++;
      }
    }
    expect(passed).toBe(B * (S - K));
  });

  test("the cheaper way is what gather's and scatter's own backward give together", () => {
    const block = new Block(C, 1);
    const wrapped = new RandomLayerTokenDrop(block, makeScheduler(noMask), 0);
    wrapped.forward(hiddenOf(1));
    const cheaper = wrapped.backward(hiddenOf(2));
    const { allActivationsGrad, layerActivationsGrad } = ScatterTokens.backward(hiddenOf(2), indicesOf(0));
    const through = block.backward(layerActivationsGrad);
    const composed = GatherTokens.backward(through, indicesOf(0), {
      seqLength: S,
      accumulateInto: allActivationsGrad,
    });
    expect(cheaper).toEqual(composed);
  });

  test.each([
    "float32",
    "float16",
    "bfloat16",
    "float64",
    "int32",
    "uint32",
    "uint8",
  ] as const)("moves %s bit by bit, NaN payloads included, forward and back", (dtype) => {
    const bytes = Uint8Array.from(noise(B * S * C * 8, 5).map((x) => 256 * Math.abs(x)));
    const Kind = {
      float32: Float32Array,
      float16: Uint16Array,
      bfloat16: Uint16Array,
      float64: Float64Array,
      int32: Int32Array,
      uint32: Uint32Array,
      uint8: Uint8Array,
    }[dtype];
    const make = () => tensor(new Kind(bytes.slice().buffer, 0, B * S * C), [B, S, C], dtype) as CPUTensor;
    const bitsOf = (t: CPUTensor) => new Uint8Array(t.data.buffer, t.data.byteOffset, t.data.byteLength);
    const layer = { forward: (h: CPUTensor) => h, backward: (g: CPUTensor) => g };
    const wrapped = new RandomLayerTokenDrop(layer, makeScheduler(noMask), 0);
    expect(bitsOf(wrapped.forward(make()))).toEqual(bitsOf(make()));
    expect(bitsOf(wrapped.backward(make()))).toEqual(bitsOf(make()));
    // A layer of zeros shows that its part is what comes back.
    layer.backward = (g) => ({ ...g, data: new Kind(g.data.length) });
    const zeroed = [...wrapped.backward(make()).data].filter((x) => x === 0).length;
    expect(zeroed).toBeGreaterThanOrEqual(B * K * C);
  });

  test("a layer that runs twice in a step retains the same tokens both times", () => {
    const { calls, layer } = spy();
    const wrapped = new RandomLayerTokenDrop(layer, makeScheduler(noMask), 0);
    const once = wrapped.forward(hiddenOf(1));
    wrapped.forward(once);
    const plusOne = (calls[0].hidden.data as Float64Array).map((x) => x + 1);
    expect(calls[1].hidden.data).toEqual(plusOne);
  });

  test("micro-batches under way together go back in any order", () => {
    const scale = (t: CPUTensor, by: number) =>
      tensor(
        (t.data as Float64Array).map((x) => x * by),
        t.shape,
      );
    const layer = {
      forward: (h: CPUTensor) => scale(h, 2),
      backward: (g: CPUTensor) => scale(g, 3),
    };
    const scheduler = makeScheduler(noMask);
    const wrapped = new RandomLayerTokenDrop(layer, scheduler, 0);
    const alone = [0, 2, 4].map((batchOffset) => {
      wrapped.forward(hiddenOf(1), {}, { batchOffset });
      return wrapped.backward(hiddenOf(2));
    });
    expect(alone[0]).not.toEqual(alone[1]);
    for (const batchOffset of [0, 2, 4]) wrapped.forward(hiddenOf(1), {}, { batchOffset });
    for (const i of [1, 0, 2]) {
      expect(wrapped.backward(hiddenOf(2), { batchOffset: 2 * i })).toEqual(alone[i]);
    }
    expect(wrapped.backward(hiddenOf(2))).toEqual(alone[2]);
    scheduler.updateSeq(1);
    wrapped.forward(hiddenOf(1));
    expect(() => wrapped.backward(hiddenOf(2), { batchOffset: 2 })).toThrow(
      new RangeError('"batchOffset" expected that of a forward call of this step, got 2'),
    );
  });

  test("evaluation, which may count through any number of rows, remembers its last call only", () => {
    const layer = { forward: (h: CPUTensor) => h, backward: (g: CPUTensor) => g };
    const wrapped = new RandomLayerTokenDrop(layer, makeScheduler(noMask), 0);
    wrapped.eval();
    for (const batchOffset of [0, 2]) wrapped.forward(hiddenOf(1), {}, { batchOffset });
    expect(wrapped.backward(hiddenOf(2))).toEqual(hiddenOf(2));
    expect(() => wrapped.backward(hiddenOf(2), { batchOffset: 0 })).toThrow(RangeError);
  });

  test("backward belongs to its forward, even when the step has moved on", () => {
    const scheduler = makeScheduler({ ...noMask, steps: 5 });
    const layer = {
      forward: (h: CPUTensor) => h,
      backward: (g: CPUTensor) =>
        tensor(
          g.data.map(() => 0),
          g.shape,
        ),
    };
    const wrapped = new RandomLayerTokenDrop(layer as never, scheduler, 0);
    wrapped.forward(hiddenOf(1) as never);
    const first = wrapped.backward(hiddenOf(2) as never);
    scheduler.updateSeq(4);
    expect(wrapped.backward(hiddenOf(2) as never)).toEqual(first);
  });
});

describe("convertToRandomLTD", () => {
  const spies = (n: number) => Array.from({ length: n }, spy);
  const lengths = (all: ReturnType<typeof spies>) =>
    all.map(({ calls }) => calls.map((c) => c.hidden.shape[1]));

  test("wraps by number, each with its own indices, the others as they are", () => {
    const all = spies(12);
    const plain = { forward: all[0].layer };
    const scheduler = makeScheduler({ ...noMask, layers: 12, ids: [-2, 1, 11, 3] });
    const layers = all.map(({ layer }, i) => (i === 0 ? plain : layer));
    const stack = convertToRandomLTD(layers, scheduler);
    expect(stack.layers[0]).toBe(plain);
    const wrapped = stack.layers.map((layer) => layer instanceof RandomLayerTokenDrop);
    expect(wrapped.flatMap((is, i) => (is ? [i] : []))).toEqual([1, 3, 10, 11]);
    const out = stack.forward(hiddenOf(1));
    expect(lengths(all).flat()).toEqual([S, K, S, K, S, S, S, S, S, S, K, K]);
    // Ordinals follow the sorted ids: layer 10, written as -2, is the third.
    for (const [ordinal, i] of [1, 3, 10, 11].entries()) {
      const layer = stack.layers[i] as unknown as RandomLayerTokenDrop<CPUTensor>;
      expect(layer.sample(B, S)).toEqual(indicesOf(ordinal));
    }
    expect(new Set([0, 1, 2, 3].map((ordinal) => String(indicesOf(ordinal).data))).size).toBe(4);
    expect(out.shape).toEqual([B, S, C]);
  });

  test("routes: one gather before the first layer, one scatter after the last", () => {
    const all = spies(8);
    const scheduler = makeScheduler({ ...noMask, layers: 8, ids: [1, 2, 3, 4, 5, 6] });
    const stack = convertToRandomLTD(
      all.map(({ layer }) => layer),
      scheduler,
      {
        routes: [
          [1, 2],
          [-3, -2],
        ],
      },
    );
    expect(stack.layers.length).toBe(6);
    const hidden = hiddenOf(1);
    const out = stack.forward(hidden);
    expect(lengths(all).flat()).toEqual([S, K, K, K, K, K, K, S]);
    // The second layer of a route gets the very tensor that the first gave, the first of the next route doesn't.
    const add = (t: CPUTensor, n: number) =>
      tensor(
        (t.data as Float64Array).map((x) => x + n),
        t.shape,
      );
    expect(all[2].calls[0].hidden).toEqual(add(all[1].calls[0].hidden, 1));
    expect(all[6].calls[0].hidden).toEqual(add(all[5].calls[0].hidden, 1));
    // Each route samples by its first layer's ordinal: 0 and 4, the layers between by their own.
    const counts = new Map<string, number>();
    for (const [ordinal, by] of [
      [0, 2],
      [2, 1],
      [3, 1],
      [4, 2],
    ]) {
      for (let b = 0; b < B; b++) {
        for (const s of indicesOf(ordinal).data.subarray(b * K, (b + 1) * K)) {
          counts.set(`${b},${s}`, (counts.get(`${b},${s}`) ?? 0) + by);
        }
      }
    }
    for (let i = 0; i < B * S * C; i++) {
      const [b, s] = [Math.floor(i / (S * C)), Math.floor(i / C) % S];
      expect(out.data[i]).toBeCloseTo(hidden.data[i] + 2 + (counts.get(`${b},${s}`) ?? 0), 12);
    }
  });

  test("train and eval reach every layer, wrapped ones' own included", () => {
    const log: string[] = [];
    const layer = {
      forward: (h: CPUTensor) => h,
      train: () => log.push("train"),
      eval: () => log.push("eval"),
    };
    const scheduler = makeScheduler({ ...noMask, ids: [1, 2] });
    const stack = convertToRandomLTD([layer, layer, layer, layer], scheduler, { routes: [[1, 2]] });
    stack.eval();
    expect(log).toEqual(["eval", "eval", "eval", "eval"]);
    expect((stack.layers[1] as unknown as RandomLayerTokenDrop).training).toBe(false);
    stack.train();
    expect(log.slice(4)).toEqual(["train", "train", "train", "train"]);
    expect((stack.layers[1] as unknown as RandomLayerTokenDrop).training).toBe(true);
  });

  test("what layers answer beside hidden states is handed out in order", () => {
    const layers = [0, 1, 2, 3].map((i) => (h: CPUTensor) => (i === 2 ? h : [h, i]));
    const stack = convertToRandomLTD(layers as never, makeScheduler(noMask), { routes: [[1, 2]] });
    const out = stack.forward(hiddenOf(1) as never) as unknown as unknown[];
    expect(out).toEqual([hiddenOf(1), 0, 1, 3]);
  });

  test("a batch cut in two retains what the whole retains", () => {
    const blocks = [1, 2, 3, 4].map((seed) => new Block(C, seed));
    const stack = convertToRandomLTD(blocks, makeScheduler(noMask));
    const whole = stack.forward(hiddenOf(1));
    const parts = [0, 1].map((b) => {
      const part = tensor((hiddenOf(1).data as Float64Array).subarray(b * S * C, (b + 1) * S * C), [1, S, C]);
      return [...stack.forward(part, {}, { batchOffset: b }).data];
    });
    expect(parts.flat()).toEqual([...whole.data]);
  });
});

describe("bad input", () => {
  const identity = (h: CPUTensor) => h;
  const scheduler = makeScheduler({ ids: [1, 2], min: K, max: S });
  const free = makeScheduler(noMask);
  const mask = causalMask(S);
  const forward = (layer: unknown, kwargs: unknown = { attention_mask: mask }, options: object = {}) =>
    new RandomLayerTokenDrop(layer as never, scheduler, 3, options).forward(
      hiddenOf(1) as never,
      kwargs as never,
    );
  const refuse = (run: () => unknown, kind: ErrorConstructor, message: string) => {
    expect(run).toThrow(kind);
    expect(run).toThrow(message);
  };

  test.each([
    [
      "no mask",
      {},
      TypeError,
      '"attention_mask" expected the attention mask, a tensor, or null, got undefined',
    ],
    ["no arguments", null, TypeError, '"kwargs" expected an object, got null'],
    [
      "a mask [B,S]",
      { attention_mask: tensor(new Uint8Array(B * S), [B, S]) },
      RangeError,
      '"attention_mask" expected shape [B,H,S,S] or [B,H,1,S] with B 1 or 2 and S 12, got [2,12]',
    ],
    [
      "a mask of another length",
      { attention_mask: causalMask(S + 1) },
      RangeError,
      '"attention_mask" expected shape',
    ],
    [
      "no positions",
      { attention_mask: mask },
      TypeError,
      '"rope" expected a tensor that runs along the sequence, or null, got undefined',
    ],
    [
      "a table where rows are said to be",
      { attention_mask: mask, rope: tensor(new Float64Array(S * 4), [S, 4]) },
      RangeError,
      '"rope" expected shape [B,S,...] with B 1 or 2 and S 12 (alongSequence says "batch_seq_dim"; it may say "seq_batch_dim", "seq_dim", "mask", "mask_rows", "boundaries", "unchanged" or { seqAxis, batchAxis, firstPosition }), got [12,4]',
    ],
  ] as const)("%s", (_, kwargs, kind, message) => {
    refuse(() => forward(identity, kwargs, { alongSequence: ["rope"] }), kind, message);
  });

  test("a layer that changes the length, or answers with something else", () => {
    const longer = (h: CPUTensor) => tensor(new Float64Array(B * (K + 1) * C), [B, K + 1, h.shape[2]]);
    refuse(
      () => forward(longer),
      RangeError,
      '"layer" expected shape [2,5,4], that of its input, from forward of random-LTD layer 3, got [2,6,4]',
    );
    for (const answer of [undefined, 7, [], [undefined], Promise.resolve(hiddenOf(1))]) {
      refuse(
        () => forward(() => answer),
        TypeError,
        '"layer" expected a tensor, or an array that begins with one,',
      );
    }
    const floats = (h: CPUTensor) => tensor(new Float32Array(h.data.length), h.shape);
    const wrongDType =
      '"layer" expected dtype float64, that of its input, from forward of random-LTD layer 3, got float32';
    refuse(() => forward(floats), TypeError, wrongDType);
    const backward = new RandomLayerTokenDrop({ forward: identity, backward: floats }, free, 0);
    backward.forward(hiddenOf(1));
    const inBackward =
      '"layer" expected dtype float64, that of its input, from backward of random-LTD layer 0, got';
    refuse(() => backward.backward(hiddenOf(1)), TypeError, inBackward);
  });

  test("nothing is remembered or written by a call that was refused", () => {
    let length = C;
    const layer = {
      forward: (h: CPUTensor) => tensor(new Float64Array(B * K * length), [B, K, length]) && { ...h },
      backward: (g: CPUTensor) => g,
    };
    const wrapped = new RandomLayerTokenDrop(layer, free, 0);
    expect(() => wrapped.backward(hiddenOf(2))).toThrow(
      new TypeError('"outGrad" expected a forward call before backward, got none'),
    );
    wrapped.forward(hiddenOf(1));
    length = C + 1;
    const hidden = hiddenOf(1);
    layer.forward = () => tensor(new Float64Array(B * K * length), [B, K, length]);
    expect(() => wrapped.forward(hidden, {}, { inPlace: true, batchOffset: 7 })).toThrow(RangeError);
    expect(hidden).toEqual(hiddenOf(1));
    expect(() => wrapped.backward(hiddenOf(2), { batchOffset: 7 })).toThrow(RangeError);
    expect(wrapped.backward(hiddenOf(2))).toEqual(hiddenOf(2));
  });

  test("backward: none, a gradient of another shape, a gradient that the layer broke", () => {
    const bare = new RandomLayerTokenDrop(identity, free, 0);
    bare.forward(hiddenOf(1));
    refuse(() => bare.backward(hiddenOf(1)), TypeError, '"layer" expected a layer with a backward');
    const layer = { forward: identity, backward: (_: CPUTensor): CPUTensor => hiddenOf(1) };
    const wrapped = new RandomLayerTokenDrop(layer, free, 0);
    wrapped.forward(hiddenOf(1));
    const short = tensor(new Float64Array(B * K * C), [B, K, C]);
    refuse(
      () => wrapped.backward(short),
      RangeError,
      '"outGrad" expected shape [2,12,4], as forward\'s hiddenStates, got [2,5,4]',
    );
    refuse(
      () => wrapped.backward(hiddenOf(1)),
      RangeError,
      "from backward of random-LTD layer 0, got [2,12,4]",
    );
    layer.backward = () => 7 as never;
    refuse(() => wrapped.backward(hiddenOf(1)), TypeError, '"layer" expected a tensor from backward');
    layer.backward = (g) => g;
    const stack = convertToRandomLTD([identity, layer, layer, layer], free);
    stack.forward(hiddenOf(1));
    refuse(() => stack.backward(hiddenOf(1)), TypeError, '"layers" expected layers with a backward');
  });

  test("what the wrapper is made of", () => {
    const make =
      (layer: unknown, by: unknown = free, ordinal: unknown = 0, options: unknown = {}) =>
      () =>
        new RandomLayerTokenDrop(layer as never, by as never, ordinal as never, options as never);
    for (const layer of [undefined, null, 7, {}, { forward: 1 }]) {
      refuse(make(layer), TypeError, '"layer" expected a function or an object with a forward');
    }
    refuse(make(identity, {}), TypeError, '"scheduler" expected a RandomLTDScheduler');
    refuse(make(identity, null), TypeError, '"scheduler" expected a RandomLTDScheduler');
    refuse(make(identity, free, "0"), TypeError, '"layerOrdinal" expected an integer');
    refuse(make(identity, free, -1), RangeError, '"layerOrdinal" expected an integer');
    refuse(make(identity, free, 0, null), TypeError, '"options" expected an object');
    refuse(make(identity, free, 0, { keepPrefix: -1 }), RangeError, '"keepPrefix" expected an integer');
    refuse(make(identity, free, 0, { maskMode: "cut" }), RangeError, '"maskMode" expected one of');
    refuse(make(identity, free, 0, { maskMode: null }), TypeError, '"maskMode" expected one of');
    refuse(make(identity, free, 0, { ops: 7 }), TypeError, '"ops" expected an object');
    for (const alongSequence of ["rope", 7, null, [7]]) {
      refuse(make(identity, free, 0, { alongSequence }), TypeError, '"alongSequence" expected');
    }
    refuse(
      make(identity, free, 0, { alongSequence: { rope: "rows" } }),
      RangeError,
      '"alongSequence" expected one of',
    );
    refuse(make(identity, free, 0, { alongSequence: ["a", "a"] }), RangeError, "each name once");
    const named = make(identity, scheduler, 0, { alongSequence: ["attention_mask"] });
    refuse(named, RangeError, "names other than model_mask_name");
  });

  test("what forward is called with", () => {
    const wrapped = new RandomLayerTokenDrop(identity, free, 0, { keepPrefix: 6 });
    refuse(() => wrapped.forward(7 as never), TypeError, '"hiddenStates" expected a tensor, got 7');
    const foreign = { shape: [B, S, C], dtype: "float32", data: () => new Float32Array(B * S * C) };
    refuse(
      () => wrapped.forward(foreign as never),
      TypeError,
      '"hiddenStates" expected a tensor, got float32',
    );
    refuse(
      () => wrapped.forward(tensor(new Float64Array(4), [4])),
      RangeError,
      '"hiddenStates" expected at least',
    );
    refuse(
      () => wrapped.forward(hiddenOf(1)),
      RangeError,
      '"keepPrefix" expected an integer from 0 to 5, got 6',
    );
    const other = new RandomLayerTokenDrop(identity, free, 0);
    refuse(() => other.forward(hiddenOf(1), {}, { batchOffset: -1 }), RangeError, '"batchOffset" expected');
    // Where nothing is drawn, too: by it backward finds its call.
    const given = { indicesOf: () => indicesOf(0) };
    for (const [batchOffset, kind] of [
      ["0", TypeError],
      [0.5, RangeError],
      [2 ** 32 - 1, RangeError], // room for one row, of two
    ] as [never, ErrorConstructor][]) {
      refuse(() => other.forward(hiddenOf(1), {}, { ...given, batchOffset }), kind, '"batchOffset" expected');
    }
    other.forward(hiddenOf(1), {}, { ...given, batchOffset: 2 ** 32 - 2 });
    const both = new RandomLayerTokenDrop({ forward: identity, backward: identity }, free, 0);
    both.forward(hiddenOf(1));
    const back = (batchOffset: never) => () => both.backward(hiddenOf(1), { batchOffset });
    refuse(back("0" as never), TypeError, '"batchOffset" expected an integer');
    refuse(back(2 as never), RangeError, '"batchOffset" expected that of a forward call of this step, got 2');
    refuse(() => other.forward(hiddenOf(1), {}, { inPlace: 1 as never }), TypeError, '"inPlace" expected');
    refuse(
      () => other.forward(hiddenOf(1), {}, { encoder: {} as never }),
      TypeError,
      '"encoder" expected no encoder',
    );
  });

  test("what passes straight through is held to the same", () => {
    const wrapped = new RandomLayerTokenDrop({ forward: identity, backward: identity }, free, 0);
    for (const train of [true, false]) {
      if (train) wrapped.train();
      else wrapped.eval();
      const h = train ? tensor(new Float64Array(B * 2 * C), [B, 2, C]) : hiddenOf(1); // K is not below 2
      const call = (options: object) => () => wrapped.forward(h, {}, options);
      expect(call({})()).toBe(h);
      refuse(call({ encoder: {} }), TypeError, '"encoder" expected no encoder with CPU tensors');
      refuse(call({ inPlace: null }), TypeError, '"inPlace" expected a boolean, got null');
      refuse(call({ keepMask: 3 }), TypeError, '"keepMask" expected a tensor, got 3');
      refuse(
        call({ paddingMask: tensor(new Uint8Array(3), [1, 3]) }),
        RangeError,
        '"paddingMask" expected shape',
      );
      const back = (options: object) => () => wrapped.backward(h, options);
      refuse(back({ encoder: {} }), TypeError, '"encoder" expected no encoder with CPU tensors');
      refuse(back({ inPlace: null }), TypeError, '"inPlace" expected a boolean, got null');
      refuse(() => wrapped.sample(B, 0), RangeError, '"seqLength" expected an integer from 1');
      refuse(() => wrapped.sample(0.5, 1), RangeError, '"batchSize" expected an integer from 1');
      refuse(() => wrapped.sample(B, null as never), TypeError, '"seqLength" expected an integer from 1');
    }
  });

  test("what a model is converted from", () => {
    const four = [identity, identity, identity, identity];
    const convert =
      (layers: unknown, by: unknown = free, options: unknown = {}) =>
      () =>
        convertToRandomLTD(layers as never, by as never, options as never);
    refuse(convert(7), TypeError, '"layers" expected an array of layers');
    refuse(convert(four.slice(1)), RangeError, '"layers" expected total_layer_num layers, 4, got 3');
    refuse(
      convert([identity, identity, identity, 7]),
      TypeError,
      '"layers" expected a function or an object',
    );
    refuse(convert(four, {}), TypeError, '"scheduler" expected a RandomLTDScheduler');
    const without = { ...scheduler, config: { ...scheduler.config, random_ltd_layer_id: undefined } };
    refuse(
      convert(four, Object.assign(without, { getCurrentSeq: () => K })),
      TypeError,
      '"random_ltd_layer_id" expected an array of layer numbers, got undefined',
    );
    const routed = (routes: unknown) => convert(four, free, { routes });
    refuse(routed(7), TypeError, '"routes" expected an array of [first, last]');
    refuse(routed([1, 2]), TypeError, '"routes" expected an array of [first, last]');
    refuse(routed([[2, 1]]), RangeError, '"routes" expected a first layer before its last, got [2,1]');
    refuse(routed([[1, 4]]), RangeError, '"routes" expected an integer from -4 to 3, got 4');
    refuse(routed([[1, 3]]), RangeError, '"routes" expected layers of random_ltd_layer_id, got layer 3');
    refuse(
      routed([
        [1, 2],
        [-2, -2],
      ]),
      RangeError,
      '"routes" expected each layer once, got layer 2 twice',
    );
  });
});

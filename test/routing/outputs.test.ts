/** Layers that answer with more than the hidden states, by name: blocks of two streams, and what is carried along. */
import { describe, expect, test } from "vitest";
import {
  type CPUTensor,
  convertToRandomLTD,
  type Kwargs,
  LayerStack,
  RandomLayerTokenDrop,
  tensor,
  tensorOps,
} from "../../src/index.ts";
import { makeScheduler } from "./settings.ts";
import { causalMask, noise } from "./tiny.ts";
import { STREAMS, TwoStreamBlock } from "./two-stream.ts";

const [B, S, M, C, K] = [2, 9, 4, 3, 4];
const schedulerOf = (more = {}) =>
  makeScheduler({ layers: 5, ids: [1, 2, 3], min: K, max: S, model_mask_name: null, ...more });
const image = (seed = 1) => tensor(noise(B * S * C, seed), [B, S, C]);
const text = (seed = 2, length = M) => tensor(noise(B * length * C, seed), [B, length, C]);
type Pair = [CPUTensor, CPUTensor];

describe("a block of two streams", () => {
  const blocksOf = () => [1, 2, 3, 4, 5].map((seed) => new TwoStreamBlock(C, seed));
  const stackOf = (blocks: TwoStreamBlock[], routes: [number, number][] = [], more = {}) =>
    convertToRandomLTD(blocks, schedulerOf(more), { outputs: STREAMS, routes });

  test("a model written out by hand: text sees the retained image tokens, the others pass by", () => {
    const blocks = blocksOf();
    const stack = stackOf(blocks);
    const drawn = stack.sample(B, S);
    const [e, h] = stack.forward(image(), { encoder_hidden_states: text() }) as Pair;
    let [text2, image2] = [text(), image()];
    blocks.forEach(({ weights: [a, b, c, d] }, i) => {
      const [nextText, nextImage] = [text2.data.slice(), image2.data.slice()];
      for (let r = 0; r < B; r++) {
        const at =
          drawn.get(i - 1)?.data.subarray(r * K, (r + 1) * K) ?? Int32Array.from({ length: S }, (_, s) => s);
        for (let ch = 0; ch < C; ch++) {
          const x = (s: number) => (r * S + s) * C + ch;
          const y = (m: number) => (r * M + m) * C + ch;
          const meanImage = [...at].reduce((sum, s) => sum + image2.data[x(s)], 0) / at.length;
          const meanText = [0, 1, 2, 3].reduce((sum, m) => sum + text2.data[y(m)], 0) / M;
          for (const s of at) nextImage[x(s)] += Math.tanh(image2.data[x(s)] * a[ch] + meanText * b[ch]);
          for (let m = 0; m < M; m++)
            nextText[y(m)] += Math.tanh(text2.data[y(m)] * c[ch] + meanImage * d[ch]);
        }
      }
      [text2, image2] = [tensor(nextText, text2.shape), tensor(nextImage, image2.shape)];
    });
    expect(e.shape).toEqual([B, M, C]);
    expect(h.shape).toEqual([B, S, C]);
    for (const [got, wanted] of [
      [e, text2],
      [h, image2],
    ]) {
      got.data.forEach((x, i) => {
        expect(x).toBeCloseTo(wanted.data[i], 12);
      });
    }
  });

  test.each([
    ["layer by layer", []],
    ["a route", [[1, 3]]],
    ["a route and a layer", [[2, 3]]],
  ] as [string, [number, number][]][])("gradients are central differences: %s", (_, routes) => {
    const blocks = blocksOf();
    const stack = stackOf(blocks, routes);
    const [x, y] = [image(), text()];
    const [wantedText, wantedImage] = [noise(B * M * C, 7), noise(B * S * C, 8)];
    const run = () => {
      for (const block of blocks) block.calls.length = 0;
      const [e, h] = stack.forward(x, { encoder_hidden_states: y }) as Pair;
      const grads = [
        (e.data as Float64Array).map((v, i) => v - wantedText[i]),
        (h.data as Float64Array).map((v, i) => v - wantedImage[i]),
      ];
      const loss = grads.flatMap((g) => [...g]).reduce((sum, d) => sum + d * d, 0) / 2;
      return { loss, grads: [tensor(grads[0], e.shape), tensor(grads[1], h.shape)] };
    };
    const { grads } = run();
    const untouched = grads.map((g) => g.data.slice());
    const [dText, dImage] = stack.backward(grads) as Pair;
    expect(grads.map((g) => g.data)).toEqual(untouched);
    const numeric = (memory: CPUTensor["data"], i: number) => {
      const [own, step] = [memory[i], 1e-5];
      memory[i] = own + step;
      const above = run().loss;
      memory[i] = own - step;
      const below = run().loss;
      memory[i] = own;
      return (above - below) / (2 * step);
    };
    for (let i = 0; i < x.data.length; i += 4) expect(dImage.data[i]).toBeCloseTo(numeric(x.data, i), 6);
    for (let i = 0; i < y.data.length; i += 3) expect(dText.data[i]).toBeCloseTo(numeric(y.data, i), 6);
    for (const { weights, grads: own } of blocks) {
      for (let w = 0; w < 4; w++) expect(own[w][1]).toBeCloseTo(numeric(weights[w], 1), 6);
    }
  });

  test("at K = S, and in evaluation, it is the plain stack, backward too", () => {
    const run = (model: LayerStack<CPUTensor, CPUTensor[]>) => {
      const out = model.forward(image(), { encoder_hidden_states: text() });
      return [out, model.backward(out)];
    };
    const plain = run(new LayerStack(blocksOf(), tensorOps as never, { outputs: STREAMS }));
    expect(run(stackOf(blocksOf(), [], { min: S }) as never)).toEqual(plain);
    const evaluated = stackOf(blocksOf(), [[1, 3]]);
    evaluated.eval();
    expect(run(evaluated as never)).toEqual(plain);
  });

  test("inPlace writes into the states and their gradient, and nothing else", () => {
    const layer = new RandomLayerTokenDrop(new TwoStreamBlock(C, 1), schedulerOf(), 0, { outputs: STREAMS });
    const [x, y] = [image(), text()];
    const [, h] = layer.forward(x, { encoder_hidden_states: y }, { inPlace: true }) as Pair;
    expect(h).toBe(x);
    expect(y).toEqual(text());
    const grads = [text(5), image(6)];
    const [, dx] = layer.backward(grads, { inPlace: true });
    expect(dx).toBe(grads[1]);
    expect(grads[0]).toEqual(text(5));
  });

  test("a text stream as long as the image's is named already", () => {
    const stack = stackOf(blocksOf());
    const [e] = stack.forward(image(), { encoder_hidden_states: text(2, S) }) as Pair;
    expect(e.shape).toEqual([B, S, C]);
  });
});

describe("what goes on to the next layer", () => {
  const outputs = ["hiddenStates", "residual", "aux"];

  test("each layer gets what the one before it answered; the stack answers in the same form", () => {
    const seen: Kwargs[] = [];
    const layers = [0, 1, 2, 3, 4].map((i) => (h: CPUTensor, kwargs: Kwargs) => {
      seen.push(kwargs);
      return [h, `r${i}`, i];
    });
    const stack = convertToRandomLTD(layers, schedulerOf(), { outputs, routes: [[2, 3]] });
    const kwargs = { residual: "first", other: 7 };
    expect(stack.forward(image(), kwargs)).toEqual([image(), "r4", 4]);
    expect(kwargs).toEqual({ residual: "first", other: 7 });
    expect(seen).toEqual([
      { residual: "first", other: 7 },
      ...[0, 1, 2, 3].map((i) => ({ residual: `r${i}`, other: 7, aux: i })),
    ]);
  });

  test("what runs along the sequence is gathered as an argument and put back as an answer", () => {
    const shapes: string[] = [];
    const layer = (h: CPUTensor, { residual }: Kwargs) => {
      const r = residual as CPUTensor;
      shapes.push(`${r.shape}`);
      return [
        h,
        tensor(
          (r.data as Float64Array).map((x) => x + 1),
          r.shape,
        ),
      ];
    };
    for (const [order, shape] of [
      ["batch_seq_dim", [B, S, 2]],
      ["seq_batch_dim", [S, B, 2]],
    ] as const) {
      const scheduler = schedulerOf({ hidden_state_order: order });
      const stack = convertToRandomLTD(
        [0, 1, 2, 3, 4].map(() => layer),
        scheduler,
        {
          outputs: ["hiddenStates", "residual"],
          alongSequence: ["residual"],
        },
      );
      const states = tensor(noise(B * S * C, 1), [...shape.slice(0, 2), C]);
      const zeros = tensor(new Float64Array(B * S * 2), shape);
      const [, out] = stack.forward(states, { residual: zeros }) as Pair;
      const counts = new Float64Array(B * S).fill(2);
      for (const { data } of stack.sample(B, S).values())
        data.forEach((s, i) => {
          counts[Math.floor(i / K) * S + s]++;
        });
      const place = (i: number) =>
        order === "batch_seq_dim" ? Math.floor(i / 2) : (Math.floor(i / 2) % B) * S + Math.floor(i / 2 / B);
      expect([...out.data]).toEqual(Array.from(zeros.data, (_, i) => counts[place(i)]));
      expect(zeros.data.every((x) => x === 0)).toBe(true);
    }
    expect(shapes).toContain(`${[B, K, 2]}`);
    expect(shapes).toContain(`${[K, B, 2]}`);
  });

  test("the gradient of a stream that runs along the sequence is that of central differences", () => {
    // h' = h + tanh(r * w), r' = r + h * w: two streams of tokens, both dropped.
    const w = 0.7;
    const make = () => {
      let saved: { h: CPUTensor; r: CPUTensor };
      return {
        forward(h: CPUTensor, kwargs: Kwargs) {
          const r = kwargs.residual as CPUTensor;
          saved = { h, r };
          return [
            tensor(
              (h.data as Float64Array).map((x, i) => x + Math.tanh(r.data[i] * w)),
              h.shape,
            ),
            tensor(
              (r.data as Float64Array).map((x, i) => x + h.data[i] ** 2 * w),
              r.shape,
            ),
          ];
        },
        backward(grads: readonly unknown[]) {
          const [gh, gr] = grads as Pair;
          const { h, r } = saved;
          return [
            tensor(
              (gh.data as Float64Array).map((g, i) => g + gr.data[i] * 2 * h.data[i] * w),
              h.shape,
            ),
            tensor(
              (gr.data as Float64Array).map(
                (g, i) => g + gh.data[i] * w * (1 - Math.tanh(r.data[i] * w) ** 2),
              ),
              r.shape,
            ),
          ];
        },
      };
    };
    const stack = convertToRandomLTD([0, 1, 2, 3, 4].map(make), schedulerOf(), {
      outputs: ["hiddenStates", "residual"],
      alongSequence: ["residual"],
      routes: [[2, 3]],
    });
    const [x, y] = [image(), image(9)];
    const run = () => {
      const [h, r] = stack.forward(x, { residual: y }) as Pair;
      const loss = [...h.data, ...r.data].reduce((sum, v) => sum + v * v, 0) / 2;
      return { loss, grads: [tensor(h.data.slice(), h.shape), tensor(r.data.slice(), r.shape)] };
    };
    const { grads } = run();
    const [dx, dy] = stack.backward(grads) as Pair;
    for (const [memory, grad] of [
      [x.data, dx],
      [y.data, dy],
    ] as const) {
      for (let i = 0; i < memory.length; i += 3) {
        const own = memory[i];
        const [above, below] = [1e-5, -1e-5].map((step) => {
          memory[i] = own + step;
          return run().loss;
        });
        memory[i] = own;
        expect(grad.data[i]).toBeCloseTo((above - below) / 2e-5, 5);
      }
    }
  });

  test("T5: the first layer makes the position bias, all others get it, cut to what they retain", () => {
    const bias = tensor(noise(2 * S * S, 5), [1, 2, S, S]);
    const shapes: string[] = [];
    const layers = [0, 1, 2, 3, 4].map((i) => (h: CPUTensor, { position_bias }: Kwargs) => {
      const own = i === 0 ? bias : (position_bias as CPUTensor);
      shapes.push(`${own.shape}`);
      return [h, own];
    });
    const stack = convertToRandomLTD(layers, schedulerOf(), {
      outputs: ["hiddenStates", "position_bias"],
      alongSequence: { position_bias: "mask" },
    });
    const [, out] = stack.forward(image(), { position_bias: null }) as Pair;
    expect(out).toBe(bias);
    expect(shapes).toEqual(["1,2,9,9", "2,2,4,4", "2,2,4,4", "2,2,4,4", "1,2,9,9"]);
  });

  test("the attention mask itself may be carried", () => {
    const mask = causalMask(S);
    const layer = (h: CPUTensor, { attention_mask }: Kwargs) => [h, attention_mask];
    const stack = convertToRandomLTD(
      [0, 1, 2, 3, 4].map(() => layer),
      schedulerOf({ model_mask_name: "attention_mask" }),
      {
        outputs: ["hiddenStates", "attention_mask"],
      },
    );
    expect((stack.forward(image(), { attention_mask: mask }) as unknown[])[1]).toBe(mask);
  });

  test("by default the first element is the states, the rest is handed out in order", () => {
    const layers = [0, 1, 2, 3, 4].map((i) => (h: CPUTensor) => [h, i]);
    expect(convertToRandomLTD(layers, schedulerOf()).forward(image())).toEqual([image(), 0, 1, 2, 3, 4]);
  });
});

describe("what is refused", () => {
  const identity = (h: CPUTensor) => [7, h];
  const make = (outputs: unknown) => () =>
    new RandomLayerTokenDrop(identity, schedulerOf(), 0, { outputs: outputs as string[] });

  test.each([
    ["hiddenStates", TypeError, '"outputs" expected an array of names, "hiddenStates" among them'],
    [null, TypeError, '"outputs" expected an array of names'],
    [{ hiddenStates: 0 }, TypeError, '"outputs" expected an array of names'],
    [["hiddenStates", 7], TypeError, '"outputs" expected names that are strings, got 7'],
    [["hiddenStates", "a", "a"], RangeError, '"outputs" expected each name once, got "a"'],
    [["a", "hidden_states"], RangeError, '"outputs" expected an array of names, "hiddenStates" among them'],
    [[], RangeError, '"outputs" expected an array of names'],
  ] as const)("outputs %j", (outputs, kind, message) => {
    for (const call of [
      make(outputs),
      () =>
        convertToRandomLTD(
          [0, 1, 2, 3, 4].map(() => identity),
          schedulerOf(),
          { outputs: outputs as never },
        ),
      () => new LayerStack([identity], tensorOps as never, { outputs: outputs as never }),
    ]) {
      expect(call).toThrow(kind);
      expect(call).toThrow(message);
    }
  });

  test.each([
    ["a tensor", (h: CPUTensor) => h, TypeError, '"layer" expected an array of a, hiddenStates from forward'],
    [
      "an element too few",
      (h: CPUTensor) => [h],
      RangeError,
      '"layer" expected an array of a, hiddenStates from forward',
    ],
    ["an element too many", (h: CPUTensor) => [1, h, 2], RangeError, ", got an array of 3"],
    ["no states", () => [1, 2], TypeError, '"layer" expected a tensor'],
  ] as [
    string,
    (h: CPUTensor) => unknown,
    ErrorConstructor,
    string,
  ][])("an answer of %s, by plain layers and wrapped ones alike", (_, layer, kind, message) => {
    const outputs = ["a", "hiddenStates"];
    const good = (h: CPUTensor) => [0, h];
    for (const at of [0, 1, 4]) {
      const layers = [0, 1, 2, 3, 4].map((i) => (i === at ? layer : good));
      const stack = convertToRandomLTD(layers as never, schedulerOf(), { outputs });
      expect(() => stack.forward(image())).toThrow(kind);
      expect(() => stack.forward(image())).toThrow(message);
      stack.eval();
      expect(() => stack.forward(image())).toThrow(kind);
    }
  });

  test("gradients in another form", () => {
    const block = new TwoStreamBlock(C, 1);
    const layer = new RandomLayerTokenDrop(block, schedulerOf(), 0, { outputs: STREAMS });
    layer.forward(image(), { encoder_hidden_states: text() });
    expect(() => layer.backward(image() as never)).toThrow(
      '"outGrad" expected an array of encoder_hidden_states, hiddenStates',
    );
    expect(() => layer.backward([image()])).toThrow(RangeError);
    expect(() => layer.backward([image(), text()])).toThrow('"outGrad" expected shape [2,9,3]');
    const broken = {
      forward: (h: CPUTensor) => [0, h],
      backward: (g: readonly unknown[]) => g[1] as CPUTensor,
    };
    for (const kept of [K, S]) {
      const wrapped = new RandomLayerTokenDrop(broken, schedulerOf({ min: kept }), 0, {
        outputs: ["a", "hiddenStates"],
      });
      wrapped.forward(image());
      expect(() => wrapped.backward([0, image()])).toThrow(
        new TypeError(
          '"layer" expected an array of a, hiddenStates from backward of random-LTD layer 0, got float64 ' +
            `[2,${kept},3]`,
        ),
      );
    }
  });

  test("the gradient of what bypasses a layer is the one that came in, and the layer has none", () => {
    const run = (ofBias: unknown) => {
      const layer = {
        forward: (h: CPUTensor, { bias }: Kwargs) => [h, bias],
        backward: (grads: readonly unknown[]) => {
          expect(grads[1]).toBeNull();
          return [grads[0], ofBias];
        },
      };
      const wrapped = new RandomLayerTokenDrop(layer as never, schedulerOf(), 0, {
        outputs: ["hiddenStates", "bias"],
        alongSequence: { bias: "mask" },
      });
      wrapped.forward(image(), { bias: tensor(noise(S * S, 5), [1, 1, S, S]) });
      const [grad, whole] = [image(6), tensor(noise(S * S, 7), [1, 1, S, S])];
      const [dh, dBias] = wrapped.backward([grad, whole] as never) as unknown as Pair;
      expect(dh).toEqual(grad); // an identity's
      expect(dBias).toBe(whole);
    };
    run(null);
    run(undefined);
    expect(() => run(7)).toThrow(/^"layer" expected no gradient of bias: null/);
  });

  test("an answer that can't be put back among the tokens", () => {
    const outputs = ["hiddenStates", "r"];
    const call = (layout: unknown, given: unknown, answer: (r: CPUTensor) => unknown) => () => {
      const layer = (h: CPUTensor, { r }: Kwargs) => [h, answer(r as CPUTensor)];
      new RandomLayerTokenDrop(layer, schedulerOf(), 0, {
        outputs,
        alongSequence: { r: layout } as never,
      }).forward(image(), { r: given });
    };
    const copy = (r: CPUTensor) => tensor(r.data.slice(), r.shape);
    const ones = (...shape: number[]) => tensor(new Float64Array(shape.reduce((n, x) => n * x, 1)), shape);
    call("batch_seq_dim", ones(B, S), copy)();
    for (const refused of [
      call("mask", ones(1, 1, S, S), copy),
      call("seq_dim", ones(S), copy),
      call("batch_seq_dim", ones(1, S), copy), // differs from row to row now
      call("batch_seq_dim", ones(B, S), () => ones(B, K, 1)),
      call("batch_seq_dim", null, () => ones(B, K)),
      call("batch_seq_dim", ones(B, S), () => 7),
    ]) {
      expect(refused).toThrow(RangeError);
      expect(refused).toThrow('"outputs" expected r as the layer was given it');
    }
    call("unchanged", ones(B, S), () => ones(B, K))();
  });
});

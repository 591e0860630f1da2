/** Training with TF.js: gradients, a transformer against the one written by hand in float64, and what is refused. */
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { type CPUTensor, convertToRandomLTD, RandomLayerTokenDrop, tensor } from "../../src/index.ts";
import { makeScheduler } from "../routing/settings.ts";
import { Block, causalMask, noise, squaredLoss } from "../routing/tiny.ts";
import { indexTensor } from "../suites/data.ts";
import { BACKENDS, tf, use } from "./tfjs/backends.ts";
import { blockOf, NAMES, variablesOf } from "./tfjs/block.ts";

const { GatherTokens, ScatterTokens, tfjsOps } = await import("../../src/adapters/tfjs.ts");

const [B, S, C, K] = [2, 8, 4, 5];
const floats = (n: number, seed: number) => Float32Array.from(noise(n, seed));

test("a tensor of TF.js where one of the library's is wanted is told apart", async () => {
  await use("cpu");
  const scheduler = makeScheduler({ ids: [0], layers: 1, min: K, max: S, model_mask_name: null });
  const stack = convertToRandomLTD<any>([(h: any) => h], scheduler, { ops: tfjsOps });
  tf.tidy(() => {
    for (const name of ["paddingMask", "keepMask"]) {
      const forward = () => stack.forward(tf.zeros([B, S, C]), {}, { [name]: tf.ones([B, S], "bool") });
      expect(forward).toThrow(
        new TypeError(`"${name}" expected a tensor, got another library's; tensor(data, shape) makes one`),
      );
    }
  });
});

/** The largest difference, over the largest value. */
function apart(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  expect(actual.length).toBe(expected.length);
  let [most, top] = [0, 1e-9];
  for (let i = 0; i < actual.length; i++) {
    most = Math.max(most, Math.abs(actual[i] - expected[i]));
    top = Math.max(top, Math.abs(expected[i]));
  }
  return most / top;
}

async function read(t: any): Promise<Float32Array> {
  const data = await t.data();
  t.dispose();
  return data;
}

describe.each(BACKENDS)("on %s", (backend) => {
  let before = 0;
  beforeAll(async () => {
    await use(backend);
    before = tf.memory().numTensors;
  });
  afterEach(() => expect(tf.memory().numTensors).toBe(before));

  /** Gradients, and those of a gradient's square, against central differences of what the plain loss gives. */
  test.each([
    true,
    false,
  ])("operations have exact gradients, and those have too: batchFirst %s", async (batchFirst) => {
    const shape = (n: number) => (batchFirst ? [B, n, C] : [n, B, C]);
    const indices = indexTensor([B, K], S, "random", 4);
    const [x, part] = [tf.tensor(floats(B * S * C, 1), shape(S)), tf.tensor(floats(B * K * C, 2), shape(K))];
    const [wPart, wAll] = [
      tf.tensor(floats(B * K * C, 3), shape(K)),
      tf.tensor(floats(B * S * C, 5), shape(S)),
    ];
    const options = { batchFirst };
    const spread = (y: any) => GatherTokens.backward(y, indices, { ...options, seqLength: S });
    const take = (y: any) => GatherTokens.forward(y, indices, options);
    const put = (y: any, z: any) => ScatterTokens.forward(y, z, indices, options);

    // sum(w * gather(x)): its gradient is w among zeros.
    const g1 = tf.grad((y: any) => tf.sum(tf.mul(take(y), wPart)))(x);
    expect(await read(g1)).toEqual(await read(spread(wPart)));
    const g2 = tf.grad((y: any) => tf.sum(tf.mul(spread(y), wAll)))(part);
    expect(await read(g2)).toEqual(await read(take(wAll)));
    const [g3, g4] = tf.grads((y: any, z: any) => tf.sum(tf.mul(put(y, z), wAll)))([x, part]);
    const both = ScatterTokens.backward(wAll, indices, options);
    expect(await read(g3)).toEqual(await read(both.allActivationsGrad));
    expect(await read(g4)).toEqual(await read(both.layerActivationsGrad));

    // f = sum(g(x)^2) / 2 with g = gradient of sum(gather(x)^3) / 3, so g = x^2 where retained: f' = 2 x^3 there.
    const inner = tf.grad((y: any) => tf.div(tf.sum(tf.pow(take(y), 3)), 3));
    const outer = tf.grad((y: any) => tf.div(tf.sum(tf.square(inner(y))), 2))(x);
    const expected = tf.tidy(() => spread(tf.mul(tf.pow(take(x), 3), 2)));
    expect(apart(await read(outer), await read(expected))).toBeLessThan(1e-6);
    // The same through scatter: where it keeps x.
    const innerPut = tf.grad((y: any) => tf.div(tf.sum(tf.pow(put(y, part), 3)), 3));
    const outerPut = tf.grad((y: any) => tf.div(tf.sum(tf.square(innerPut(y))), 2))(x);
    const kept = tf.tidy(
      () => ScatterTokens.backward(tf.mul(tf.pow(x, 3), 2), indices, options).allActivationsGrad,
    );
    expect(apart(await read(outerPut), await read(kept))).toBeLessThan(1e-6);
    for (const t of [x, part, wPart, wAll]) t.dispose();
  });

  test("a wrapped layer's gradient, and that of what its arguments were made of", async () => {
    const scheduler = makeScheduler({ ids: [1, 2], min: K, max: S, model_type: "encoder" });
    const layer = new RandomLayerTokenDrop<any, any>(
      (h, { attention_mask, table }) =>
        tf.add(tf.tanh(tf.mul(h, table)), tf.matMul(tf.reshape(attention_mask, [B, K, K]), h)),
      scheduler,
      0,
      { ops: tfjsOps, alongSequence: { table: "seq_dim" } },
    );
    const inputs = [
      [floats(B * S * C, 1), [B, S, C]],
      [floats(S * C, 2), [S, C]],
      [floats(S * S, 3), [1, 1, S, S]],
    ] as const;
    const weights = floats(B * S * C, 4);
    const indices = layer.sample(B, S)!;

    /** The same in doubles, an element at a time. */
    const plain = ([h, table, mask]: Float64Array[]) => {
      let loss = 0;
      const out = h.slice();
      for (let b = 0; b < B; b++) {
        const row = indices.data.subarray(b * K, (b + 1) * K);
        for (const s of row) {
          for (let c = 0; c < C; c++) {
            let y = Math.tanh(h[(b * S + s) * C + c] * table[s * C + c]);
            for (const j of row) y += mask[s * S + j] * h[(b * S + j) * C + c];
            out[(b * S + s) * C + c] = y;
          }
        }
      }
      for (let i = 0; i < out.length; i++) loss += weights[i] * out[i] ** 2;
      return loss;
    };
    const tensors = inputs.map(([data, shape]) => tf.tensor(data, [...shape]));
    const w = tf.tensor(weights, [B, S, C]);
    const { value, grads } = tf.valueAndGrads((h: any, table: any, attention_mask: any) =>
      tf.sum(tf.mul(w, tf.square(layer.forward(h, { attention_mask, table })))),
    )(tensors);
    const doubles = inputs.map(([data]) => Float64Array.from(data));
    expect(apart(await read(value), [plain(doubles)])).toBeLessThan(1e-5);
    for (const [n, grad] of grads.entries()) {
      const actual = await read(grad);
      const expected = doubles[n].map((x, i) => {
        const at = (value: number) => {
          doubles[n][i] = value;
          return plain(doubles);
        };
        const difference = (at(x + 1e-4) - at(x - 1e-4)) / 2e-4;
        doubles[n][i] = x;
        return difference;
      });
      expect(apart(actual, expected), `input ${n}`).toBeLessThan(1e-5);
    }
    for (const t of [...tensors, w]) t.dispose();
  });

  describe("a transformer of four blocks", () => {
    const L = 4;
    const x = noise(B * S * C, 10);
    const y = noise(B * S * C, 11);
    const angles = noise(S, 9).map((a) => 2 * a);
    const blocks = Array.from({ length: L }, (_, i) => new Block(C, i + 1));
    const cpuKwargs = { attention_mask: causalMask(S), rope: tensor(angles, [S]) };

    /** Loss and gradients in TF.js: with no scheduler, of the blocks as they are. */
    async function inTF(scheduler: ReturnType<typeof makeScheduler> | null, routes: [number, number][] = []) {
      const variables = blocks.map(variablesOf);
      const layers = variables.map(blockOf);
      const hidden = tf.tensor(Float32Array.from(x), [B, S, C]);
      const target = tf.tensor(Float32Array.from(y), [B, S, C]);
      const kwargs = {
        attention_mask: tf.tensor(Float32Array.from(cpuKwargs.attention_mask.data as Float64Array), [
          1,
          1,
          S,
          S,
        ]),
        rope: tf.tensor(Float32Array.from(angles), [S]),
      };
      const options = { ops: tfjsOps, alongSequence: { rope: "seq_dim" }, routes } as const;
      const stack = scheduler && convertToRandomLTD<any, any>(layers, scheduler, options);
      const { value, grads } = tf.variableGrads(() => {
        const out = stack
          ? stack.forward(hidden, kwargs)
          : layers.reduce((h: any, layer) => layer(h, kwargs), hidden);
        return tf.div(tf.sum(tf.squaredDifference(out, target)), 2);
      });
      const flat: Float32Array[] = [];
      for (const v of variables) for (const name of NAMES) flat.push(await read(grads[v[name].name]));
      for (const v of variables) for (const name of NAMES) v[name].dispose();
      for (const t of [hidden, target, kwargs.attention_mask, kwargs.rope]) t.dispose();
      return { loss: (await read(value))[0], grads: flat };
    }

    /** The same with the library's CPU tensors, in float64, gradients by hand. */
    function byHand(scheduler: ReturnType<typeof makeScheduler>, routes: [number, number][]) {
      for (const block of blocks) block.zeroGrad();
      const stack = convertToRandomLTD<CPUTensor, CPUTensor>(blocks, scheduler, {
        alongSequence: { rope: "seq_dim" },
        routes,
      });
      const { loss, grad } = squaredLoss(stack.forward(tensor(x, [B, S, C]), cpuKwargs), y);
      stack.backward(grad);
      const lossAt = () => squaredLoss(stack.forward(tensor(x, [B, S, C]), cpuKwargs), y).loss;
      return {
        loss,
        grads: blocks.flatMap((block) => NAMES.map((name) => block.grads[name].slice())),
        lossAt,
      };
    }

    test("at K = S loss and gradients are the unwrapped model's, bit for bit", async () => {
      const wrapped = await inTF(makeScheduler({ ids: [1, 2], min: S, max: S }));
      const plain = await inTF(null);
      expect(wrapped.loss).toBe(plain.loss);
      expect(wrapped.grads).toEqual(plain.grads);
    });

    // A step takes seconds over SwiftShader.
    const ways = [
      ["layer by layer", []],
      ["over a route", [[1, 2]]],
    ].slice(0, backend === "webgpu" ? 1 : 2);
    test.each(
      ways as [string, [number, number][]][],
    )("at K < S they are those of the model in float64: %s", async (_, routes) => {
      const scheduler = makeScheduler({ ids: [1, 2], min: K, max: S });
      const actual = await inTF(scheduler, routes);
      const expected = byHand(scheduler, routes);
      expect(apart([actual.loss], [expected.loss])).toBeLessThan(2e-5);
      // TF.js's softmax and tanh are less exact in shaders.
      const near = backend === "webgpu" ? 1e-3 : 3e-5;
      for (const [i, grad] of actual.grads.entries())
        expect(apart(grad, expected.grads[i])).toBeLessThan(near);
      // Which differ from the whole model's, and are its finite differences.
      if (backend === "cpu") expect(apart([actual.loss], [(await inTF(null)).loss])).toBeGreaterThan(1e-3);
      for (const [n, block] of blocks.entries()) {
        for (const [m, name] of NAMES.entries()) {
          const w = block.weights[name];
          const [at, h] = [(5 * n + 3 * m) % w.length, 1e-5];
          const own = w[at];
          w[at] = own + h;
          const above = expected.lossAt();
          w[at] = own - h;
          const below = expected.lossAt();
          w[at] = own;
          const difference = (above - below) / (2 * h);
          const scale = Math.max(...expected.grads[n * NAMES.length + m].map(Math.abs));
          const found = actual.grads[n * NAMES.length + m][at];
          expect(Math.abs(found - difference) / scale, `${name} of block ${n}`).toBeLessThan(near);
        }
      }
    });
  });

  test("30 steps leave no tensor behind", async () => {
    // Blocks without a product of matrices, which takes seconds a step over SwiftShader.
    const weights = [0, 1, 2, 3].map((i) => tf.tidy(() => tf.variable(tf.fill([C], 0.1 * (i + 1)))));
    const scheduler = makeScheduler({ ids: [1, 2], min: 4, max: S, steps: 30, model_mask_name: null });
    const layers = weights.map((w) => (h: any) => tf.add(h, tf.mul(w, tf.tanh(h))));
    const stack = convertToRandomLTD<any, any>(layers, scheduler, { ops: tfjsOps });
    const hidden = tf.tensor(floats(B * S * C, 1), [B, S, C]);
    const optimizer = tf.train.sgd(0.05);
    const count = () => tf.memory().numTensors;
    const [start, { numBytes }] = [count(), tf.memory()];
    const losses: number[] = [];
    for (let step = 0; step < 30; step++) {
      scheduler.updateSeq(step);
      const loss = optimizer.minimize(() => tf.mean(tf.square(stack.forward(hidden))), true);
      losses.push((await read(loss))[0]);
      expect(count()).toBe(start);
    }
    expect(tf.memory().numBytes).toBe(numBytes);
    expect(losses.at(-1)).toBeLessThan(losses[0]);
    for (const t of [...weights, hidden, optimizer]) t.dispose();
  });
});

describe("what is refused", () => {
  beforeAll(() => use("cpu"));
  const x = () => tf.ones([B, S, C]);
  const indices = indexTensor([B, K], S, "random", 4);
  const gone = (shape: number[], dtype = "float32") => {
    const t = tf.zeros(shape, dtype);
    t.dispose();
    return t;
  };
  const disposed = (name: string, shape: number[], dtype = "float32") =>
    new TypeError(
      `"${name}" expected a tensor that is not disposed (tf.keep saves one from tf.tidy), got a disposed ${dtype} [${shape}]`,
    );
  const wrapped = (layer: (h: any, kwargs: any) => any, options = {}, maskMode?: "slice") =>
    new RandomLayerTokenDrop<any, any>(layer, makeScheduler({ ids: [1, 2], min: K, max: S, ...options }), 0, {
      ops: tfjsOps,
      alongSequence: { rope: "seq_dim" },
      maskMode,
    });
  const forward = (layer: any, hidden: any, kwargs: any, options = {}) =>
    tf.tidy(() => layer.forward(hidden, kwargs, options));
  const mask = () => tf.zeros([1, 1, S, S]);
  const rope = () => tf.zeros([S, 2]);
  const pass = (h: any) => h;

  test("frozen tensors that TF.js has disposed, by name", () => {
    expect(() => GatherTokens.forward(gone([B, S, C]), indices)).toThrow(disposed("activations", [B, S, C]));
    expect(() => GatherTokens.forward(x(), gone([B, K], "int32"))).toThrow(
      disposed("sortedIndices", [B, K], "int32"),
    );
    expect(() => ScatterTokens.forward(x(), gone([B, K, C]), indices)).toThrow(
      disposed("layerActivations", [B, K, C]),
    );
    // A table made inside tf.tidy, for all steps: the second step finds it gone.
    let table: any;
    const step = () =>
      tf.tidy(() => {
        table ??= rope();
        return wrapped(pass).forward(x(), { attention_mask: mask(), rope: table });
      });
    step().dispose();
    expect(step).toThrow(disposed("rope", [S, 2]));
    const kwargs = () => ({ attention_mask: mask(), rope: rope() });
    expect(() => forward(wrapped(pass), gone([B, S, C]), kwargs())).toThrow(
      disposed("hiddenStates", [B, S, C]),
    );
    expect(() => forward(wrapped(pass), x(), { ...kwargs(), attention_mask: gone([1, 1, S, S]) })).toThrow(
      disposed("attention_mask", [1, 1, S, S]),
    );
    expect(() =>
      forward(
        wrapped(() => gone([B, K, C])),
        x(),
        kwargs(),
      ),
    ).toThrow(disposed("layer", [B, K, C]));
    const indicesOf = () => gone([B, K], "int32");
    expect(() => forward(wrapped(pass), x(), kwargs(), { indicesOf })).toThrow(
      disposed("indicesOf", [B, K], "int32"),
    );
  });

  test.each([
    [
      "no tensor",
      () => GatherTokens.forward([1] as any, indices),
      TypeError,
      '"activations" expected a TF.js tensor, got [1]',
    ],
    [
      "the library's own tensor",
      () => GatherTokens.forward(indices as any, indices),
      TypeError,
      '"activations" expected a TF.js tensor',
    ],
    [
      "complex numbers",
      () => GatherTokens.forward(tf.complex(x(), x()), indices),
      TypeError,
      '"activations" expected dtype float32, int32 or bool, got complex64',
    ],
    [
      "too few dimensions",
      () => GatherTokens.forward(tf.ones([3]), indices),
      RangeError,
      '"activations" expected at least two dimensions, got float32 [3]',
    ],
    [
      "indices of another dtype",
      () => GatherTokens.forward(x(), tf.ones([B, K])),
      TypeError,
      '"sortedIndices" expected dtype int32, got float32',
    ],
    [
      "another batch",
      () => GatherTokens.forward(x(), tf.zeros([3, 1], "int32")),
      RangeError,
      `"sortedIndices" expected int32 [2,K] with K from 1 to ${S}, got int32 [3,1]`,
    ],
    [
      "positions beyond S",
      () =>
        GatherTokens.forward(
          x(),
          tf.tensor(
            [
              [0, 8],
              [0, 1],
            ],
            [2, 2],
            "int32",
          ),
        ),
      RangeError,
      '"sortedIndices" expected ascending, distinct positions from 0 to 7',
    ],
    [
      "positions twice",
      () => GatherTokens.forward(x(), tensor(new Int32Array([0, 0, 1, 2]), [2, 2]) as any),
      RangeError,
      '"sortedIndices" expected ascending, distinct positions from 0 to 7',
    ],
    [
      "a part of another length",
      () => ScatterTokens.forward(x(), tf.ones([B, K + 1, C]), indices),
      RangeError,
      `"layerActivations" expected shape [${[B, K, C]}]`,
    ],
    [
      "a part of another dtype",
      () => ScatterTokens.forward(x(), tf.ones([B, K, C], "int32"), indices),
      TypeError,
      '"layerActivations" expected dtype float32',
    ],
    [
      "no seqLength",
      () => GatherTokens.backward(x(), indices, {} as any),
      TypeError,
      '"seqLength" expected an integer',
    ],
    [
      "batchFirst of another kind",
      () => GatherTokens.forward(x(), indices, { batchFirst: 1 as any }),
      TypeError,
      '"batchFirst" expected a boolean, got 1',
    ],
    [
      "an encoder",
      () => forward(wrapped(pass), x(), { attention_mask: mask(), rope: rope() }, { encoder: {} }),
      TypeError,
      '"encoder" expected no encoder with TF.js tensors',
    ],
    [
      "a missing argument",
      () => forward(wrapped(pass), x(), { rope: rope() }),
      TypeError,
      '"attention_mask" expected the attention mask',
    ],
    [
      "a layer that changes the length",
      () =>
        forward(
          wrapped((h) => tf.concat([h, h], 1)),
          x(),
          { attention_mask: mask(), rope: rope() },
        ),
      RangeError,
      '"layer" expected shape [2,5,4]',
    ],
    [
      "a mask of which the corner is wrong",
      () =>
        forward(wrapped(pass, {}, "slice"), x(), {
          attention_mask: tf.range(0, S * S).reshape([1, 1, S, S]),
          rope: rope(),
        }),
      RangeError,
      '"attention_mask" expected entries that depend only on the sign of j - i',
    ],
  ] as [string, () => unknown, ErrorConstructor, string][])("%s", (_, call, kind, message) => {
    expect(() => tf.tidy(call)).toThrow(kind);
    expect(() => tf.tidy(call)).toThrow(message);
  });
});

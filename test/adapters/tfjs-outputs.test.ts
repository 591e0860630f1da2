/** The layer of `tf.layers` with `outputs`: a block of two streams, in a functional model and through a saved one. */
import { beforeAll, describe, expect, test } from "vitest";
import { type CPUTensor, convertToRandomLTD, type RandomLTDScheduler, tensor } from "../../src/index.ts";
import { makeScheduler } from "../routing/settings.ts";
import { noise } from "../routing/tiny.ts";
import { STREAMS, TwoStreamBlock } from "../routing/two-stream.ts";
import { BACKENDS, tf, use } from "./tfjs/backends.ts";

const { randomLTDLayer } = await import("../../src/adapters/tfjs.ts");
const { tfl } = tf;

const [B, S, M, C, K, L] = [2, 9, 4, 3, 4, 4];
const schedulerOf = () => makeScheduler({ layers: L, ids: [1, 2, 3], min: K, max: S, model_mask_name: null });
const image = noise(B * S * C, 1);
const text = noise(B * M * C, 2);
const put = (data: ArrayLike<number>, shape: number[]) => tf.tensor(Float32Array.from(data), shape);
const RandomLTD = randomLTDLayer(tfl.layers.Layer) as any;

/** The block of test/routing/two-stream.ts as a layer: [image, text] -> [text, image]; weights a, b, c, d. */
class TwoStream extends (tfl.layers.Layer as any) {
  static className = "TwoStream";
  /** What it was called with. */
  static readonly seen: number[][][] = [];
  build(): void {
    const zeros = tfl.initializers.zeros();
    this.own = ["a", "b", "c", "d"].map((name) => this.addWeight(name, [C], "float32", zeros));
    this.built = true;
  }
  call([h, e]: any[]): any[] {
    TwoStream.seen.push([h.shape, e.shape]);
    return tf.tidy(() => {
      const [a, b, c, d] = this.own.map((w: any) => w.read());
      const u = tf.tanh(tf.add(tf.mul(h, a), tf.mul(tf.mean(e, 1, true), b)));
      const v = tf.tanh(tf.add(tf.mul(e, c), tf.mul(tf.mean(h, 1, true), d)));
      return [tf.add(e, v), tf.add(h, u)];
    });
  }
  computeOutputShape([h, e]: number[][]): number[][] {
    return [e, h];
  }
}
tf.serialization.registerClass(TwoStream);

/** Four blocks, the last three of them on retained image tokens. */
function modelOf(blocks: TwoStreamBlock[], scheduler: RandomLTDScheduler) {
  const inputs = [tfl.input({ shape: [S, C] }), tfl.input({ shape: [M, C] })];
  let [h, e] = inputs;
  blocks.forEach((_, i) => {
    const layer = new (TwoStream as any)({});
    const options = { scheduler, ordinal: i - 1, inputNames: ["encoder_hidden_states"], outputs: STREAMS };
    [e, h] = (i === 0 ? layer : new RandomLTD({ layer, ...options })).apply([h, e]);
  });
  const model = tfl.model({ inputs, outputs: [e, h] });
  model.setWeights(blocks.flatMap(({ weights }) => weights.map((w) => put(w, [C]))));
  return model;
}

/** The largest difference, over 1 or the value. */
function expectClose(got: ArrayLike<number>, wanted: ArrayLike<number>): void {
  expect(got.length).toBe(wanted.length);
  const far = Array.from(got, (x, i) => Math.abs(x - wanted[i]) / (1 + Math.abs(wanted[i])));
  expect(Math.max(...far)).toBeLessThan(1e-5);
}

describe.each(BACKENDS)("two streams on %s", (backend) => {
  beforeAll(() => use(backend));

  test("values and gradients are those of the model by hand; evaluation sees all tokens", async () => {
    const blocks = Array.from({ length: L }, (_, i) => new TwoStreamBlock(C, i + 1));
    const byHand = (scheduler: RandomLTDScheduler, training: boolean) => {
      const stack = convertToRandomLTD(blocks, scheduler, { outputs: STREAMS });
      if (!training) stack.eval();
      const [x, y] = [tensor(image, [B, S, C]), tensor(text, [B, M, C])];
      const outs = stack.forward(x, { encoder_hidden_states: y }) as CPUTensor[];
      return { outs, back: () => stack.backward(outs) as CPUTensor[] };
    };
    const { outs, back } = byHand(schedulerOf(), true);
    const [dText, dImage] = back();

    const model = modelOf(blocks, schedulerOf());
    const inputs = [put(image, [B, S, C]), put(text, [B, M, C])];
    TwoStream.seen.length = 0;
    const answers: any[] = model.apply(inputs, { training: true });
    expect(answers.map(({ shape }) => shape)).toEqual([
      [B, M, C],
      [B, S, C],
    ]);
    // TF.js runs a layer once for each of its answers.
    expect(TwoStream.seen.map(([h]) => h[1])).toEqual([S, S, K, K, K, K, K, K]);
    for (const [i, t] of answers.entries()) expectClose(await t.data(), outs[i].data as Float64Array);

    const loss = (x: any, y: any) => {
      const [e, h] = model.apply([x, y], { training: true });
      return tf.div(tf.add(tf.sum(tf.square(e)), tf.sum(tf.square(h))), 2);
    };
    const [dx, dy] = tf.grads(loss)(inputs);
    expectClose(await dx.data(), dImage.data as Float64Array);
    expectClose(await dy.data(), dText.data as Float64Array);
    const { grads } = tf.variableGrads(() => loss(inputs[0], inputs[1]));
    for (const [n, { grads: own }] of blocks.entries()) {
      for (let w = 0; w < 4; w++) {
        const variable = model.trainableWeights[4 * n + w].val;
        expectClose(await grads[variable.name].data(), own[w]);
      }
    }

    TwoStream.seen.length = 0;
    const whole: any[] = model.predict(inputs);
    expect(new Set(TwoStream.seen.map(([h]) => h[1]))).toEqual(new Set([S]));
    const plain = byHand(schedulerOf(), false).outs;
    for (const [i, t] of whole.entries()) expectClose(await t.data(), plain[i].data as Float64Array);
  });
});

describe("on the CPU", () => {
  beforeAll(() => use("cpu"));

  test("a model that was saved has its outputs and trains on", async () => {
    const blocks = [1, 2].map((seed) => new TwoStreamBlock(C, seed));
    const model = modelOf(blocks, schedulerOf());
    const artifacts: any[] = [];
    await model.save(tf.io.withSaveHandler(async (a: any) => void artifacts.push(a)));
    const loaded = await tfl.loadLayersModel(
      tf.io.fromMemory({
        ...artifacts[0],
        modelTopology: JSON.parse(JSON.stringify(artifacts[0].modelTopology)),
      }),
    );
    for (const layer of loaded.layers) if (layer instanceof RandomLTD) layer.scheduler = schedulerOf();
    const inputs = [put(image, [B, S, C]), put(text, [B, M, C])];
    const [one, two] = [model, loaded].map((m) => m.apply(inputs, { training: true }));
    for (const i of [0, 1]) expect(await two[i].data()).toEqual(await one[i].data());

    // TF.js adds up losses before it takes their mean, so these are of one shape.
    const loss = (goal: any, out: any) => tf.mean(tf.squaredDifference(goal, out));
    loaded.compile({ optimizer: tf.train.sgd(0.05), loss });
    const history = await loaded.fit(inputs, [put(text, [B, M, C]), put(image, [B, S, C])], {
      epochs: 5,
      shuffle: false, // what is retained, and so the losses, depends on the order of the rows
      verbose: 0,
    });
    const losses: number[] = history.history.loss;
    expect(losses.at(-1)).toBeLessThan(0.95 * losses[0]);
  });

  test("a stream along the tokens is put back; raiseToKept goes with a prefix longer than K", () => {
    class Counting extends (tfl.layers.Layer as any) {
      static className = "Counting";
      call([h, r]: any[]): any[] {
        return [h, tf.add(r, 1)];
      }
      computeOutputShape(shapes: number[][]): number[][] {
        return shapes;
      }
    }
    const layer = new RandomLTD({
      layer: new (Counting as any)({}),
      scheduler: schedulerOf(),
      inputNames: ["residual"],
      outputs: ["hiddenStates", "residual"],
      alongSequence: ["residual"],
      keepPrefix: 6,
      raiseToKept: true,
    });
    const [h, r] = layer.apply([put(image, [B, S, C]), tf.zeros([B, S, 2])], { training: true });
    expectClose(h.dataSync(), image);
    const counts = Array.from({ length: S }, (_, s) => (s < 6 ? [1, 1] : [0, 0])).flat();
    expect([...r.dataSync()]).toEqual([...counts, ...counts]);
  });

  test("what is refused", () => {
    const layer = new (TwoStream as any)({});
    const make = (outputs: unknown) => new RandomLTD({ layer, scheduler: schedulerOf(), outputs });
    expect(() => make("a")).toThrow(TypeError);
    expect(() => make(["a"])).toThrow('"outputs" expected an array of names, "hiddenStates" among them');
    expect(() => new RandomLTD({ layer, outputs: ["a", "a"] })).toThrow(RangeError); // without a scheduler, too
    const three = new RandomLTD({
      layer,
      scheduler: schedulerOf(),
      inputNames: ["encoder_hidden_states"],
      outputs: [...STREAMS, "aux"],
    });
    const inputs = [put(image, [B, S, C]), put(text, [B, M, C])];
    for (const training of [true, false]) {
      expect(() => three.apply(inputs, { training })).toThrow(
        '"layer" expected an array of encoder_hidden_states, hiddenStates, aux',
      );
    }
  });
});

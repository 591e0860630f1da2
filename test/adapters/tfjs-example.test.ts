/** The example of the README, and `tf.layers`, against plain models in which rows move by products with 0 and 1. */
import type { Plugin } from "esbuild";
import { beforeAll, describe, expect, test } from "vitest";
import { bundle } from "../../scripts/tfjs/load.js";
import type { RandomLTDScheduler } from "../../src/index.ts";
import { makeScheduler } from "../routing/settings.ts";
import { noise } from "../routing/tiny.ts";
import { exampleUnder, runExample } from "../suites/examples.ts";
import { plainSample } from "../suites/plain-sampling.ts";
import { tf, use } from "./tfjs/backends.ts";

const { randomLTDCallback, randomLTDLayer } = await import("../../src/adapters/tfjs.ts");
const { tfl } = tf;
beforeAll(() => use("cpu"));

/** [B,K,S]: one where a row's k-th retained position is. */
function choice(K: number, S: number, B: number, seed: number, step: number, ordinal: number): any {
  const drawn = plainSample({
    reservedLength: K,
    seqLength: S,
    batchSize: B,
    seed,
    step,
    layerOffset: ordinal,
  });
  return tf.oneHot(tf.tensor(drawn, [B, K], "int32"), S, 1, 0, "float32");
}

/** h with the rows that P chooses replaced by what `layer` makes of them. */
function dropped(h: any, P: any, layer: (part: any) => any): any {
  const part = tf.matMul(P, h);
  return tf.add(tf.sub(h, tf.matMul(P, part, true)), tf.matMul(P, layer(part), true));
}

const closeTo = (actual: number[], expected: number[]) => {
  expect(actual.length).toBe(expected.length);
  for (const [i, value] of actual.entries()) expect(value, `step ${i}`).toBeCloseTo(expected[i], 5);
};

/** TF.js as a page would bundle it, its cpu backend in use. */
const bundled: Plugin = {
  name: "TF.js",
  setup(b) {
    b.onResolve({ filter: /^@tensorflow\/tfjs-core$/ }, () => ({ path: bundle, external: true }));
    b.onResolve({ filter: /^@tensorflow\/tfjs$/ }, ({ path }) => ({ path, namespace: "tfjs" }));
    b.onLoad({ filter: /.*/, namespace: "tfjs" }, () => ({
      contents: `
        import { setBackend } from "@tensorflow/tfjs-core";
        await setBackend("cpu");
        export * from "@tensorflow/tfjs-core";`,
    }));
  },
};

test("the example trains to the losses of the model written out", async () => {
  const example = exampleUnder("### TF.js");
  const printed = await runExample(example, { plugins: [bundled] });

  const [B, S, C] = [2, 16, 8];
  const weights = Array.from({ length: 12 }, (_, i) =>
    tf.variable(tf.randomNormal([C, C], 0, 0.3, "float32", i + 1)),
  );
  const block = (l: number) => (h: any) => {
    const n = h.shape[1];
    const mask = tf.tensor(
      Float32Array.from({ length: n * n }, (_, i) => (i % n > Math.floor(i / n) ? -1e9 : 0)),
      [1, n, n],
    );
    const [q, k, v] = weights
      .slice(3 * l, 3 * l + 3)
      .map((w) => tf.reshape(tf.matMul(tf.reshape(h, [-1, C]), w), h.shape));
    const scores = tf.softmax(tf.add(tf.matMul(q, k, false, true), mask));
    return tf.add(h, tf.tanh(tf.matMul(scores, v)));
  };
  const expected: number[][] = [];
  for (let step = 0; step < 24; step++) {
    const K = [4, 8, 12][Math.floor(step / 8)];
    const x = Float32Array.from({ length: B * S * C }, (_, i) => Math.sin(i + step));
    const { value, grads } = tf.variableGrads(() => {
      let h = block(0)(tf.tensor(x, [B, S, C]));
      for (const l of [1, 2]) h = dropped(h, choice(K, S, B, 7, step, l - 1), block(l));
      return tf.mean(tf.squaredDifference(block(3)(h), tf.tensor(x, [B, S, C]).mul(1.5)));
    }, weights);
    for (const w of weights) w.assign(tf.sub(w, tf.mul(grads[w.name], 0.5)));
    expected.push([step, K, (await value.data())[0]]);
  }
  expect(printed.map(([step, K]) => [step, K])).toEqual(expected.map(([step, K]) => [step, K]));
  closeTo(
    printed.map(([, , loss]) => loss),
    expected.map(([, , loss]) => loss),
  );
  expect(printed[23][2]).toBeLessThan(0.9 * printed[0][2]);
});

describe("tf.layers", () => {
  const [B, S, C, N] = [4, 16, 3, 32];
  const x = () => tf.tensor(Float32Array.from(noise(N * S * C, 1)), [N, S, C]);
  const y = () => tf.tensor(Float32Array.from(noise(N * S * C, 2)), [N, S, C]);
  const RandomLTD = randomLTDLayer(tfl.layers.Layer) as any;
  const settings = {
    ids: [1, 2],
    min: 4,
    max: S,
    steps: 24,
    by: 4,
    model_mask_name: null,
    global_batch_size: B,
  };
  const dense = (i: number, inputShape?: (number | null)[]) =>
    tfl.layers.dense({
      inputShape,
      units: C,
      activation: "tanh",
      kernelInitializer: tfl.initializers.randomNormal({ stddev: 0.5, seed: i }),
    });

  /** Four dense layers; the second drops tokens, the third and fourth do as one route. */
  function make(scheduler?: RandomLTDScheduler) {
    const route = tfl.sequential({ layers: [dense(3, [null, C]), dense(4)] });
    const second = dense(2);
    const wrap = (layer: any, ordinal: number) =>
      scheduler ? new RandomLTD({ layer, scheduler, ordinal }) : layer;
    const model = tfl.sequential();
    model.add(dense(1, [S, C]));
    model.add(wrap(second, 0));
    model.add(wrap(route, 1));
    model.compile({ optimizer: tf.train.sgd(0.2), loss: "meanSquaredError" });
    return model;
  }

  /** The loss of each batch. */
  async function train(
    model: any,
    scheduler: RandomLTDScheduler | undefined,
    epochs: number,
    more: any[] = [],
  ) {
    const losses: number[] = [];
    const onBatchEnd = (_: number, logs: { loss: number }) => void losses.push(logs.loss);
    const callbacks = [...more, { onBatchEnd }];
    const [a, b] = [x(), y()];
    const options = { batchSize: B, epochs, shuffle: false, verbose: 0, callbacks };
    if (scheduler && more.length === 0) callbacks.unshift(randomLTDCallback(scheduler) as any);
    await model.fit(a, b, options);
    a.dispose();
    b.dispose();
    return losses;
  }

  test("model.fit trains to the losses of the model written out, K being 4, 8 and 12", async () => {
    const scheduler = makeScheduler({ ...settings, layers: 3 });
    const model = make(scheduler);
    const start = model.getWeights().map((w: any) => tf.variable(tf.clone(w)));
    expect(start.length).toBe(8);
    expect(model.trainableWeights.length).toBe(8);
    const before = tf.memory().numTensors;
    const states: any[] = [];
    const saveState = (state: any, epoch: number) => void states.push([epoch, state.current_steps]);
    const losses = await train(model, scheduler, 3, [randomLTDCallback(scheduler, { saveState })]);
    expect(states).toEqual([
      [0, 7],
      [1, 15],
      [2, 23],
    ]);

    const at = (i: number) => (h: any) =>
      tf.tanh(tf.add(tf.reshape(tf.matMul(tf.reshape(h, [-1, C]), start[2 * i]), h.shape), start[2 * i + 1]));
    const [allX, allY] = [x(), y()];
    const expected: number[] = [];
    for (let step = 0; step < 24; step++) {
      const K = [4, 8, 12][Math.floor(step / 8)];
      const rows = (t: any) => tf.slice(t, [(step % 8) * B, 0, 0], [B, S, C]);
      const loss = tf.tidy(() => {
        const { value, grads } = tf.variableGrads(() => {
          let h = at(0)(rows(allX));
          h = dropped(h, choice(K, S, B, 11, step, 0), at(1));
          h = dropped(h, choice(K, S, B, 11, step, 1), (part) => at(3)(at(2)(part)));
          return tf.mean(tf.squaredDifference(h, rows(allY)));
        }, start);
        for (const w of start) w.assign(tf.sub(w, tf.mul(grads[w.name], 0.2)));
        return value.dataSync()[0];
      });
      expected.push(loss);
    }
    closeTo(losses, expected);
    for (const t of [allX, allY]) t.dispose();
    expect(tf.memory().numTensors - before).toBeLessThanOrEqual(1); // the optimizer's learning rate
    // Evaluation drops nothing.
    const [a, out] = [x(), model.predict(x())];
    const plain = [0, 1, 2, 3].reduce((h, i) => at(i)(h), a);
    closeTo([...(await out.data())], [...(await plain.data())]);
  });

  test("at K = S, and without the layer, losses are the same", async () => {
    const whole = makeScheduler({ ...settings, layers: 3, min: S });
    const model = make(whole);
    const plain = make();
    plain.setWeights(model.getWeights());
    expect(await train(model, whole, 1)).toEqual(await train(plain, undefined, 1));
  });

  test("a run resumed from a saved model and state repeats the uninterrupted one", async () => {
    const fresh = () => makeScheduler({ ...settings, layers: 3 });
    const scheduler = fresh();
    const model = make(scheduler);
    const start = model.getWeights().map((w: any) => w.clone());
    const whole = await train(model, scheduler, 3);

    const first = fresh();
    const begun = make(first);
    begun.setWeights(start);
    let state = "";
    const saveState = (s: object) => {
      state = JSON.stringify(s);
    };
    const before = await train(begun, first, 1, [randomLTDCallback(first, { saveState })]);
    let artifacts: any;
    await begun.save(
      tf.io.withSaveHandler(async (a: any) => {
        artifacts = a;
        return { modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: "JSON" } };
      }),
    );
    const resumed = await tfl.loadLayersModel(tf.io.fromMemory(artifacts));
    resumed.compile({ optimizer: tf.train.sgd(0.2), loss: "meanSquaredError" });
    await expect(train(resumed, undefined, 1)).rejects.toThrow(
      '"scheduler" expected a RandomLTDScheduler before training',
    );
    const second = fresh();
    second.loadStateDict(JSON.parse(state));
    for (const layer of resumed.layers) if (layer instanceof RandomLTD) (layer as any).scheduler = second;
    const after = await train(resumed, second, 2);
    expect([...before, ...after]).toEqual(whole);
  });

  test("further inputs go along, and their names through a saved model", async () => {
    class Masked extends (tfl.layers.Layer as any) {
      static className = "Masked";
      call([h, mask, ids]: any[]) {
        seen.push([h.shape, mask.shape, ids.shape]);
        return tf.add(h, tf.mean(mask));
      }
      computeOutputShape([shape]: number[][]) {
        return shape;
      }
    }
    tf.serialization.registerClass(Masked);
    const seen: number[][][] = [];
    const scheduler = makeScheduler({ ...settings, model_mask_name: "attention_mask" });
    const layer = new RandomLTD({
      layer: new (Masked as any)({}),
      scheduler,
      inputNames: ["attention_mask", "position_ids"],
      maskMode: "gather",
      alongSequence: { position_ids: "batch_seq_dim" },
    });
    const inputs = [[S, C], [1, S, S], [S]].map((shape) => tfl.input({ shape }));
    const model = tfl.model({ inputs, outputs: layer.apply(inputs) });
    const artifacts: any[] = [];
    await model.save(tf.io.withSaveHandler(async (a: any) => void artifacts.push(a)));
    const loaded = await tfl.loadLayersModel(tf.io.fromMemory(JSON.parse(JSON.stringify(artifacts[0]))));
    const again = loaded.layers.at(-1);
    again.scheduler = scheduler;
    const tensors = [
      [B, S, C],
      [B, 1, S, S],
      [B, S],
    ].map((shape) => tf.zeros(shape));
    seen.length = 0;
    for (const one of [layer, again]) {
      expect(one.apply(tensors, { training: true }).shape).toEqual([B, S, C]);
      expect(one.apply(tensors).shape).toEqual([B, S, C]);
    }
    const dropping = [
      [B, 4, C],
      [B, 1, 4, 4],
      [B, 4],
    ];
    const whole = [
      [B, S, C],
      [B, 1, S, S],
      [B, S],
    ];
    expect(seen).toEqual([dropping, whole, dropping, whole]);
  });

  test("a ratio of its own, through a saved model; inputs want names", async () => {
    const scheduler = makeScheduler(settings);
    const layer = new RandomLTD({ layer: dense(1), scheduler, dropRatio: 0.375, inputShape: [S, C] });
    const model = tfl.sequential({ layers: [layer] });
    const artifacts: any[] = [];
    await model.save(tf.io.withSaveHandler(async (a: any) => void artifacts.push(a)));
    const modelTopology = JSON.parse(JSON.stringify(artifacts[0].modelTopology));
    const loaded = await tfl.loadLayersModel(tf.io.fromMemory({ ...artifacts[0], modelTopology }));
    for (const one of [layer, loaded.layers.at(-1)]) {
      one.scheduler = scheduler;
      const seen: number[][] = [];
      const apply = one.layer.apply.bind(one.layer);
      one.layer.apply = (t: any, kwargs: any) => {
        seen.push(t.shape);
        return apply(t, kwargs);
      };
      one.apply(tf.zeros([2, S, C]), { training: true });
      expect(seen).toEqual([[2, 10, C]]); // 16 less 6
    }
    const two = [tf.zeros([2, S, C]), tf.zeros([2, S])];
    for (const training of [true, false]) {
      expect(() => layer.apply(two, { training })).toThrow(
        new TypeError('"inputNames" expected a name for each input after the hidden states, 1, got []'),
      );
    }
    expect(() => new RandomLTD({ layer: dense(1), scheduler, dropRatio: () => 0.5 })).toThrow(
      new TypeError('"dropRatio" expected a number, got a function'),
    );
    expect(() => new RandomLTD({ layer: dense(1), scheduler, ordnial: 1 })).toThrow(
      new TypeError('"ordnial" expected a known option (did you mean "ordinal"?), got 1'),
    );
  });

  test("what is refused", () => {
    expect(randomLTDLayer(tfl.layers.Layer)).toBe(RandomLTD);
    expect(() => randomLTDLayer(undefined as any)).toThrow('"Layer" expected tf.layers.Layer, got undefined');
    expect(() => new RandomLTD({ scheduler: makeScheduler(settings) })).toThrow(
      '"layer" expected a layer of tf.layers',
    );
    expect(() => new RandomLTD({ layer: dense(1), scheduler: {} })).toThrow(
      '"scheduler" expected a RandomLTDScheduler',
    );
    expect(() => randomLTDCallback({} as any)).toThrow('"scheduler" expected a RandomLTDScheduler');
    const scheduler = makeScheduler(settings);
    expect(() => randomLTDCallback(scheduler, { firstStep: -1 })).toThrow('"firstStep" expected an integer');
    expect(() => randomLTDCallback(scheduler, { saveState: 1 as any })).toThrow(
      '"saveState" expected a function',
    );
  });
});

import { jit, nn, numpy as np, tree, valueAndGrad } from "@jax-js/jax";
import { convertToRandomLTD, gptSampleTokens, RandomLTDScheduler } from "random-ltd";
import { JaxLayer, jaxOps, randomLTDLayer, tokenRoutes } from "random-ltd/jax";
import { compare, processorTime, table } from "./measure.js";

/** @typedef {np.Array} Tensor */
/** @typedef {Record<"norms" | "qkv" | "out" | "up" | "down", Tensor>} Weights Of one layer. */
/** @typedef {Record<"x" | "target" | "cos" | "sin", Tensor>} Inputs */
/** @typedef {import("random-ltd/jax").TokenRoute} TokenRoute */

const LAYERS = 6;
const HEADS = 4;
/** All but the first and the last. */
const WRAPPED = [1, 2, 3, 4];

/**
 * Multiplications and additions of one layer, forward and backward, over T tokens a row.
 * @param {number} T
 * @param {number} C
 */
const layerFLOPs = (T, C) => 3 * (24 * C * C * T + 4 * T * T * C);

/**
 * @param {Tensor} x
 * @param {Tensor} gain
 */
function rmsNorm(x, gain) {
  const size = np.sqrt(np.mean(np.square(x.ref), -1, { keepdims: true }).add(1e-5));
  return x.div(size).mul(gain);
}

/**
 * Turns x [B,T,H,D] by tables [1 or B,T,D/2].
 * @param {Tensor} x
 * @param {Tensor} cos
 * @param {Tensor} sin
 */
function rotate(x, cos, sin) {
  const half = x.shape[3] / 2;
  const [c, s] = [cos, sin].map((t) => t.reshape([t.shape[0], t.shape[1], 1, half]));
  const a = x.ref.slice([], [], [], [0, half]);
  const b = x.slice([], [], [], [half, 2 * half]);
  return np.concatenate([a.ref.mul(c.ref).sub(b.ref.mul(s.ref)), b.mul(c).add(a.mul(s))], 3);
}

/**
 * A transformer layer with a causal mask: x [B,T,C], tables cos and sin [1 or B,T,D/2].
 * @param {Weights} weights
 * @param {Tensor} x
 * @param {Readonly<Record<string, unknown>>} tables
 */
function block({ norms, qkv, out, up, down }, x, tables) {
  const { cos, sin } = /** @type {{ cos: Tensor, sin: Tensor }} */ (tables);
  const [B, T, C] = x.shape;
  const D = C / HEADS;
  const parts = np.matmul(rmsNorm(x.ref, norms.ref.slice(0)), qkv).reshape([B, T, 3, HEADS, D]);
  const q = rotate(parts.ref.slice([], [], 0), cos.ref, sin.ref).mul(1 / Math.sqrt(D));
  const k = rotate(parts.ref.slice([], [], 1), cos, sin);
  const v = parts.slice([], [], 2);
  const scores = np.matmul(np.transpose(q, [0, 2, 1, 3]), np.transpose(k, [0, 2, 3, 1]));
  const causal = np.greaterEqual(np.arange(T).reshape([T, 1]), np.arange(T));
  const shares = nn.softmax(np.where(causal, scores, -1e9), -1);
  const mixed = np.transpose(np.matmul(shares, np.transpose(v, [0, 2, 1, 3])), [0, 2, 1, 3]);
  const y = x.add(np.matmul(mixed.reshape([B, T, C]), out));
  return y.ref.add(np.matmul(nn.gelu(np.matmul(rmsNorm(y, norms.slice(1)), up)), down));
}

/**
 * @param {number} scale
 * @param {number[]} shape
 */
const wave = (scale, ...shape) => {
  const n = shape.reduce((a, b) => a * b);
  return np.array(
    Float32Array.from({ length: n }, (_, i) => scale * Math.sin(i * 1.7 + i * i)),
    { shape },
  );
};

/**
 * @param {{ S: number, C: number, B: number }} sizes
 * @param {number} rounds
 * @param {boolean} wall
 */
function measure({ S, C, B }, rounds, wall) {
  const K = S / 2;
  const scale = 1 / Math.sqrt(C);
  const weights = Array.from({ length: LAYERS }, () => ({
    norms: np.ones([2, C]),
    qkv: wave(scale, C, 3 * C),
    out: wave(scale / 4, C, C),
    up: wave(scale, C, 4 * C),
    down: wave(scale / 8, 4 * C, C),
  }));
  const half = C / HEADS / 2;
  const angles = Float32Array.from(
    { length: S * half },
    (_, i) => Math.floor(i / half) * 10_000 ** (-(i % half) / half),
  );
  const inputs = {
    x: wave(1, B, S, C),
    target: wave(0.5, B, S, C),
    cos: np.array(angles.map(Math.cos), { shape: [1, S, half] }),
    sin: np.array(angles.map(Math.sin), { shape: [1, S, half] }),
  };
  /** @type {import("random-ltd").RandomLTDConfig["random_ltd_schedule"]} */
  const random_ltd_schedule = {
    min_value: K,
    max_value: S,
    schedule_type: "fixed_linear",
    schedule_config: { require_steps: 2 ** 31, seq_per_step: K },
  };
  const config = {
    total_layer_num: LAYERS,
    random_ltd_layer_num: WRAPPED.length,
    random_ltd_layer_id: WRAPPED,
    global_batch_size: B,
    random_ltd_schedule,
  };
  const scheduler = new RandomLTDScheduler(config, { seed: 7 });
  const options = { ops: jaxOps, alongSequence: ["cos", "sin"] };
  /** @param {Tensor} h @param {Tensor} target */
  const loss = (h, target) => np.square(h.sub(target)).mean();
  /** @param {Tensor} h @param {Tensor} target */
  const lossGrad = (h, target) => h.sub(target).mul(2 / (B * S * C));
  /** @param {Weights[]} weights @param {Weights[]} grads @returns {Weights[]} */
  const update = (weights, grads) =>
    tree.map((/** @type {Tensor} */ w, /** @type {Tensor} */ g) => w.sub(g.mul(0.01)), weights, grads);

  /**
   * One step, its host side included: what is drawn for it, and the wait for its loss.
   * @param {(weights: Weights[], inputs: Inputs, drawn: any) => [loss: Tensor, weights: Weights[]]} step
   * @param {(step: number) => unknown[]} draw
   */
  const stepper = (step, draw) => {
    const compiled = jit(step);
    let current = tree.ref(weights);
    let t = 0;
    return () => {
      scheduler.updateSeq(t++);
      const [value, next] = compiled(current, tree.ref(inputs), draw(t));
      value.dataSync();
      current = next;
    };
  };

  /** @param {Weights[]} weights @param {Inputs} inputs @returns {[Tensor, Weights[]]} */
  const unwrapped = (weights, { x, target, cos, sin }) => {
    /** @param {Weights[]} weights */
    const model = (weights) => {
      let h = x.ref;
      for (const w of weights) h = block(w, h, { cos: cos.ref, sin: sin.ref });
      return loss(h, target.ref);
    };
    const [value, grads] = valueAndGrad(model)(tree.ref(weights));
    tree.dispose([x, target, cos, sin]);
    return [value, update(weights, grads)];
  };

  const layers = weights.map(() => new JaxLayer(block));
  const stack = convertToRandomLTD(layers, scheduler, options);
  /** @param {Weights[]} weights @param {Inputs} inputs @param {Tensor[]} indices @returns {[Tensor, Weights[]]} */
  const wrapper = (weights, { x, target, cos, sin }, indices) => {
    for (const [l, layer] of layers.entries()) layer.setWeights(tree.ref(weights[l]));
    const h = stack.forward(x, { cos, sin }, { indicesOf: (ordinal) => indices[ordinal] });
    stack.backward(lossGrad(h.ref, target.ref)).dispose();
    const grads = layers.map((layer) => layer.takeGrads());
    tree.dispose(indices);
    return [loss(h, target), update(weights, grads)];
  };
  const drawIndices = () =>
    [...stack.sample(B, S).values()].map(({ data, shape }) => np.array(data, { shape: [...shape] }));

  /** @param {Weights[]} weights @param {Inputs} inputs @param {Tensor[]} indices @returns {[Tensor, Weights[]]} */
  const differentiated = (weights, { x, target, cos, sin }, indices) => {
    /** @param {Weights[]} weights */
    const model = (weights) => {
      const layers = weights.map(
        (w) => (/** @type {Tensor} */ h, /** @type {{ cos: Tensor, sin: Tensor }} */ kwargs) =>
          block(w, h, kwargs),
      );
      const stack = convertToRandomLTD(layers, scheduler, options);
      const kwargs = { cos: cos.ref, sin: sin.ref };
      return loss(stack.forward(x.ref, kwargs, { indicesOf: (ordinal) => indices[ordinal] }), target.ref);
    };
    const [value, grads] = valueAndGrad(model)(tree.ref(weights));
    tree.dispose([x, target, cos, sin, indices]);
    return [value, update(weights, grads)];
  };

  const layer = randomLTDLayer(block);
  /** @param {Weights[]} weights @param {Inputs} inputs @param {TokenRoute[]} routes @returns {[Tensor, Weights[]]} */
  const functions = (weights, { x, target, cos, sin }, routes) => {
    let h = x;
    const pulls = weights.map((w, l) => {
      const route = routes[WRAPPED.indexOf(l)] ?? null;
      /** @param {Tensor} t */
      const along = (t) => (route ? np.take(t.ref.slice(0), route.indices.ref, 0) : t.ref);
      const [out, pull] = layer(tree.ref(w), h, route, { cos: along(cos), sin: along(sin) });
      h = out;
      return pull;
    });
    let g = lossGrad(h.ref, target.ref);
    /** @type {Weights[]} */
    const grads = [];
    for (const pull of pulls.reverse()) {
      const [weightsGrad, hiddenGrad] = pull(g);
      grads.unshift(weightsGrad);
      g = hiddenGrad;
    }
    tree.dispose([cos, sin, g]);
    return [loss(h, target), update(weights, grads)];
  };
  /** @param {number} step */
  const drawRoutes = (step) =>
    tokenRoutes(
      gptSampleTokens({
        reservedLength: K,
        seqLength: S,
        batchSize: B,
        layers: WRAPPED.length,
        seed: 7,
        step,
      }).sampledIndices,
      S,
    );

  const ms = compare(
    {
      unwrapped: stepper(unwrapped, () => []),
      unwrappedByLayers: stepper(functions, () => []),
      wrapper: stepper(wrapper, drawIndices),
      functions: stepper(functions, drawRoutes),
      differentiated: stepper(differentiated, drawIndices),
    },
    wall ? { rounds } : { rounds, clock: processorTime },
  );
  const kept = WRAPPED.length / LAYERS;
  const predicted = 1 - kept + (kept * layerFLOPs(K, C)) / layerFLOPs(S, C);
  /** @param {keyof typeof ms} name */
  const cell = (name) => {
    const share = ms[name] / Math.min(ms.unwrapped, ms.unwrappedByLayers);
    return `${ms[name].toFixed(0)} ms, ${share.toFixed(3)} (${(share / predicted).toFixed(2)})`;
  };
  const cells = [
    `${S}, ${C}, ${B}`,
    `${ms.unwrapped.toFixed(0)} ms`,
    `${ms.unwrappedByLayers.toFixed(0)} ms`,
    predicted.toFixed(3),
    cell("wrapper"),
    cell("functions"),
    cell("differentiated"),
  ];
  return { cells, data: { S, C, B, K, predicted, ms } };
}

/**
 * A training step in jax-js with K = S/2 on 4 of 6 layers, against the unwrapped model and what FLOPs predict.
 * @param {number} rounds
 * @param {boolean} wall
 */
export function jax(rounds, wall) {
  const sizes = [
    { S: 128, C: 64, B: 8 },
    { S: 256, C: 128, B: 2 },
  ];
  const header = [
    "S, C, B",
    "unwrapped",
    "unwrapped, a vjp a layer",
    "predicted share",
    "wrapper",
    "randomLTDLayer",
    "plain grad",
  ];
  // A round takes ten seconds.
  const measured = sizes.map((size) => measure(size, Math.ceil(rounds / 2), wall));
  const title = `A training step in jax-js, K = S/2 on 4 of 6 layers: ms of ${wall ? "wall" : "processor"} time, share of the faster unwrapped step, in brackets over the prediction`;
  const lines = measured.map(({ cells }) => cells);
  return { text: `${title}\n\n${table(header, lines)}`, data: measured.map(({ data }) => data) };
}

// AdamW (Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019), with the gradient's norm held to 1.
import { jit, numpy as np, tree } from "@jax-js/jax";

const BETA1 = 0.9;
const BETA2 = 0.99;
const EPSILON = 1e-8;
const DECAY = 0.1;
const LARGEST_NORM = 1;

/** The learning rate at a step of so many: a straight warm-up, then half a cosine down to a tenth of `lr`. */
export function learningRate(step, steps, lr) {
  const warmup = Math.max(1, Math.min(20, Math.floor(steps / 10)));
  if (step < warmup) return (lr * (step + 1)) / warmup;
  const progress = (step - warmup) / Math.max(1, steps - warmup);
  return lr * (0.1 + 0.45 * (1 + Math.cos(Math.PI * progress)));
}

/** Both moments, zero, shaped like the weights. */
export function zeroMoments(weights) {
  const zeros = () => tree.map((w) => np.zeros(w.shape), weights);
  return { first: zeros(), second: zeros() };
}

function update(weights, gradients, first, second, rate, correction1, correction2) {
  const [w, structure] = tree.flatten(weights);
  const [g, m, v] = [gradients, first, second].map(tree.leaves);
  const squares = g.map((x) => np.square(x.ref).sum());
  const norm = np.sqrt(squares.reduce((a, b) => a.add(b)));
  const shrink = np.minimum(1, np.array(LARGEST_NORM).div(norm.add(1e-6)));
  const [nextW, nextM, nextV] = [[], [], []];
  w.forEach((weight, i) => {
    const gradient = g[i].mul(shrink.ref);
    const moment1 = m[i].mul(BETA1).add(gradient.ref.mul(1 - BETA1));
    const moment2 = v[i].mul(BETA2).add(np.square(gradient).mul(1 - BETA2));
    const size = np.sqrt(moment2.ref.mul(correction2.ref)).add(EPSILON);
    let step = moment1.ref.mul(correction1.ref).div(size);
    // Gains are not decayed.
    if (weight.ndim > 1) step = step.add(weight.ref.mul(DECAY));
    nextW.push(weight.sub(step.mul(rate.ref)));
    nextM.push(moment1);
    nextV.push(moment2);
  });
  tree.dispose([shrink, rate, correction1, correction2]);
  return [nextW, nextM, nextV].map((leaves) => tree.unflatten(structure, leaves));
}

const updateCompiled = jit(update);

/** One update. Consumes weights, moments and gradients, and gives the new weights and moments. */
export function adamw({ weights, moments }, gradients, step, rate) {
  const [next, first, second] = updateCompiled(
    weights,
    gradients,
    moments.first,
    moments.second,
    np.array(rate),
    np.array(1 / (1 - BETA1 ** (step + 1))),
    np.array(1 / (1 - BETA2 ** (step + 1))),
  );
  return { weights: next, moments: { first, second } };
}

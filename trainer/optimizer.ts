/** AdamW with its gradient held to a norm, and the learning rate over a run. */
import { jit, numpy as np, type OwnedFunction, tree } from "@jax-js/jax";
import type { Arrays } from "./models/parts.ts";
import type { OptimizerConfig } from "./types.ts";

/** What the recipes here share; a recipe's own learning rate goes over it. */
export const ADAMW: Omit<OptimizerConfig, "lr"> = {
  warmup: 0.05,
  warmupSteps: 20,
  decay: "linear",
  floor: 0.02,
  follows: "steps",
  beta1: 0.9,
  beta2: 0.98,
  epsilon: 1e-8,
  weightDecay: 0.05,
  clip: 1,
};

/**
 * The learning rate of a step.
 *
 * @param step From 0.
 * @param done The part of the run that is done, 0 to 1: of its steps, or of its layer-tokens.
 */
export function learningRate(config: OptimizerConfig, step: number, done: number): number {
  const { lr, warmup, warmupSteps, decay, floor } = config;
  const warm = Math.min(1, (step + 1) / warmupSteps, warmup > 0 ? (done + 1e-3) / warmup : 1);
  const fallen = Math.min(1, Math.max(0, (done - warmup) / (1 - warmup)));
  const rest = decay === "linear" ? 1 - fallen : (1 + Math.cos(Math.PI * fallen)) / 2;
  return lr * warm * (floor + (1 - floor) * rest);
}

type Moments = [weights: Arrays, first: Arrays, second: Arrays];
type Tail<T extends unknown[]> = T extends [unknown, ...infer Rest] ? Rest : never;

/**
 * AdamW (Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019), compiled.
 *
 * @example
 * const adamw = new AdamW(config.optimizer);
 * [weights, first, second] = adamw.update([weights, first, second], grads, step, rate);
 */
export class AdamW {
  readonly #config: OptimizerConfig;
  readonly #shrink: OwnedFunction<(...args: any[]) => np.Array>;
  readonly #update: OwnedFunction<(...args: any[]) => Moments>;

  constructor(config: OptimizerConfig) {
    this.#config = config;
    // Compiled apart: within the update jax-js would fuse the norm into it and work it out for each weight anew, which
    // took 50 ms of a step's 300.
    this.#shrink = jit((grads: Arrays) => shrinkOf(grads, config.clip)) as never;
    this.#update = jit((...args: Tail<Parameters<typeof updated>>) => updated(config, ...args)) as never;
  }

  /**
   * One update; takes weights, moments and gradients over.
   *
   * @param step From 0: the moments are corrected for having begun at zero.
   */
  update([weights, first, second]: Moments, grads: Arrays, step: number, rate: number): Moments {
    const { beta1, beta2 } = this.#config;
    const shrink = this.#shrink(tree.ref(grads));
    const scalars = [rate, rate / (1 - beta1 ** (step + 1)), 1 / (1 - beta2 ** (step + 1))];
    return this.#update(weights, first, second, grads, shrink, ...scalars.map((value) => np.array(value)));
  }

  /** Frees the compiled functions. */
  dispose(): void {
    this.#shrink.dispose();
    this.#update.dispose();
  }
}

/** What the gradients are multiplied by, so that their norm is at most `clip`. */
function shrinkOf(grads: Arrays, clip: number): np.Array {
  const squares = Object.values(grads).map((grad) => np.square(grad).sum());
  const norm = np.sqrt(squares.reduce((a, b) => a.add(b)));
  return np.minimum(1, np.array(clip).div(norm.add(1e-6)));
}

/** The new weights and moments. `scale` is the rate over the first moment's correction. */
function updated(
  { beta1, beta2, epsilon, weightDecay }: OptimizerConfig,
  weights: Arrays,
  first: Arrays,
  second: Arrays,
  grads: Arrays,
  shrink: np.Array,
  rate: np.Array,
  scale: np.Array,
  correction2: np.Array,
): Moments {
  const next: Moments = [{}, {}, {}];
  for (const [name, weight] of Object.entries(weights)) {
    const grad = grads[name].mul(shrink.ref);
    const m = first[name].mul(beta1).add(grad.ref.mul(1 - beta1));
    const v = second[name].mul(beta2).add(np.square(grad).mul(1 - beta2));
    const size = np.sqrt(v.ref.mul(correction2.ref)).add(epsilon);
    // Gains and biases are not decayed.
    const kept = weight.ndim > 1 ? weight.mul(np.array(1).sub(rate.ref.mul(weightDecay))) : weight;
    next[0][name] = kept.sub(m.ref.mul(scale.ref).div(size));
    next[1][name] = m;
    next[2][name] = v;
  }
  tree.dispose([shrink, rate, scale, correction2]);
  return next;
}

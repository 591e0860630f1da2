/** The block of test/routing/tiny.ts in jax-js: the same arithmetic, its backward left to `vjp` or `grad`. */
import { numpy as np } from "@jax-js/jax";
import type { CPUTensor, Kwargs } from "../../src/index.ts";
import type { Block } from "../routing/tiny.ts";

const NAMES = ["wq", "wk", "wv", "wo", "w1", "w2"] as const;
export type BlockWeights = Record<(typeof NAMES)[number], np.Array>;

// Node 20 has no Float16Array; whoever hands jax-js a Float64Array there is asked whether it is one.
(globalThis as { Float16Array?: unknown }).Float16Array ??= class Float16Array {};

/** A float64 array. */
export function float64(data: Iterable<number>, shape: readonly number[]): np.Array {
  return np.array(Float64Array.from(data), { shape: [...shape] });
}

export function arrayOf({ data, shape }: CPUTensor): np.Array {
  return float64(data, shape);
}

export function weightsOf({ c, weights }: Block): BlockWeights {
  const entries = NAMES.map((name) => [name, float64(weights[name], [c, c])] as const);
  return Object.fromEntries(entries) as BlockWeights;
}

/** Turns pairs of channels of x [B,N,C] by angles [B or 1,N]. */
function rotate(x: np.Array, angles: np.Array): np.Array {
  const [batch, n, c] = x.shape;
  const by = np.array(
    Array.from({ length: c / 2 }, (_, i) => 1 / (2 * i + 1)),
    { shape: [1, 1, c / 2, 1], dtype: angles.dtype },
  );
  const turn = angles.reshape([angles.shape[0], n, 1, 1]).mul(by);
  const pairs = x.reshape([batch, n, c / 2, 2]);
  const u = pairs.ref.slice([], [], [], [0, 1]);
  const w = pairs.slice([], [], [], [1, 2]);
  const [sin, cos] = [np.sin(turn.ref), np.cos(turn)];
  return np
    .concatenate([u.ref.mul(cos.ref).sub(w.ref.mul(sin.ref)), u.mul(sin).add(w.mul(cos))], 3)
    .reshape([batch, n, c]);
}

/** x [B,N,C]; kwargs: attention_mask [B or 1,1,N,N] added to the scores, rope [B or 1,N]; null or left out: none. */
export function block({ wq, wk, wv, wo, w1, w2 }: BlockWeights, x: np.Array, kwargs: Kwargs): np.Array {
  const mask = kwargs.attention_mask as np.Array | null | undefined;
  const rope = kwargs.rope as np.Array | null | undefined;
  const [, n, c] = x.shape;
  const turned = (t: np.Array) => {
    if (!rope) return t;
    return rotate(t, rope.shape.length === 1 ? rope.ref.reshape([1, n]) : rope.ref);
  };
  const q = turned(np.matmul(x.ref, wq));
  const k = turned(np.matmul(x.ref, wk));
  const v = np.matmul(x.ref, wv);
  let scores = np.matmul(q, np.transpose(k, [0, 2, 1])).div(Math.sqrt(c));
  if (mask) scores = scores.add(mask.reshape([mask.shape[0], n, n]));
  const weights = np.exp(scores.ref.sub(scores.max(-1, { keepdims: true })));
  const shares = weights.ref.div(weights.sum(-1, { keepdims: true }));
  const y = x.add(np.matmul(np.matmul(shares, v), wo));
  rope?.dispose();
  return y.ref.add(np.matmul(np.tanh(np.matmul(y, w1)), w2));
}

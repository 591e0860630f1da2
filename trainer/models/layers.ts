// The layers that every model here is made of, as functions of jax-js arrays.
//
// Letters: B rows, T tokens a row (S or K), C channels, H heads, D = C / H.
// jax-js: a call consumes the arrays that it is given; `x.ref` keeps one for later.
import { nn, numpy as np } from "@jax-js/jax";

/** What RMSNorm adds to the mean of squares. */
export const NORM_EPSILON = 1e-5;

/** Weights of a transformer layer. */
export type BlockWeights = {
  /** `[C]` */
  attnNorm: np.Array;
  /** `[C,3C]`: columns are q, k, v one after the other, each H heads of D. */
  qkv: np.Array;
  /** `[C,C]` */
  attnOut: np.Array;
  /** `[C]` */
  mlpNorm: np.Array;
  /** `[C,4C]` */
  up: np.Array;
  /** `[4C,C]` */
  down: np.Array;
};

/** Shapes of a layer's weights, and the deviation that each begins with; null: ones. */
export function blockLayout(
  channels: number,
  layers: number,
): Record<keyof BlockWeights, { shape: number[]; deviation: number | null }> {
  const C = channels;
  // What a layer adds to the residual stream starts smaller the more layers there are (GPT-2, section 2.3).
  const residual = 1 / Math.sqrt(2 * layers);
  return {
    attnNorm: { shape: [C], deviation: null },
    qkv: { shape: [C, 3 * C], deviation: 1 / Math.sqrt(C) },
    attnOut: { shape: [C, C], deviation: residual / Math.sqrt(C) },
    mlpNorm: { shape: [C], deviation: null },
    up: { shape: [C, 4 * C], deviation: 1 / Math.sqrt(C) },
    down: { shape: [4 * C, C], deviation: residual / Math.sqrt(4 * C) },
  };
}

/** `x / sqrt(mean(x^2) + epsilon) * gain` over the channels (Zhang and Sennrich, 2019). */
export function rmsNorm(x: np.Array, gain: np.Array): np.Array {
  const size = np.sqrt(np.mean(np.square(x.ref), -1, { keepdims: true }).add(NORM_EPSILON));
  return x.div(size).mul(gain);
}

/** Cosines and sines of rotary positions, `[B or 1,T,D/2]`. */
export type Rotary = { cos: np.Array; sin: np.Array };

/** Turns x `[B,T,H,D]`: channel i with channel i + D/2, by the i-th angle of its position (Su et al., 2021). */
function rotate(x: np.Array, { cos, sin }: Rotary): np.Array {
  const half = x.shape[3] / 2;
  const [c, s] = [cos, sin].map((t) => t.reshape([t.shape[0], t.shape[1], 1, half]));
  const a = x.ref.slice([], [], [], [0, half]);
  const b = x.slice([], [], [], [half, 2 * half]);
  return np.concatenate([a.ref.mul(c.ref).sub(b.ref.mul(s.ref)), b.mul(c).add(a.mul(s))], 3);
}

/**
 * A transformer layer, norms before: x `[B,T,C]` to the same shape. GELU by its tanh approximation; no biases. Under the
 * causal mask the retained tokens, being in order, need the causal mask of their own length.
 */
export function block(
  { attnNorm, qkv, attnOut, mlpNorm, up, down }: BlockWeights,
  x: np.Array,
  rotary: Rotary | null,
  { heads, causal }: { heads: number; causal: boolean },
): np.Array {
  const [B, T, C] = x.shape;
  const D = C / heads;
  const parts = np.matmul(rmsNorm(x.ref, attnNorm), qkv).reshape([B, T, 3, heads, D]);
  let q = parts.ref.slice([], [], 0);
  let k = parts.ref.slice([], [], 1);
  const v = parts.slice([], [], 2);
  if (rotary) {
    q = rotate(q, { cos: rotary.cos.ref, sin: rotary.sin.ref });
    k = rotate(k, rotary);
  }
  q = q.mul(1 / Math.sqrt(D));
  let scores = np.matmul(np.transpose(q, [0, 2, 1, 3]), np.transpose(k, [0, 2, 3, 1]));
  if (causal) {
    const seen = np.greaterEqual(np.arange(T).reshape([T, 1]), np.arange(T));
    scores = np.where(seen, scores, -1e9);
  }
  const shares = nn.softmax(scores, -1);
  const mixed = np.transpose(np.matmul(shares, np.transpose(v, [0, 2, 1, 3])), [0, 2, 1, 3]);
  const y = x.add(np.matmul(mixed.reshape([B, T, C]), attnOut));
  return y.ref.add(np.matmul(nn.gelu(np.matmul(rmsNorm(y, mlpNorm), up)), down));
}

/**
 * A transformer block with one head, in float64, its backward written by hand: slow, plain, and independent of the
 * library but for the shape of its tensors. B batch, N tokens at hand, C channels.
 *
 *   q, k, v = x Wq, x Wk, x Wv, q and k turned by RoPE;  a = softmax(q k' / sqrt(C) + mask) v
 *   y = x + a Wo;  out = y + tanh(y W1) W2
 */
import { type CPUTensor, type Kwargs, tensor } from "../../src/index.ts";

type Matrix = Float64Array;

/** Numbers from -1 to 1, always the same for one seed. */
export function noise(n: number, seed: number): Float64Array {
  let state = (seed * 2654435761 + 12345) >>> 0;
  return Float64Array.from({ length: n }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

/** out[n,m] += a[n,k] b[k,m], either read as its transpose. */
function matmul(a: Matrix, b: Matrix, n: number, k: number, m: number, turnA = false, turnB = false): Matrix {
  const out = new Float64Array(n * m);
  for (let i = 0; i < n; i++) {
    for (let p = 0; p < k; p++) {
      const x = turnA ? a[p * n + i] : a[i * k + p];
      for (let j = 0; j < m; j++) out[i * m + j] += x * (turnB ? b[j * k + p] : b[p * m + j]);
    }
  }
  return out;
}

const add = (to: Matrix, from: Matrix) => {
  for (let i = 0; i < to.length; i++) to[i] += from[i];
};

/** Turns pairs of channels by the angles of `rope`, [N] of this row; `sign` -1 turns back. */
function rotate(x: Matrix, rope: Matrix | null, n: number, c: number, sign: number): Matrix {
  if (!rope) return x;
  const out = new Float64Array(x.length);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < c; j += 2) {
      const angle = (sign * rope[i]) / (j + 1);
      const [s, t] = [Math.sin(angle), Math.cos(angle)];
      const [u, w] = [x[i * c + j], x[i * c + j + 1]];
      out[i * c + j] = u * t - w * s;
      out[i * c + j + 1] = u * s + w * t;
    }
  }
  return out;
}

const NAMES = ["wq", "wk", "wv", "wo", "w1", "w2"] as const;
type Weights = Record<(typeof NAMES)[number], Matrix>;
type Row = { x: Matrix; q: Matrix; k: Matrix; v: Matrix; p: Matrix; a: Matrix; y: Matrix; h: Matrix };

export class Block {
  readonly c: number;
  readonly weights: Weights;
  /** Summed over calls until `zeroGrad`. */
  readonly grads: Weights;
  #saved: { rows: Row[]; rope: (Matrix | null)[] } = { rows: [], rope: [] };

  constructor(c: number, seed: number) {
    this.c = c;
    const make = (fill: (i: number) => Matrix) => Object.fromEntries(NAMES.map((name, i) => [name, fill(i)]));
    this.weights = make((i) => noise(c * c, seed * 10 + i).map((x) => x / Math.sqrt(c))) as Weights;
    this.grads = make(() => new Float64Array(c * c)) as Weights;
  }

  zeroGrad(): void {
    for (const name of NAMES) this.grads[name].fill(0);
  }

  step(rate: number): void {
    for (const name of NAMES) {
      const [w, g] = [this.weights[name], this.grads[name]];
      for (let i = 0; i < w.length; i++) w[i] -= rate * g[i];
    }
  }

  /** kwargs: attention_mask [B or 1,1,N,N] added to the scores; rope [B or 1,N] or [N], angles. Either may be null. */
  forward(hidden: CPUTensor, kwargs: Kwargs = {}): CPUTensor {
    const { c } = this;
    const { wq, wk, wv, wo, w1, w2 } = this.weights;
    const [batch, n] = hidden.shape;
    const mask = kwargs.attention_mask as CPUTensor | null | undefined;
    const angles = kwargs.rope as CPUTensor | null | undefined;
    const out = new Float64Array(batch * n * c);
    this.#saved = { rows: [], rope: [] };
    for (let b = 0; b < batch; b++) {
      const x = (hidden.data as Float64Array).slice(b * n * c, (b + 1) * n * c);
      const at = angles && angles.data.length > n ? b * n : 0;
      const rope = angles ? (angles.data as Float64Array).subarray(at, at + n) : null;
      const q = rotate(matmul(x, wq, n, c, c), rope, n, c, 1);
      const k = rotate(matmul(x, wk, n, c, c), rope, n, c, 1);
      const v = matmul(x, wv, n, c, c);
      const p = matmul(q, k, n, c, n, false, true);
      const m = mask && mask.shape[0] > 1 ? b * n * n : 0;
      for (let i = 0; i < n; i++) {
        const row = p.subarray(i * n, (i + 1) * n);
        row.forEach((score, j) => {
          row[j] = score / Math.sqrt(c) + (mask ? mask.data[m + i * n + j] : 0);
        });
        const top = Math.max(...row);
        let sum = 0;
        row.forEach((score, j) => {
          row[j] = Math.exp(score - top);
          sum += row[j];
        });
        for (let j = 0; j < n; j++) row[j] /= sum;
      }
      const a = matmul(p, v, n, n, c);
      const y = x.slice();
      add(y, matmul(a, wo, n, c, c));
      const h = matmul(y, w1, n, c, c).map(Math.tanh);
      const z = y.slice();
      add(z, matmul(h, w2, n, c, c));
      out.set(z, b * n * c);
      this.#saved.rows.push({ x, q, k, v, p, a, y, h });
      this.#saved.rope.push(rope);
    }
    return tensor(out, hidden.shape);
  }

  backward(outGrad: CPUTensor): CPUTensor {
    const { c, grads } = this;
    const { wq, wk, wv, wo, w1, w2 } = this.weights;
    const [batch, n] = outGrad.shape;
    const result = new Float64Array(outGrad.data.length);
    for (let b = 0; b < batch; b++) {
      const { x, q, k, v, p, a, y, h } = this.#saved.rows[b];
      const rope = this.#saved.rope[b];
      const g = (outGrad.data as Float64Array).slice(b * n * c, (b + 1) * n * c);
      add(grads.w2, matmul(h, g, c, n, c, true));
      const dh = matmul(g, w2, n, c, c, false, true).map((d, i) => d * (1 - h[i] ** 2));
      add(grads.w1, matmul(y, dh, c, n, c, true));
      add(g, matmul(dh, w1, n, c, c, false, true)); // now the gradient of y
      add(grads.wo, matmul(a, g, c, n, c, true));
      const da = matmul(g, wo, n, c, c, false, true);
      const dv = matmul(p, da, n, n, c, true);
      const dp = matmul(da, v, n, c, n, false, true);
      for (let i = 0; i < n; i++) {
        let dot = 0;
        for (let j = 0; j < n; j++) dot += dp[i * n + j] * p[i * n + j];
        for (let j = 0; j < n; j++) {
          dp[i * n + j] = (p[i * n + j] * (dp[i * n + j] - dot)) / Math.sqrt(c);
        }
      }
      const dq = rotate(matmul(dp, k, n, n, c), rope, n, c, -1);
      const dk = rotate(matmul(dp, q, n, n, c, true), rope, n, c, -1);
      for (const [name, w, d] of [
        ["wq", wq, dq],
        ["wk", wk, dk],
        ["wv", wv, dv],
      ] as const) {
        add(grads[name], matmul(x, d, c, n, c, true));
        add(g, matmul(d, w, n, c, c, false, true));
      }
      result.set(g, b * n * c);
    }
    return tensor(result, outGrad.shape);
  }
}

/** [1,1,S,S], 0 where j <= i and a large negative number above. */
export function causalMask(s: number): CPUTensor {
  const data = Float64Array.from({ length: s * s }, (_, at) => (at % s > Math.floor(at / s) ? -1e9 : 0));
  return tensor(data, [1, 1, s, s]);
}

/** Half the sum of squared differences, and its gradient. */
export function squaredLoss(out: CPUTensor, target: Float64Array): { loss: number; grad: CPUTensor } {
  const grad = (out.data as Float64Array).map((x, i) => x - target[i]);
  return { loss: grad.reduce((sum, d) => sum + d * d, 0) / 2, grad: tensor(grad, out.shape) };
}

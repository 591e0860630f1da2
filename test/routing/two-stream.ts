/**
 * A block of two streams in float64, its backward by hand: image tokens h [B,N,C] and text tokens e [B,M,C] that see each
 * other by their means.
 *
 *   h' = h + tanh(h * a + mean(e) * b);  e' = e + tanh(e * c + mean(h) * d);  weights [C]
 */
import { type CPUTensor, type Kwargs, tensor } from "../../src/index.ts";
import { noise } from "./tiny.ts";

export const STREAMS = ["encoder_hidden_states", "hiddenStates"] as const;

interface Call {
  readonly h: CPUTensor;
  readonly e: CPUTensor;
  readonly u: Float64Array;
  readonly v: Float64Array;
}

/** The mean over the tokens of each row: [B,C]. */
function meanOf({ data, shape: [batch, n, c] }: CPUTensor): Float64Array {
  const out = new Float64Array(batch * c);
  data.forEach((x, i) => {
    out[Math.floor(i / (n * c)) * c + (i % c)] += x / n;
  });
  return out;
}

export class TwoStreamBlock {
  /** [a, b, c, d], each [C]. */
  readonly weights: Float64Array[];
  readonly grads: Float64Array[];
  readonly calls: Call[] = [];

  constructor(c: number, seed: number) {
    this.weights = [0, 1, 2, 3].map((i) => noise(c, seed * 10 + i));
    this.grads = [0, 1, 2, 3].map(() => new Float64Array(c));
  }

  forward(h: CPUTensor, kwargs: Kwargs): CPUTensor[] {
    const e = kwargs.encoder_hidden_states as CPUTensor;
    const [a, b, c, d] = this.weights;
    const [text, image] = [meanOf(e), meanOf(h)];
    const channels = a.length;
    const row = (t: CPUTensor, i: number) =>
      Math.floor(i / (t.shape[1] * channels)) * channels + (i % channels);
    const u = Float64Array.from(h.data, (x, i) =>
      Math.tanh(x * a[i % channels] + text[row(h, i)] * b[i % channels]),
    );
    const v = Float64Array.from(e.data, (x, i) =>
      Math.tanh(x * c[i % channels] + image[row(e, i)] * d[i % channels]),
    );
    this.calls.push({ h, e, u, v });
    return [
      tensor(
        Float64Array.from(e.data, (x, i) => x + v[i]),
        e.shape,
      ),
      tensor(
        Float64Array.from(h.data, (x, i) => x + u[i]),
        h.shape,
      ),
    ];
  }

  backward(outGrad: readonly unknown[]): CPUTensor[] {
    const [ge, gh] = outGrad as CPUTensor[];
    const { h, e, u, v } = this.calls.pop()!;
    const [a, b, c, d] = this.weights;
    const [text, image] = [meanOf(e), meanOf(h)];
    const channels = a.length;
    const [dh, de] = [Float64Array.from(gh.data), Float64Array.from(ge.data)];
    const [dText, dImage] = [new Float64Array(text.length), new Float64Array(image.length)];
    const stream = (
      t: CPUTensor,
      g: CPUTensor,
      act: Float64Array,
      own: Float64Array,
      other: Float64Array,
      w: [Float64Array, Float64Array, Float64Array, Float64Array],
      into: Float64Array,
      intoOther: Float64Array,
    ) => {
      const [wOwn, wOther, gOwn, gOther] = w;
      for (let i = 0; i < t.data.length; i++) {
        const [ch, r] = [i % channels, Math.floor(i / (t.shape[1] * channels)) * channels + (i % channels)];
        const da = g.data[i] * (1 - act[i] ** 2);
        into[i] += da * wOwn[ch];
        gOwn[ch] += da * own[i];
        gOther[ch] += da * other[r];
        intoOther[r] += da * wOther[ch];
      }
    };
    stream(h, gh, u, h.data as Float64Array, text, [a, b, this.grads[0], this.grads[1]], dh, dText);
    stream(e, ge, v, e.data as Float64Array, image, [c, d, this.grads[2], this.grads[3]], de, dImage);
    const spread = (into: Float64Array, t: CPUTensor, from: Float64Array) => {
      for (let i = 0; i < into.length; i++) {
        const r = Math.floor(i / (t.shape[1] * channels)) * channels + (i % channels);
        into[i] += from[r] / t.shape[1];
      }
    };
    spread(dh, h, dImage);
    spread(de, e, dText);
    return [tensor(de, e.shape), tensor(dh, h.shape)];
  }
}

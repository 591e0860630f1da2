import { numpy as np } from "@jax-js/jax";
import type { TokenRoute } from "random-ltd/jax";
import type { HostArray } from "../types.ts";

/** Arrays of jax-js by name. */
export type Arrays = Record<string, np.Array>;

/** The shape of each array of weights and the deviation of its first values, normal; null: ones, 0: zeros. */
export type Layout = Record<string, { shape: number[]; deviation: number | null }>;

/**
 * What is a model's own, around its transformer layers. Each function borrows the batch and takes the rest over.
 */
export interface Parts {
  /** Of the weights before the layers, all named `embed.…`, and after them, `head.…`. */
  readonly layout: Layout;
  readonly causal: boolean;
  /** Cosines and sines of all positions, `cos` and `sin` `[S,D/2]`; null: no positions in the attention. */
  readonly rotary: { cos: HostArray; sin: HostArray } | null;
  /** Multiplications and additions of a row's training step outside of the layers, with T tokens at the end. */
  flops(T: number): number;
  /** `[B,S,C]` */
  embed(weights: Arrays, batch: Arrays): np.Array;
  /**
   * The gradients of the embedding's weights from that of its answer, `[B,S,C]`: written out, as `matmul(inputs^T, grad)`
   * takes the WASM backend a twentieth of the time that it takes for the product which autodiff makes of it.
   */
  embedGrads(batch: Arrays, grad: np.Array): Arrays;
  /** x `[B,T,C]` to `[B,N,V]`: N answers of one in V. */
  logits(weights: Arrays, x: np.Array): np.Array;
  /** int32 `[B,N]`. Under a route, which it borrows, tokens were dropped at the input. */
  targets(batch: Arrays, route: TokenRoute | null): np.Array;
}

/** The gradient of a table from its inputs `[B,S,V]` and the gradient of their product `[B,S,C]`: `[V,C]`. */
export function tableGrad(inputs: np.Array, grad: np.Array): np.Array {
  const [rows, vocab, channels] = [inputs.shape[0] * inputs.shape[1], inputs.shape[2], grad.shape[2]];
  return np.matmul(np.transpose(inputs.reshape([rows, vocab])), grad.reshape([rows, channels]));
}

/** Cosines and sines of angles `[S,D/2]`. */
export function rotaryTables(angles: Float64Array, half: number): { cos: HostArray; sin: HostArray } {
  const shape = [angles.length / half, half];
  return {
    cos: { shape, data: Float32Array.from(angles, Math.cos) },
    sin: { shape, data: Float32Array.from(angles, Math.sin) },
  };
}

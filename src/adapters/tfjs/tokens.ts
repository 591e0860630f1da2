/** The token operations on TF.js tensors, each by itself. */
import type { Tensor } from "@tensorflow/tfjs-core";
import { checkBoolean, checkInteger, checkOptions, MAX } from "../../check.ts";
import type { CPUTensor } from "../../types.ts";
import { checkFits, checkTokens } from "./check.ts";
import { type Geometry, sizeOf } from "./geometry.ts";
import * as kernels from "./kernels.ts";
import { type MadePositions, positionsOf } from "./positions.ts";

/** Options of the token operations on TF.js tensors. */
export interface TFTokenOptions {
  /** Hidden states are `[B,S,C]` where true, which is the default, else `[S,B,C]`. */
  batchFirst?: boolean | undefined;
}

/** Retained positions: int32 `[B,K]`, each row ascending and distinct, on the CPU or in a TF.js tensor. */
export type SortedIndices = CPUTensor<Int32Array> | Tensor;

/** The geometry of tokens `[B,tokens,...]` or `[tokens,B,...]`, of which `retained` of `seq` are retained. */
export function tokenGeometry(t: Tensor, batchFirst: boolean, seq: number, retained: number): Geometry {
  const [batch, channels] = [t.shape[batchFirst ? 0 : 1], t.shape.slice(2)];
  const shape = (tokens: number) =>
    batchFirst ? [batch, tokens, ...channels] : [tokens, batch, ...channels];
  const [allShape, partShape, row] = [shape(seq), shape(retained), sizeOf(channels)];
  return { batch, groups: 1, seq, retained, row, batchFirst, shared: false, allShape, partShape };
}

function layout(options: TFTokenOptions): boolean {
  checkOptions(options, ["batchFirst", "seqLength"]);
  return checkBoolean("batchFirst", options.batchFirst ?? true);
}

/** Calls `fn` with positions, and frees what was made for them. */
function using<T>(at: MadePositions, fn: (at: kernels.Positions) => T): T {
  try {
    return fn({ indices: at.indices, map: at.map });
  } finally {
    at.dispose();
  }
}

/** The operation on a whole `[B,S,...]` tensor that has positions `[B,K]`. */
function onWhole<T>(
  name: string,
  value: unknown,
  sortedIndices: SortedIndices,
  options: TFTokenOptions,
  fn: (t: Tensor, at: kernels.Positions, g: Geometry) => T,
  mapped = true,
): T {
  const t = checkTokens(name, value);
  const batchFirst = layout(options);
  const [batch, seq] = batchFirst ? t.shape : [t.shape[1], t.shape[0]];
  return using(positionsOf("sortedIndices", sortedIndices, batch, seq, mapped), (at) =>
    fn(t, at, tokenGeometry(t, batchFirst, seq, at.indices.shape[1])),
  );
}

/**
 * The retained rows of hidden states, and back: `GatherTokens` of `random-ltd` on TF.js tensors of float32, int32 or
 * bool. `forward` has a gradient, which is `backward`, and so on for every further one.
 *
 * @example
 * const part = GatherTokens.forward(hidden, sortedIndices);
 */
export const GatherTokens: {
  /**
   * `out[b,k] = activations[b, sortedIndices[b,k]]`.
   *
   * @param activations `[B,S,C]`, or `[S,B,C]` unless `batchFirst`; trailing dimensions count as C.
   * @param sortedIndices See {@link SortedIndices}.
   * @param options See {@link TFTokenOptions}.
   * @returns `[B,K,C]` (or `[K,B,C]`), of the same dtype.
   * @throws TypeError, RangeError where an argument is of the wrong kind, disposed, or doesn't fit. Positions in a
   *   tensor of the webgpu backend are not checked; out of range they give zeros.
   * @example
   * const part = GatherTokens.forward(hidden, sortedIndices);
   */
  forward(activations: Tensor, sortedIndices: SortedIndices, options?: TFTokenOptions): Tensor;
  /**
   * The gradient of `forward`: the rows of `retainedGrad` at their positions, zeros elsewhere.
   *
   * @param retainedGrad `[B,K,C]`, or `[K,B,C]` unless `batchFirst`.
   * @param sortedIndices See {@link SortedIndices}.
   * @param options `seqLength`, S, and {@link TFTokenOptions}.
   * @returns `[B,S,C]` (or `[S,B,C]`), of the same dtype.
   * @throws TypeError, RangeError as `forward`.
   * @example
   * const hiddenGrad = GatherTokens.backward(partGrad, sortedIndices, { seqLength: 1024 });
   */
  backward(
    retainedGrad: Tensor,
    sortedIndices: SortedIndices,
    options: TFTokenOptions & { seqLength: number },
  ): Tensor;
} = {
  forward: (activations, sortedIndices, options = {}) =>
    onWhole("activations", activations, sortedIndices, options, kernels.gather, false),

  backward(retainedGrad, sortedIndices, options) {
    const t = checkTokens("retainedGrad", retainedGrad);
    const batchFirst = layout(options);
    const [batch, retained] = batchFirst ? t.shape : [t.shape[1], t.shape[0]];
    const seq = checkInteger("seqLength", options.seqLength, retained, MAX.int32);
    return using(positionsOf("sortedIndices", sortedIndices, batch, seq), (at) => {
      const g = tokenGeometry(t, batchFirst, seq, at.indices.shape[1]);
      return kernels.scatterZeros(checkFits("retainedGrad", t, t.dtype, g.partShape), at, g);
    });
  },
};

/**
 * Retained rows put in place among the others: `ScatterTokens` of `random-ltd` on TF.js tensors of float32, int32 or
 * bool. `forward` has a gradient, which is `backward`, and so on for every further one.
 *
 * @example
 * hidden = ScatterTokens.forward(hidden, layer(GatherTokens.forward(hidden, indices)), indices);
 */
export const ScatterTokens: {
  /**
   * `out[b, sortedIndices[b,k]] = layerActivations[b,k]`, and `allActivations` elsewhere.
   *
   * @param allActivations `[B,S,C]`, or `[S,B,C]` unless `batchFirst`; trailing dimensions count as C.
   * @param layerActivations `[B,K,C]` (or `[K,B,C]`), of the same dtype.
   * @param sortedIndices See {@link SortedIndices}.
   * @param options See {@link TFTokenOptions}.
   * @returns A new tensor of the shape of `allActivations`.
   * @throws TypeError, RangeError as `GatherTokens.forward`.
   * @example
   * hidden = ScatterTokens.forward(hidden, part, sortedIndices);
   */
  forward(
    allActivations: Tensor,
    layerActivations: Tensor,
    sortedIndices: SortedIndices,
    options?: TFTokenOptions,
  ): Tensor;
  /**
   * The gradients of `forward`: `outGrad` with zeros where it was replaced, and its retained rows.
   *
   * @param outGrad `[B,S,C]`, or `[S,B,C]` unless `batchFirst`.
   * @param sortedIndices See {@link SortedIndices}.
   * @param options See {@link TFTokenOptions}.
   * @returns Gradients of the shapes of `allActivations` and `layerActivations`.
   * @throws TypeError, RangeError as `GatherTokens.forward`.
   * @example
   * const { layerActivationsGrad } = ScatterTokens.backward(outGrad, sortedIndices);
   */
  backward(
    outGrad: Tensor,
    sortedIndices: SortedIndices,
    options?: TFTokenOptions,
  ): { allActivationsGrad: Tensor; layerActivationsGrad: Tensor };
} = {
  forward: (allActivations, layerActivations, sortedIndices, options = {}) =>
    onWhole("allActivations", allActivations, sortedIndices, options, (all, at, g) =>
      kernels.scatter(all, checkFits("layerActivations", layerActivations, all.dtype, g.partShape), at, g),
    ),

  backward: (outGrad, sortedIndices, options = {}) =>
    onWhole("outGrad", outGrad, sortedIndices, options, (grad, at, g) => ({
      allActivationsGrad: kernels.zeroRows(grad, at, g),
      layerActivationsGrad: kernels.gather(grad, at, g),
    })),
};

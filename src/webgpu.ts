/**
 * The names of `random-ltd` for pages whose tokens and masks are on the GPU. The code that moves CPU tensors is left
 * out, so CPU states and CPU attention masks are refused. Indices, `keepMask` and `paddingMask` are on the CPU, as in
 * `random-ltd`.
 *
 * @module random-ltd/webgpu
 */
import { referenceSorting } from "./backends/reference/sort.ts";
import { wrongType } from "./check.ts";
import { type MaskGather, type MaskSlice, maskGatherOn, maskSliceOn } from "./masks.ts";
import { type ConvertToRandomLTD, convertOn } from "./routing/convert.ts";
import type { FrameworkOps } from "./routing/framework-ops.ts";
import { TokenDropLayer } from "./routing/layer.ts";
import type { RandomLayerTokenDropOptions } from "./routing/layer-options.ts";
import type { Layer, LayerOutput } from "./routing/layer-types.ts";
import type { RandomLTDScheduler } from "./routing/scheduler.ts";
import { tensorOpsOn } from "./routing/tensor-ops.ts";
import {
  type BertSampleTokens,
  bertSampleTokensOn,
  type GPTSampleTokens,
  gptSampleTokensOn,
} from "./sampling.ts";
import { type TokenSort, tokenSortOn } from "./sort.ts";
import { type GatherOperations, gatherTokensOn, type ScatterOperations, scatterTokensOn } from "./tokens.ts";
import type { CPUTensor, GPUTensor, Tensor } from "./types.ts";

export * from "./index.ts";

/** Refuses a CPU tensor, naming the caller's argument. */
function refused(name: string, t: CPUTensor): never {
  wrongType(name, "a GPU tensor with random-ltd/webgpu", t, "a CPU tensor");
}

/** Draws the tokens that each random-LTD layer of a decoder retains, and the attention mask among them. */
export const gptSampleTokens: GPTSampleTokens<GPUTensor> = /* @__PURE__ */ gptSampleTokensOn(refused);

/** Draws the tokens that each random-LTD layer of an encoder retains, and the attention mask among them. */
export const bertSampleTokens: BertSampleTokens<GPUTensor> = /* @__PURE__ */ bertSampleTokensOn(refused);

/**
 * Sorts positions that were chosen in some other way into the order that gather and scatter need. This is done by the
 * plain reference, as the core of this entry only samples.
 */
export const tokenSort: TokenSort = /* @__PURE__ */ tokenSortOn(() => referenceSorting);

/** The attention mask among the retained tokens: its rows and columns at their positions. */
export const maskGather: MaskGather<GPUTensor> = /* @__PURE__ */ maskGatherOn(refused);

/** The top-left `K x K` of an attention mask. */
export const maskSlice: MaskSlice<GPUTensor> = /* @__PURE__ */ maskSliceOn(refused);

/** Takes the retained tokens out of the hidden states, and its exact gradient. */
export const GatherTokens: GatherOperations<GPUTensor> = /* @__PURE__ */ gatherTokensOn(refused);

/** Puts the tokens that a layer worked on back among the rest, and its exact gradient. */
export const ScatterTokens: ScatterOperations<GPUTensor> = /* @__PURE__ */ scatterTokensOn(refused);

/**
 * The operations on this library's own tensors, the default of `RandomLayerTokenDrop`. Nothing is consumed.
 *
 * @example
 * const layer = new RandomLayerTokenDrop(block, scheduler, 0, { ops: tensorOps });
 */
export const tensorOps: FrameworkOps<Tensor> = /* @__PURE__ */ tensorOpsOn(refused, refused);

/** Options that may be left out for the GPU's tensors. */
type WrapperOptions<T> = T extends GPUTensor
  ? [options?: RandomLayerTokenDropOptions<T>]
  : [options: RandomLayerTokenDropOptions<T> & { ops: FrameworkOps<T> }];

/**
 * Wraps a layer so that, in training, it works on a random K of the S tokens of each row, the others passing by it.
 * See {@link TokenDropLayer}.
 *
 * @example
 * const layer = new RandomLayerTokenDrop(block, scheduler, 0, { alongSequence: ["position_ids"] });
 */
export class RandomLayerTokenDrop<
  T = GPUTensor,
  R extends LayerOutput<T> = LayerOutput<T>,
> extends TokenDropLayer<T, R> {
  /** As {@link TokenDropLayer} takes them; layers of other tensors than the GPU's name their `ops`. */
  constructor(
    layer: Layer<T, R>,
    scheduler: RandomLTDScheduler,
    layerOrdinal: number,
    ...[options]: WrapperOptions<T>
  ) {
    super(layer, scheduler, layerOrdinal, options);
  }

  protected override get defaultOps(): FrameworkOps<any> {
    return tensorOps;
  }
}

/** Wraps the layers that `random_ltd_layer_id` names, by number. */
export const convertToRandomLTD: ConvertToRandomLTD<GPUTensor> = /* @__PURE__ */ convertOn(
  RandomLayerTokenDrop,
  tensorOps,
);

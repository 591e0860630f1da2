/**
 * Random layerwise token dropping for transformer training: deterministic sampling of the retained tokens, attention
 * masks among them, and exact gather and scatter of hidden states.
 *
 * @module random-ltd
 */
import { cpuMasks, cpuTokens, sortingBackend } from "./backends/cpu.ts";
import { type MaskGather, type MaskSlice, maskGatherOn, maskSliceOn } from "./masks.ts";
import { type ConvertToRandomLTD, convertOn } from "./routing/convert.ts";
import type { FrameworkOps } from "./routing/framework-ops.ts";
import { TokenDropLayer } from "./routing/layer.ts";
import type { LayerOutput } from "./routing/layer-types.ts";
import { tensorOpsOn } from "./routing/tensor-ops.ts";
import {
  type BertSampleTokens,
  bertSampleTokensOn,
  type GPTSampleTokens,
  gptSampleTokensOn,
} from "./sampling.ts";
import { type TokenSort, tokenSortOn } from "./sort.ts";
import { type GatherOperations, gatherTokensOn, type ScatterOperations, scatterTokensOn } from "./tokens.ts";
import type { Tensor } from "./types.ts";

export { type CPUBackendName, cpuBackend } from "./backends/cpu-backend.ts";
export { prepareGPU, type RequestGPUDeviceOptions, requestGPUDevice } from "./backends/webgpu/prepare.ts";
export {
  dispose,
  type GPUTensorOptions,
  gpuTensor,
  type ToGPUOptions,
  toCPU,
  toGPU,
} from "./backends/webgpu/transfer.ts";
export { loadCore, setCoreModule } from "./core/core.ts";
export type { MaskGather, MaskOptions, MaskSlice } from "./masks.ts";
export { retainedMask, tokensOfGroups } from "./positions.ts";
export { addRandomLTDStateDict, removeRandomLTDStateDict, type StateDict } from "./routing/checkpoints.ts";
export type { ConvertOptions, ConvertToRandomLTD, Route } from "./routing/convert.ts";
export {
  type DataEfficiencyConfig,
  type DisabledRandomLTD,
  parseDataEfficiencyConfig,
} from "./routing/data-efficiency-config.ts";
export type {
  AlongSequence,
  AxesLayout,
  FrameworkOps,
  RowLayout,
  TokensAt,
  TokensAtOptions,
} from "./routing/framework-ops.ts";
export type { TokenDropLayer } from "./routing/layer.ts";
export type { DropRatio, RandomLayerTokenDropOptions } from "./routing/layer-options.ts";
export type {
  BackwardOptions,
  ForwardOptions,
  Kwargs,
  Layer,
  LayerFunction,
  LayerGradient,
  LayerObject,
  LayerOutput,
} from "./routing/layer-types.ts";
export { LayerTokenLRSchedule, type LayerTokenLRScheduleOptions } from "./routing/lr.ts";
export type {
  CheckedRandomLTDConfig,
  CheckedScheduleConfig,
  LayerTokenLRConfig,
  RandomLTDConfig,
  RandomLTDScheduleConfig,
} from "./routing/random-ltd-config.ts";
export {
  RandomLTDScheduler,
  type RandomLTDSchedulerOptions,
  type RandomLTDState,
} from "./routing/scheduler.ts";
export { LayerStack } from "./routing/stack.ts";
export type {
  BertSampleTokens,
  GPTSampleOptions,
  GPTSampleTokens,
  MaskMode,
  SampledTokens,
  SampleOptions,
} from "./sampling.ts";
export type { TokenSort } from "./sort.ts";
export { layerOf, tensor } from "./tensor.ts";
export type {
  GatherBackwardOptions,
  GatherForwardOptions,
  GatherOperations,
  ScatterBackwardOptions,
  ScatterForwardOptions,
  ScatterGradients,
  ScatterOperations,
  TokenOptions,
} from "./tokens.ts";
export type { CPUTensor, DType, Float16Data, GPUTensor, IndexTensor, Tensor, TensorData } from "./types.ts";

/** Draws the tokens that each random-LTD layer of a decoder retains, and the attention mask among them. */
export const gptSampleTokens: GPTSampleTokens = /* @__PURE__ */ gptSampleTokensOn(cpuMasks);

/** Draws the tokens that each random-LTD layer of an encoder retains, and the attention mask among them. */
export const bertSampleTokens: BertSampleTokens = /* @__PURE__ */ bertSampleTokensOn(cpuMasks);

/** Puts positions that a caller drew elsewhere into the order that gather and scatter need. */
export const tokenSort: TokenSort = /* @__PURE__ */ tokenSortOn(sortingBackend);

/** The attention mask among the retained tokens: its rows and columns at their positions. */
export const maskGather: MaskGather = /* @__PURE__ */ maskGatherOn(cpuMasks);

/** The top-left `K x K` of an attention mask. */
export const maskSlice: MaskSlice = /* @__PURE__ */ maskSliceOn(cpuMasks);

/** Takes the retained tokens out of the hidden states, and its exact gradient. */
export const GatherTokens: GatherOperations = /* @__PURE__ */ gatherTokensOn(cpuTokens);

/** Puts the tokens that a layer worked on back among the rest, and its exact gradient. */
export const ScatterTokens: ScatterOperations = /* @__PURE__ */ scatterTokensOn(cpuTokens);

/**
 * The operations on this library's own tensors, the default of `RandomLayerTokenDrop`. Nothing is consumed.
 *
 * @example
 * const layer = new RandomLayerTokenDrop(block, scheduler, 0, { ops: tensorOps });
 */
export const tensorOps: FrameworkOps<Tensor> = /* @__PURE__ */ tensorOpsOn(cpuTokens, cpuMasks);

/**
 * Wraps a layer so that, in training, it works on a random K of the S tokens of each row, the others passing by it.
 * See {@link TokenDropLayer}.
 *
 * @example
 * const layer = new RandomLayerTokenDrop(block, scheduler, 0, { alongSequence: ["position_ids"] });
 */
export class RandomLayerTokenDrop<
  T = Tensor,
  R extends LayerOutput<T> = LayerOutput<T>,
> extends TokenDropLayer<T, R> {
  protected override get defaultOps(): FrameworkOps<any> {
    return tensorOps;
  }
}

/** Wraps the layers that `random_ltd_layer_id` names, by number. */
export const convertToRandomLTD: ConvertToRandomLTD = /* @__PURE__ */ convertOn(
  RandomLayerTokenDrop,
  tensorOps,
);

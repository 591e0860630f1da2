/**
 * Random layerwise token dropping for transformer training: deterministic sampling of the retained tokens, attention
 * masks among them, and exact gather and scatter of hidden states.
 */
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
export { setCoreModule } from "./core/core.ts";
export { type MaskOptions, maskGather, maskSlice } from "./masks.ts";
export { retainedMask, tokensOfGroups } from "./positions.ts";
export { addRandomLTDStateDict, removeRandomLTDStateDict, type StateDict } from "./routing/checkpoints.ts";
export { type ConvertOptions, convertToRandomLTD, type Route } from "./routing/convert.ts";
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
export { type DropRatio, RandomLayerTokenDrop, type RandomLayerTokenDropOptions } from "./routing/layer.ts";
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
export { tensorOps } from "./routing/tensor-ops.ts";
export {
  bertSampleTokens,
  type GPTSampleOptions,
  gptSampleTokens,
  type MaskMode,
  type SampledTokens,
  type SampleOptions,
} from "./sampling.ts";
export { tokenSort } from "./sort.ts";
export { layerOf, tensor } from "./tensor.ts";
export {
  type GatherBackwardOptions,
  type GatherForwardOptions,
  GatherTokens,
  type ScatterBackwardOptions,
  type ScatterForwardOptions,
  type ScatterGradients,
  ScatterTokens,
  type TokenOptions,
} from "./tokens.ts";
export type { CPUTensor, DType, GPUTensor, Tensor, TensorData } from "./types.ts";

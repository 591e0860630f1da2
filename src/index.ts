/**
 * Random layerwise token dropping for transformer training: deterministic sampling of the retained tokens, attention
 * masks among them, and exact gather and scatter of hidden states.
 */
export { type CPUBackendName, cpuBackend } from "./backends/cpu.ts";
export { type MaskOptions, maskGather, maskSlice } from "./masks.ts";
export type {
  LayerTokenLRConfig,
  RandomLTDConfig,
  RandomLTDScheduleConfig,
} from "./routing/random-ltd-config.ts";
export {
  RandomLTDScheduler,
  type RandomLTDSchedulerOptions,
  type RandomLTDState,
} from "./routing/scheduler.ts";
export {
  bertSampleTokens,
  type GPTSampleOptions,
  gptSampleTokens,
  type MaskMode,
  type SampledTokens,
  type SampleOptions,
} from "./sampling.ts";
export { tokenSort } from "./sort.ts";
export {
  type CPUTensor,
  type DType,
  type GPUTensor,
  layerOf,
  type Tensor,
  type TensorData,
  tensor,
} from "./tensor.ts";
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

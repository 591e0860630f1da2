/**
 * Random layerwise token dropping for transformer training: deterministic sampling of the retained tokens, attention
 * masks among them, and exact gather and scatter of hidden states.
 */
export { type CPUBackendName, cpuBackend } from "./backends/cpu.ts";
export { prepareGPU, type RequestGPUDeviceOptions, requestGPUDevice } from "./backends/webgpu/device.ts";
export {
  dispose,
  type GPUTensorOptions,
  gpuTensor,
  type ToGPUOptions,
  toCPU,
  toGPU,
} from "./backends/webgpu/tensors.ts";
export { type MaskOptions, maskGather, maskSlice } from "./masks.ts";
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

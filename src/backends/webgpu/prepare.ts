import { checkOptions, wrongType, wrongValue } from "../../check.ts";
import type { GPU, GPUDevice } from "../../platform.ts";
import { checkDevice, checkNotLost } from "./checks.ts";
import { stateOf } from "./device-state.ts";
import { makeAhead } from "./pipelines.ts";
import { programOf } from "./programs.ts";
import { everyShader } from "./shader-choice.ts";

/** Options of {@link requestGPUDevice}. */
export interface RequestGPUDeviceOptions {
  /** Where adapters come from; `navigator.gpu` unless another is given, as in Node. */
  gpu?: GPU | undefined;
  /** Handed to `requestAdapter`. */
  powerPreference?: "low-power" | "high-performance" | undefined;
  /** Features wanted where the adapter has them, such as "timestamp-query". */
  features?: readonly string[] | undefined;
}

/**
 * Requests a device with the largest buffers and bindings that the adapter has; a plain `requestDevice()` gives 256 MiB
 * and 128 MiB. A tensor may be larger than a binding, as work on it is split, but never larger than a buffer.
 *
 * @param options See {@link RequestGPUDeviceOptions}.
 * @throws TypeError where there is no WebGPU; RangeError where it has no adapter.
 * @example
 * const device = await requestGPUDevice();
 */
export async function requestGPUDevice(options: RequestGPUDeviceOptions = {}): Promise<GPUDevice> {
  checkOptions(options, ["gpu", "powerPreference", "features"]);
  const { gpu = globalThis.navigator?.gpu, powerPreference, features = [] } = options;
  if (!gpu) wrongType("gpu", "a runtime with WebGPU, or a GPU", gpu, "none");
  const adapter = await gpu.requestAdapter({ powerPreference });
  if (adapter === null) wrongValue("gpu", "a GPU with an adapter", gpu, "none");
  const { maxBufferSize, maxStorageBufferBindingSize } = adapter.limits;
  return adapter.requestDevice({
    requiredLimits: { maxBufferSize, maxStorageBufferBindingSize },
    requiredFeatures: features.filter((feature): feature is GPUFeatureName => adapter.features.has(feature)),
  });
}

/**
 * Compiles every shader of the library ahead of its first use, without blocking the device. Shaders that are not
 * prepared are compiled at their first call. Variants for tensors that share a GPUBuffer are left to that.
 *
 * @param device The device to compile for.
 * @throws Error, by rejecting, where a shader can't be used on the device: its words and the numbered source;
 *   RangeError where the device is lost.
 * @example
 * await prepareGPU(device);
 */
export async function prepareGPU(device: GPUDevice): Promise<void> {
  checkDevice(device);
  const state = stateOf(device);
  await null; // gives a device that is lost already the time to say so
  checkNotLost(state);
  await makeAhead(
    state,
    everyShader().map((shader) => programOf(shader)),
  );
  checkNotLost(state);
}

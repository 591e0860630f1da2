/** Plans that read indices, of the GPU or of the CPU. */
import { bytesOf, isGPUTensor } from "../../tensor.ts";
import type { GPUTensor, Tensor } from "../../types.ts";
import type { Bytes } from "./binding-windows.ts";
import { checkIndexBytes } from "./checks.ts";
import type { DeviceState, PlanLimits } from "./device-state.ts";
import type { Step } from "./plan.ts";
import { record } from "./recorder.ts";
import { apart } from "./row-plans.ts";

/** Makes a plan with `plan` and records it. Indices on the CPU are uploaded first; `plan` gets where they lie. */
export function recordWithIndices(
  state: DeviceState,
  dst: GPUTensor,
  indices: Tensor,
  encoder: GPUCommandEncoder | undefined,
  plan: (idx: Bytes, limits: PlanLimits) => Step[],
): void {
  const { limits, device } = state;
  const bytes = checkIndexBytes(indices, device);
  const given = isGPUTensor(indices) ? indices : { buffer: { upload: bytesOf(indices) }, byteOffset: 0 };
  const { idx, steps } = apart(given, bytes, dst, limits);
  record(state, [...steps, ...plan(idx, limits)], encoder);
}

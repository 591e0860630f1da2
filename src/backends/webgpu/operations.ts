/** Everything that a GPU tensor brings along. */
import { wrongValue } from "../../check.ts";
import { type DType, elementBytes, elementCount, type GPUTensor } from "../../tensor.ts";
import type { GPUOperations } from "../backend.ts";
import { webgpuMasks } from "./masks.ts";
import { checkNotLost, stateOf, USAGE } from "./state.ts";
import { webgpuTokens } from "./tokens.ts";

const owned: WeakSet<GPUTensor> = /* @__PURE__ */ new WeakSet();

/** Whether a tensor's buffer is its own, so that `dispose` may destroy it: not a view's, not a caller's. */
export function ownsBuffer(t: GPUTensor): boolean {
  return owned.has(t);
}

/** Operations by WebGPU. A call that is marked pure: bundlers take reading a property for an effect, and keep it. */
export const webgpuOperations: GPUOperations = /* @__PURE__ */ (() => ({
  ...webgpuTokens,
  ...webgpuMasks,

  empty(device: GPUDevice, shape: readonly number[], dtype: DType): GPUTensor {
    checkNotLost(stateOf(device));
    const bytes = elementCount(shape) * elementBytes(dtype);
    const most = device.limits.maxBufferSize;
    if (bytes > most)
      wrongValue("shape", `a tensor of at most ${most} bytes on this device`, shape, `${bytes} bytes`);
    const buffer = device.createBuffer({
      label: `random-ltd ${dtype} [${shape}]`,
      size: Math.ceil(bytes / 4) * 4,
      usage: USAGE.STORAGE | USAGE.COPY_SRC | USAGE.COPY_DST,
    });
    const t: GPUTensor = {
      buffer,
      byteOffset: 0,
      shape: [...shape],
      dtype,
      device,
      operations: webgpuOperations,
    };
    owned.add(t);
    return t;
  },

  view(t: GPUTensor, byteOffset: number, shape: readonly number[]): GPUTensor {
    return { ...t, byteOffset, shape: [...shape] };
  },
}))();

/** Everything that a GPU tensor brings along. */
import { wrongType, wrongValue } from "../../check.ts";
import { checkShape, elementBytes, elementCount } from "../../tensor.ts";
import type { DType, GPUOperations, GPUTensor } from "../../types.ts";
import { checkGPUDType, liveStateOf } from "./checks.ts";
import { LABEL, USAGE } from "./device-state.ts";
import { webgpuMasks } from "./masks.ts";
import { isDisposed, own, release, viewOf } from "./ownership.ts";
import { readBack } from "./read-back.ts";
import { webgpuTokens } from "./tokens.ts";

/** Where the last word of a tensor ends, in bytes from the beginning of its buffer. */
export function lastWordEnd(byteOffset: number, shape: readonly number[], dtype: DType): number {
  return Math.ceil((byteOffset + elementCount(shape) * elementBytes(dtype)) / 4) * 4;
}

/**
 * Operations by WebGPU. Made by a call that is marked pure, because bundlers assume that reading a property may have an
 * effect, and would keep this where nobody uses it.
 */
export const webgpuOperations: GPUOperations = /* @__PURE__ */ (() => ({
  ...webgpuTokens,
  ...webgpuMasks,

  check(name: string, t: GPUTensor): void {
    const { buffer, byteOffset, shape, dtype, device } = t;
    checkShape(name, shape);
    checkGPUDType(name, dtype, t);
    if (typeof device?.queue !== "object") wrongType(name, "a tensor of a GPUDevice", t);
    if (isDisposed(t)) wrongType(name, "a tensor that is not disposed", t, "a disposed one");
    const end = lastWordEnd(byteOffset, shape, dtype);
    if (
      !Number.isInteger(byteOffset) ||
      byteOffset < 0 ||
      byteOffset % elementBytes(dtype) ||
      end > buffer.size
    ) {
      wrongValue(
        name,
        "a tensor that lies in its buffer, at a multiple of its element size",
        t,
        `byteOffset ${byteOffset}, ${buffer.size} bytes`,
      );
    }
  },

  empty(device: GPUDevice, shape: readonly number[], dtype: DType): GPUTensor {
    liveStateOf(device);
    const bytes = elementCount(shape) * elementBytes(dtype);
    const most = device.limits.maxBufferSize;
    if (bytes > most)
      wrongValue("shape", `a tensor of at most ${most} bytes on this device`, shape, `${bytes} bytes`);
    const buffer = device.createBuffer({
      label: `${LABEL} ${dtype} [${shape}]`,
      size: Math.ceil(bytes / 4) * 4,
      usage: USAGE.STORAGE | USAGE.COPY_SRC | USAGE.COPY_DST,
    });
    return own({
      buffer,
      byteOffset: 0,
      shape: [...shape],
      dtype,
      device,
      operations: webgpuOperations,
    });
  },

  view(t: GPUTensor, byteOffset: number, shape: readonly number[]): GPUTensor {
    return viewOf(t, { ...t, byteOffset, shape: [...shape] });
  },

  isDisposed,
  release,
  read: readBack,
}))();

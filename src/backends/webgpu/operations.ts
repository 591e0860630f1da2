/** Everything that a GPU tensor brings along. */
import { wrongType, wrongValue } from "../../check.ts";
import { checkShape, elementBytes, elementCount } from "../../tensor.ts";
import type { DType, GPUOperations, GPUTensor } from "../../types.ts";
import { webgpuMasks } from "./masks.ts";
import { checkNotLost, stateOf, USAGE } from "./state.ts";
import { webgpuTokens } from "./tokens.ts";

const owned: WeakSet<GPUTensor> = /* @__PURE__ */ new WeakSet();

/** Whether a tensor's buffer is its own, so that `dispose` may destroy it: not a view's, not a caller's. */
export function ownsBuffer(t: GPUTensor): boolean {
  return owned.has(t);
}

const GPU_DTYPES: readonly DType[] = ["float32", "float16", "bfloat16", "int32", "uint32", "uint8"];

/** Throws unless `dtype` is one that GPUs hold. */
export function checkGPUDType(name: string, dtype: unknown, got: unknown): void {
  if (!GPU_DTYPES.includes(dtype as DType)) wrongType(name, GPU_DTYPES.join(" or "), got);
}

/** Where the last word of a tensor ends, in bytes from the beginning of its buffer. */
export function lastWordEnd(byteOffset: number, shape: readonly number[], dtype: DType): number {
  return Math.ceil((byteOffset + elementCount(shape) * elementBytes(dtype)) / 4) * 4;
}

/** Operations by WebGPU. A call that is marked pure: bundlers take reading a property for an effect, and keep it. */
export const webgpuOperations: GPUOperations = /* @__PURE__ */ (() => ({
  ...webgpuTokens,
  ...webgpuMasks,

  check(name: string, t: GPUTensor): void {
    const { buffer, byteOffset, shape, dtype, device } = t;
    checkShape(name, shape);
    checkGPUDType(name, dtype, t);
    if (typeof device?.queue !== "object") wrongType(name, "a tensor of a GPUDevice", t);
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

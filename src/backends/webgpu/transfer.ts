import { checkAlongside, checkResultShape } from "../../arguments.ts";
import { checkInteger, checkOptions, wrongType, wrongValue } from "../../check.ts";
import type { GPUBuffer, GPUDevice } from "../../platform.ts";
import {
  bytesOf,
  checkCPUTensor,
  checkShape,
  checkTensor,
  elementBytes,
  isGPUTensor,
  isTensor,
} from "../../tensor.ts";
import type { CPUTensor, DType, GPUTensor } from "../../types.ts";
import { checkDevice, checkGPUDType, liveStateOf } from "./checks.ts";
import { USAGE } from "./device-state.ts";
import { lastWordEnd, webgpuOperations } from "./gpu-operations.ts";
import { isDisposed } from "./ownership.ts";
import { record } from "./recorder.ts";
import { planCopy } from "./row-plans.ts";

/** Options of {@link gpuTensor}. */
export interface GPUTensorOptions {
  /** The device that the buffer belongs to. */
  device: GPUDevice;
  /** Where the tensor begins in the buffer, in bytes: a multiple of its element size, of 4 where it is written. */
  byteOffset?: number | undefined;
}

/** Options of {@link toGPU}. */
export interface ToGPUOptions {
  /**
   * Written and returned instead of a new tensor. It is written at once, before any encoder that is not submitted yet.
   */
  out?: GPUTensor | undefined;
}

/**
 * Makes a GPU tensor around a caller's own buffer. Nothing is copied, and the buffer remains the caller's: `dispose`
 * does not destroy it.
 *
 * @param buffer A buffer with usage STORAGE. If the bytes of the tensor are no multiple of 4, the buffer must hold the
 *   whole last word.
 * @param shape Length of each dimension, every one at least 1.
 * @param dtype Any but float64, which no GPU holds.
 * @param options See {@link GPUTensorOptions}.
 * @throws TypeError where an argument is of the wrong kind; RangeError where the tensor does not lie in the buffer, the
 *   offset is no multiple of the element size, or the buffer has no usage STORAGE.
 * @example
 * const hidden = gpuTensor(buffer, [8, 2048, 768], "float32", { device });
 */
export function gpuTensor(
  buffer: GPUBuffer,
  shape: readonly number[],
  dtype: DType,
  options: GPUTensorOptions,
): GPUTensor {
  if (typeof buffer !== "object" || buffer === null || !("mapState" in buffer)) {
    wrongType("buffer", "a GPUBuffer", buffer);
  }
  if (isDisposed({ buffer }))
    wrongType("buffer", "a buffer of no disposed tensor", buffer, "one of a disposed tensor");
  checkShape("shape", shape);
  checkGPUDType("dtype", dtype, dtype);
  checkOptions(options, ["device", "byteOffset"]);
  const { device, byteOffset = 0 } = options;
  checkDevice(device);
  checkInteger("byteOffset", byteOffset, 0, Number.MAX_SAFE_INTEGER);
  const size = elementBytes(dtype);
  if (byteOffset % size !== 0)
    wrongValue("byteOffset", `a multiple of ${size}, the bytes of ${dtype}`, byteOffset);
  if ((buffer.usage & USAGE.STORAGE) === 0) {
    wrongValue("buffer", "a buffer with usage STORAGE", buffer, `usage 0x${buffer.usage.toString(16)}`);
  }
  const end = lastWordEnd(byteOffset, shape, dtype);
  if (end > buffer.size) {
    wrongValue(
      "buffer",
      `at least ${end} bytes for ${dtype} [${shape}] from ${byteOffset} on`,
      buffer,
      `${buffer.size}`,
    );
  }
  return { buffer, byteOffset, shape: [...shape], dtype, device, operations: webgpuOperations };
}

/**
 * Uploads a tensor. Indices that several calls use are best uploaded once, by this.
 *
 * @param tensor A CPU tensor of any dtype but float64, which no GPU holds.
 * @param device The device to upload to; `out`'s own where that is given.
 * @param options See {@link ToGPUOptions}.
 * @returns A new tensor, the caller's to `dispose`, or `out`.
 * @throws TypeError where an argument is of the wrong kind, or `out` of another dtype or device; RangeError where `out`
 *   has another shape, or the device can't hold the tensor or is lost.
 * @example
 * const indices = toGPU(sampledIndices, device); // int32 [L,B,K], for every layer
 */
export function toGPU(tensor: CPUTensor, device: GPUDevice, options: ToGPUOptions = {}): GPUTensor {
  const t = checkCPUTensor("tensor", tensor);
  checkGPUDType("tensor", t.dtype, t);
  checkDevice(device);
  checkOptions(options, ["out"]);
  liveStateOf(device);
  let { out } = options;
  if (out === undefined) {
    out = webgpuOperations.empty(device, t.shape, t.dtype);
  } else {
    checkAlongside("out", checkTensor("out", out), device, t.dtype);
    checkResultShape("out", out, t.shape);
  }
  write(out, bytesOf(t));
  return out;
}

function write(out: GPUTensor, bytes: Uint8Array): void {
  const { device, buffer, byteOffset } = out;
  const even = bytes.byteLength - (bytes.byteLength % 4);
  const writable = (buffer.usage & USAGE.COPY_DST) !== 0;
  if (writable && even > 0) device.queue.writeBuffer(buffer, byteOffset, bytes as BufferSource, 0, even);
  if (writable && even === bytes.byteLength) return;
  // The last word may hold a neighbour's bytes, and a caller's buffer may lack COPY_DST: there a shader writes.
  const done = writable ? even : 0;
  const rest = bytes.byteLength - done;
  const padded = new Uint8Array(Math.ceil(rest / 4) * 4);
  padded.set(bytes.subarray(done));
  const staged = webgpuOperations.empty(device, [padded.length], "uint8");
  device.queue.writeBuffer(staged.buffer, 0, padded);
  const state = liveStateOf(device);
  record(state, planCopy({ buffer, byteOffset: byteOffset + done }, staged, rest, state.limits), undefined);
  staged.buffer.destroy();
}

/**
 * Reads a tensor back, after all work that has been submitted before. Work that is recorded in an encoder but not yet
 * submitted is not waited for.
 *
 * @param gpuTensor A GPU tensor.
 * @returns A new CPU tensor of its shape and dtype.
 * @throws By rejecting. TypeError where it is no GPU tensor or is disposed; RangeError where its device is lost, with the
 *   device's own reason; Error where the device could not do work of the library since the last operation: a shader
 *   with its numbered source, or the device's words.
 * @example
 * const { data } = await toCPU(hidden);
 */
export async function toCPU(gpuTensor: GPUTensor): Promise<CPUTensor> {
  const t = checkGPUTensor(gpuTensor);
  return t.operations.read(t);
}

/**
 * Frees a tensor that the library made, by `toGPU` or as a result. For a view, or a tensor in a caller's buffer, no
 * buffer is destroyed. Work that has been submitted still completes. From now on the tensor, and every view of it, is
 * refused.
 *
 * @param gpuTensor A GPU tensor. Disposing of it twice does nothing.
 * @throws TypeError where it is no GPU tensor.
 * @example
 * dispose(retained);
 */
export function dispose(gpuTensor: GPUTensor): void {
  const t = isTensor(gpuTensor) ? gpuTensor : checkGPUTensor(gpuTensor);
  // Another copy of the library may have made it, and knows whose its buffer is.
  if (isGPUTensor(t) && t.operations.isDisposed?.(t)) return;
  const { operations } = checkGPUTensor(t);
  operations.release(t);
}

function checkGPUTensor(value: unknown): GPUTensor {
  const t = checkTensor("gpuTensor", value);
  if (!isGPUTensor(t)) wrongType("gpuTensor", "a GPU tensor", value, "a CPU tensor");
  return t;
}

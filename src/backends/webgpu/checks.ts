/** Checks of a caller's GPU arguments. Errors name the argument. */
import { isObject, MAX, wrongType, wrongValue } from "../../check.ts";
import { elementCount } from "../../tensor.ts";
import type { DType, Tensor } from "../../types.ts";
import { type DeviceState, stateOf } from "./device-state.ts";

/** A GPUDevice, recognized by its methods: its Symbol.toStringTag is not there in every runtime. */
export function checkDevice(device: unknown): asserts device is GPUDevice {
  if (!isObject(device) || !("queue" in device && "createBuffer" in device)) {
    wrongType("device", "a GPUDevice", device);
  }
}

/** Throws, with the device's own reason, where it is lost. */
export function checkNotLost({ lost, device }: DeviceState): void {
  if (lost === undefined) return;
  const words = `one lost (${lost.reason ?? "unknown"}): ${lost.message}`;
  wrongValue("device", "a device that is not lost", device, words);
}

/** The state of a device that is not lost. */
export function liveStateOf(device: GPUDevice): DeviceState {
  const state = stateOf(device);
  checkNotLost(state);
  return state;
}

const GPU_DTYPES: readonly DType[] = ["float32", "float16", "bfloat16", "int32", "uint32", "uint8"];

/** Throws unless `dtype` is one that GPUs hold. */
export function checkGPUDType(name: string, dtype: unknown, got: unknown): void {
  if (!GPU_DTYPES.includes(dtype as DType)) wrongType(name, GPU_DTYPES.join(" or "), got);
}

/** Throws where rows can't be counted in 32 bits. */
export function checkRowCount(rows: number): void {
  const most = MAX.uint32 - 1;
  if (rows > most) wrongValue("shape", `at most ${most} rows of a tensor on a GPU`, rows);
}

/** Throws where a row that can't be split does not fit a binding of `budget` bytes. */
export function checkRowBytes(bytes: number, budget: number): void {
  const most = budget - 1024;
  if (bytes > most) {
    wrongValue("shape", `at most ${most} bytes a row of a mask or its indices on this device`, bytes);
  }
}

/** Bytes of indices; throws where no buffer of the device can be that large. */
export function checkIndexBytes(indices: Tensor, { limits: { maxBufferSize } }: GPUDevice): number {
  const bytes = 4 * elementCount(indices.shape);
  if (bytes > maxBufferSize) {
    wrongValue(
      "sortedIndices",
      `at most ${maxBufferSize} bytes of indices on this device`,
      indices,
      `${bytes} bytes`,
    );
  }
  return bytes;
}

/** Checks of a caller's tensors against each other: devices, dtypes, shapes and memory. */
import { isObject, wrongType, wrongValue } from "./check.ts";
import type { GPUCommandEncoder } from "./platform.ts";
import { checkLength, checkSameShape, checkTensor, isGPUTensor, overlap, placeOf, zeros } from "./tensor.ts";
import type { DType, Place, Tensor } from "./types.ts";

/** Throws if two GPU tensors are on different devices. */
export function checkSameDevice(name: string, held: Tensor, to: Tensor): void {
  if (isGPUTensor(held) && isGPUTensor(to) && held.device !== to.device) otherDevice(name, held);
}

/** Throws unless a tensor lives in this place and has this dtype. */
export function checkAlongside(name: string, t: Tensor, place: Place, dtype: DType): void {
  if (isGPUTensor(t) !== (place !== "CPU")) {
    const [wanted, found] = isGPUTensor(t) ? ["CPU", "GPU"] : ["GPU", "CPU"];
    wrongType(name, `a ${wanted} tensor`, t, `a ${found} tensor`);
  }
  if (placeOf(t) !== place) otherDevice(name, t);
  if (t.dtype !== dtype) wrongType(name, `dtype ${dtype}`, t);
}

/** An optional tensor, checked if it is given. */
export function checkOptional(name: string, value: unknown): Tensor | undefined {
  return value === undefined ? undefined : checkTensor(name, value);
}

/** Throws unless CPU tensors still have their memory, now that all of the caller's getters have run. */
export function checkAttached(tensors: Readonly<Record<string, Tensor | undefined>>): void {
  for (const name in tensors) if (tensors[name] !== undefined) checkLength(name, tensors[name]);
}

function otherDevice(name: string, value: unknown): never {
  wrongType(name, "a tensor on the same device", value, "a tensor on another device");
}

/**
 * Where a result goes: a new tensor, or `out`, after checks that it fits the result and overlaps none of `inputs`.
 *
 * @param sizedBy The argument that is named where memory has no room for a new tensor.
 */
export function resultTensor(
  name: string,
  out: Tensor | undefined,
  like: Tensor,
  shape: readonly number[],
  inputs: readonly Tensor[],
  sizedBy?: string,
): Tensor {
  if (out === undefined) {
    return isGPUTensor(like)
      ? like.operations.empty(like.device, shape, like.dtype)
      : zeros(shape, like.dtype, sizedBy, like);
  }
  checkAlongside(name, out, placeOf(like), like.dtype);
  checkResultShape(name, out, shape);
  checkDisjoint(name, out, inputs);
  return out;
}

/** Throws unless a tensor to be written has this shape and, on the GPU, begins at a whole word. */
export function checkResultShape(name: string, t: Tensor, shape: readonly number[]): void {
  checkSameShape(name, t, shape);
  if (isGPUTensor(t) && t.byteOffset % 4 !== 0) {
    wrongValue(name, "a byteOffset that is a multiple of 4 where it is written", t.byteOffset);
  }
}

/** Throws if a tensor to be written shares a byte with one that is read. */
export function checkDisjoint(name: string, written: Tensor, inputs: readonly Tensor[]): void {
  if (inputs.some((input) => overlap(written, input))) {
    wrongValue(name, "memory that no input shares", written, "overlapping memory");
  }
}

/** An `encoder`, which only GPU tensors may have: neither the CPU's nor `others`, a framework's. */
export function checkEncoder(
  encoder: unknown,
  states: Tensor | undefined,
  others = "CPU tensors",
): GPUCommandEncoder | undefined {
  if (encoder === undefined) return undefined;
  if (states === undefined || !isGPUTensor(states)) {
    wrongType("encoder", `no encoder with ${others}`, encoder, "one");
  }
  if (!isObject(encoder) || !("beginComputePass" in encoder)) {
    wrongType("encoder", "a GPUCommandEncoder", encoder);
  }
  return encoder as GPUCommandEncoder;
}

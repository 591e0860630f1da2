import { checkInteger, describe, isArray, isObject, isSameShape, wrongType, wrongValue } from "./check.ts";
import type { CPUTensor, DType, GPUTensor, Place, Tensor, TensorData } from "./types.ts";

/** An array that carries elements. */
interface Carrier {
  new (length: number): TensorData;
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): TensorData;
  readonly name: string;
  readonly BYTES_PER_ELEMENT: number;
}

/** The array that carries each dtype. Compared by name, as `instanceof` fails for arrays from another realm. */
const CARRIERS: Readonly<Record<DType, Carrier>> = {
  float32: Float32Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  float64: Float64Array,
  int32: Int32Array,
  uint32: Uint32Array,
  uint8: Uint8Array,
};

/** Bytes of one element of `dtype`. */
export function elementBytes(dtype: DType): number {
  return CARRIERS[dtype].BYTES_PER_ELEMENT;
}

/** Elements in `shape`. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}

/** A getter of typed arrays themselves, which no subclass and no property of an array can override. */
function getter(key: string | symbol): (this: unknown) => unknown {
  return Reflect.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), key)!.get!;
}

const tagOf = /* @__PURE__ */ getter(Symbol.toStringTag);
const lengthOf = /* @__PURE__ */ getter("length");
const bufferOf = /* @__PURE__ */ getter("buffer");
const offsetOf = /* @__PURE__ */ getter("byteOffset");

/** The name of a typed array's kind ("Float32Array"), or undefined for anything else. */
export function typedArrayTag(value: unknown): string | undefined {
  return tagOf.call(value) as string | undefined;
}

/**
 * A view of the same memory of the built-in class. A caller's array may be of a subclass, whose `subarray` makes
 * whatever its Symbol.species says. Throws if the memory is detached.
 */
function plainView(data: TensorData, carrier: Carrier): TensorData {
  const [buffer, offset, length] = [bufferOf.call(data), offsetOf.call(data), lengthOf.call(data)];
  return new carrier(buffer as ArrayBufferLike, offset as number, length as number);
}

/**
 * Makes a CPU tensor around a typed array. Nothing is copied.
 *
 * @param data Elements in row-major order: as many as `shape` holds.
 * @param shape Length of each dimension, every one at least 1.
 * @param dtype Follows the typed array where that is clear: Float32Array float32, Float64Array float64,
 *   Int32Array int32, Uint32Array uint32, Uint8Array uint8, Float16Array float16. A Uint16Array holds the bits
 *   of "float16" or "bfloat16", and must say which.
 * @throws TypeError where `data` is no such typed array or is detached, `dtype` is missing or does not fit
 *   `data`, or `shape` is no array of numbers; RangeError where `data` does not have as many elements as `shape`.
 * @example
 * const hidden = tensor(new Float32Array(2 * 128 * 64), [2, 128, 64]); // [B,S,C], float32
 */
export function tensor<D extends TensorData>(data: D, shape: readonly number[], dtype?: DType): CPUTensor<D> {
  const tag = typedArrayTag(data);
  if (
    tag === undefined ||
    (tag !== "Float16Array" && !Object.values(CARRIERS).some(({ name }) => name === tag))
  ) {
    wrongType("data", "a typed array that carries a dtype", data, tag && `a ${tag}`);
  }
  if (dtype === undefined) {
    if (tag === "Uint16Array") wrongType("dtype", '"float16" or "bfloat16" for a Uint16Array', dtype);
    dtype = tag.slice(0, -"Array".length).toLowerCase() as DType;
  } else if (typeof dtype !== "string" || !fits(dtype, tag)) {
    wrongType("dtype", `a dtype that a ${tag} carries`, dtype);
  }
  const dimensions = checkShape("shape", shape);
  if (isDetached(data)) wrongType("data", "an attached typed array", data, "a detached one");
  const length = lengthOf.call(data);
  if (elementCount(dimensions) !== length) {
    wrongValue("shape", `dimensions that hold the ${length} elements of "data"`, dimensions);
  }
  return { data, shape: dimensions, dtype };
}

/** The most dimensions of a tensor, as a proxy may claim infinitely many. */
const MOST_DIMENSIONS = 64;

/** A copy of `shape`, each length read once and found to be an integer of at least 1. */
export function checkShape(name: string, shape: unknown): number[] {
  if (!isArray(shape)) wrongType(name, "an array of dimensions", shape);
  const rank = shape.length;
  if (!(rank <= MOST_DIMENSIONS)) wrongValue(name, `at most ${MOST_DIMENSIONS} dimensions`, shape);
  const lengths: number[] = [];
  for (let i = 0; i < rank; i++) lengths.push(checkInteger(name, shape[i], 1, Number.MAX_SAFE_INTEGER));
  return lengths;
}

function isDType(dtype: string): dtype is DType {
  return Object.hasOwn(CARRIERS, dtype);
}

function fits(dtype: string, tag: string): boolean {
  return (isDType(dtype) && CARRIERS[dtype].name === tag) || (dtype === "float16" && tag === "Float16Array");
}

function isDetached(data: TensorData): boolean {
  try {
    plainView(data, Uint8Array);
    return false;
  } catch {
    return true;
  }
}

/** Whether a tensor lives in a WebGPU buffer. */
export function isGPUTensor(value: Tensor): value is GPUTensor {
  const { data, operations } = value as Partial<CPUTensor & GPUTensor>;
  return data === undefined && operations !== undefined;
}

/** Where a tensor lives. */
export function placeOf(t: Tensor): Place {
  return isGPUTensor(t) ? t.device : "CPU";
}

/**
 * Whether `value` has a member that holds elements. Shape and dtype prove nothing: other frameworks' tensors have them.
 */
export function isTensor(value: unknown): value is Tensor {
  if (!isObject(value)) return false;
  const { data, operations, buffer } = value as Partial<CPUTensor & GPUTensor>;
  return data === undefined ? Boolean(operations && buffer) : typedArrayTag(data) !== undefined;
}

/**
 * A tensor in either memory, all of it checked: callers may have built the object themselves, or detached its memory
 * since. A CPU tensor is returned as it was read, with a plain view of the same memory, because getters may return
 * something else the next time. The values in that memory may change until everything that the caller gave has been
 * read, so read values only then.
 */
export function checkTensor(name: string, value: unknown): Tensor {
  if (!isObject(value)) wrongType(name, "a tensor", value);
  const { data, shape, dtype, operations, buffer } = value as Partial<CPUTensor & GPUTensor>;
  const tag = typedArrayTag(data);
  if (tag === undefined && (data !== undefined || !operations || !buffer)) {
    // A tensor of TF.js or jax-js, for example, which the message would otherwise describe like one of ours.
    const foreign = isArray(shape) && (data === undefined || typeof data === "function");
    wrongType(
      name,
      "a tensor",
      value,
      foreign ? "another library's; tensor(data, shape) makes one" : undefined,
    );
  }
  if (typeof dtype !== "string" || !isDType(dtype)) wrongType(name, "a tensor with a dtype", value);
  if (!isArray(shape)) wrongType(name, "a tensor with a shape", value);
  if (tag === undefined) {
    operations?.check?.(name, value as GPUTensor);
    return value as GPUTensor;
  }
  if (!fits(dtype, tag)) wrongType(name, `a tensor whose data carry ${dtype}`, value, `a ${tag}`);
  const lengths = checkShape(name, shape); // no getter is called after this
  const t: CPUTensor = { data: viewOf(name, data!, dtype, tag), shape: lengths, dtype };
  checkLength(name, t);
  return t;
}

function viewOf(name: string, data: TensorData, dtype: DType, tag: string): TensorData {
  try {
    return plainView(data, (tag === "Float16Array" && float16Array()) || CARRIERS[dtype]);
  } catch {
    return wrongType(name, "a tensor whose data are attached", data, "a detached one");
  }
}

/** The class of Float16Arrays, where this runtime has one. */
function float16Array(): Carrier | undefined {
  return (globalThis as { Float16Array?: Carrier }).Float16Array;
}

/**
 * Throws unless a CPU tensor still has its elements: a getter that ran after it was read may have detached its memory.
 */
export function checkLength(name: string, t: Tensor): void {
  if (isGPUTensor(t) || t.data.length === elementCount(t.shape)) return;
  wrongValue(name, `as many elements as its shape [${t.shape}] holds`, t, `${t.data.length}`);
}

/** A tensor in CPU memory. */
export function checkCPUTensor(name: string, value: unknown): CPUTensor {
  const checked = checkTensor(name, value);
  if (isGPUTensor(checked)) wrongType(name, "a CPU tensor", value, `a GPU tensor, ${describe(value)}`);
  return checked;
}

/** A tensor whose values are checked before they are used. Shared memory is copied, as it may change in between. */
export function settled<T extends Tensor>(t: T): T {
  if (isGPUTensor(t) || t.data.buffer instanceof ArrayBuffer) return t;
  const data = new CARRIERS[t.dtype](t.data.length);
  data.set(t.data);
  return { ...t, data };
}

/** Throws unless `t` is of one of `dtypes`. */
export function checkDType(name: string, t: Tensor, dtypes: readonly DType[]): void {
  if (!dtypes.includes(t.dtype)) wrongType(name, dtypes.join(" or "), t);
}

/** Throws unless `t` has just this shape. */
export function checkSameShape(name: string, t: Tensor, shape: readonly number[]): void {
  if (!isSameShape(t.shape, shape)) wrongValue(name, `shape [${shape}]`, t);
}

/**
 * A new CPU tensor of zeros; where memory has no room for it, the RangeError names `name`. Of float16, in a
 * Float16Array where `like` is in one.
 */
export function zeros(shape: readonly number[], dtype: DType, name = "shape", like?: CPUTensor): CPUTensor {
  try {
    const half = dtype === "float16" && typedArrayTag(like?.data) === "Float16Array";
    const Carrier = (half && float16Array()) || CARRIERS[dtype];
    const made = { data: new Carrier(elementCount(shape)), shape, dtype };
    bytesOf(made); // engines make longer arrays of floats than of bytes
    return made;
  } catch {
    return wrongValue(name, "a result that memory holds", { shape, dtype });
  }
}

/** The bytes of a CPU tensor. Moving bytes keeps every NaN's payload, which moving floats may not. */
export function bytesOf(t: CPUTensor): Uint8Array {
  return new Uint8Array(t.data.buffer, t.data.byteOffset, t.data.byteLength);
}

/** Whether two tensors share a byte. */
export function overlap(a: Tensor, b: Tensor): boolean {
  const [x, y] = [extent(a), extent(b)];
  return x.memory === y.memory && x.start < y.end && y.start < x.end;
}

/** Whether two tensors are the very same bytes. */
export function sameMemory(a: Tensor, b: Tensor): boolean {
  const [x, y] = [extent(a), extent(b)];
  return x.memory === y.memory && x.start === y.start && x.end === y.end;
}

function extent(t: Tensor): { memory: unknown; start: number; end: number } {
  const [memory, start] = isGPUTensor(t) ? [t.buffer, t.byteOffset] : [t.data.buffer, t.data.byteOffset];
  return { memory, start, end: start + elementCount(t.shape) * elementBytes(t.dtype) };
}

/**
 * One layer of the indices of several: a view, no copy, on the CPU and on the GPU.
 *
 * @param sampledIndices int32 `[L,B,K]`, as `gptSampleTokens` gives them.
 * @param l The layer, counted from 0 among the `L` at hand.
 * @returns int32 `[B,K]`, sharing the memory of `sampledIndices`.
 * @throws TypeError where `sampledIndices` is no int32 tensor; RangeError where it has not rank 3 or has no layer `l`.
 * @example
 * const indices = layerOf(sampledIndices, 0);
 */
export function layerOf<T extends Tensor>(sampledIndices: T, l: number): T {
  const t = checkTensor("sampledIndices", sampledIndices);
  checkDType("sampledIndices", t, ["int32"]);
  if (t.shape.length !== 3) wrongValue("sampledIndices", "shape [L,B,K]", t);
  const [layers, batch, retained] = t.shape;
  checkInteger("l", l, 0, layers - 1);
  const shape = [batch, retained];
  const n = batch * retained;
  if (isGPUTensor(t)) return t.operations.view(t, t.byteOffset + l * n * 4, shape) as GPUTensor as T;
  const data = new Int32Array(t.data.buffer, t.data.byteOffset + l * n * 4, n);
  return { data, shape, dtype: t.dtype } as CPUTensor as T;
}

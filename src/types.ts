/**
 * What a tensor is, and what a backend must do. Operations check every argument before they call a backend, which
 * trusts what it gets. Letters as in docs/contract.md: B batch rows, S sequence length, K retained length, C channels,
 * L layers, H heads.
 */
import type { GPUBuffer, GPUCommandEncoder, GPUDevice } from "./platform.ts";

/** Element types. float16 and bfloat16 are carried as bits, in a Uint16Array. */
export type DType = "float32" | "float16" | "bfloat16" | "float64" | "int32" | "uint32" | "uint8";

/** A Float16Array, where TypeScript's library knows of it (`lib` of "esnext.float16"). */
export type Float16Data = typeof globalThis extends { Float16Array: { prototype: infer F } } ? F : never;

/** The typed arrays that a CPU tensor may hold. A Float16Array is taken where the runtime has one. */
export type TensorData =
  | Float32Array
  | Float64Array
  | Int32Array
  | Uint32Array
  | Uint16Array
  | Uint8Array
  | Float16Data;

/** A dense row-major array in CPU memory: a typed array, its shape and what its elements are. */
export interface CPUTensor<D extends TensorData = TensorData> {
  /** Elements in row-major order, as many as `shape` holds. */
  readonly data: D;
  /** Length of each dimension, at least 1. */
  readonly shape: readonly number[];
  /** What the elements are. */
  readonly dtype: DType;
}

/** A dense row-major array in a WebGPU buffer, from `byteOffset` (bytes) on. Made by `toGPU` and `gpuTensor`. */
export interface GPUTensor {
  /** Where the elements lie. */
  readonly buffer: GPUBuffer;
  /** Bytes before the first element: a multiple of the element size, and of 4 where the tensor is written. */
  readonly byteOffset: number;
  /** Length of each dimension, at least 1. */
  readonly shape: readonly number[];
  /** What the elements are. */
  readonly dtype: DType;
  /** The device of `buffer`. */
  readonly device: GPUDevice;
  /** The operations on this tensor. They come with the tensor, so code without GPU tensors bundles no shader. */
  readonly operations: GPUOperations;
}

/** A tensor in either memory. Operations run where it lives, and return tensors there. */
export type Tensor = CPUTensor | GPUTensor;

/** Positions, int32, in either memory. */
export type IndexTensor = CPUTensor<Int32Array> | GPUTensor;

/** Where a tensor lives: in CPU memory, or on a device. */
export type Place = "CPU" | GPUDevice;

/** Gives the operations on rows of tokens in CPU memory, or throws an error that names the caller's argument. */
export type CPUTokens = (name: string, states: CPUTensor) => TokenOperations<CPUTensor>;

/** Gives the operations on masks in CPU memory, or throws an error that names the caller's argument. */
export type CPUMasks = (name: string, mask: CPUTensor) => CPUMaskOperations;

/** One call of the sampling rule. */
export interface SampleRequest {
  readonly layers: number;
  readonly batchSize: number;
  readonly seqLength: number;
  readonly reservedLength: number;
  /** The seed's words, the step, and where layers and rows are counted from: all unsigned 32-bit. */
  readonly seed: { readonly low: number; readonly high: number };
  readonly step: number;
  readonly layerOffset: number;
  readonly batchOffset: number;
  /** Positions below this are forced: class 0. */
  readonly keepPrefix: number;
  /** [B,S] of 0 and 1: 1 is a token to keep. */
  readonly keepMask: Uint8Array | undefined;
  /** [B,S] of 0 and 1: 0 is padding. */
  readonly paddingMask: Uint8Array | undefined;
}

/** Drawing positions, on the CPU. */
export interface SamplingBackend {
  /**
   * Draws [L,B,K] by sampling rule 1.
   *
   * @param zeros Makes the memory for it, where the backend has none that is better.
   * @returns It, or the first row with more forced tokens than K.
   */
  sample(request: SampleRequest, zeros: () => Int32Array): Int32Array | number;
}

/** Sorting positions, on the CPU. */
export interface SortingBackend {
  /**
   * Sorts each row of `rows x retained` distinct positions below `seqLength`.
   * @returns The first place in `positions` that is out of range or repeats one of its row, or -1.
   */
  sort(out: Int32Array, positions: Int32Array, rows: number, retained: number, seqLength: number): number;
}

/** How a mask `[Bm,H,Q,S]` lies in memory: Bm is 1 or B, and Q is 1 or S. */
export interface MaskGeometry {
  readonly maskBatch: number;
  readonly heads: number;
  readonly query: number;
  readonly seq: number;
  readonly retained: number;
  readonly elementBytes: number;
}

/** How rows of tokens lie in memory: `[B,S,C]` where `batchFirst`, else `[S,B,C]`; a row is C elements. */
export interface RowGeometry {
  readonly batch: number;
  readonly seq: number;
  readonly retained: number;
  readonly rowBytes: number;
  readonly batchFirst: boolean;
}

/** Operations on masks that are tensors `T`. There is an `encoder` only with GPU tensors. */
export interface MaskOperations<T extends Tensor> {
  /** out `[L,B,H,Qk,K]` from `[Bm,H,Q,S]` and indices `[L,B,K]`, where Qk is K, or 1 where Q is 1. */
  maskGather(
    out: T,
    mask: T,
    indices: Tensor,
    g: MaskGeometry & { readonly layers: number; readonly batch: number },
    encoder?: GPUCommandEncoder,
  ): void;
  /** out `[Bm,H,Qk,K]`, the top-left corner. */
  maskSlice(out: T, mask: T, g: MaskGeometry, encoder?: GPUCommandEncoder): void;
}

/** Operations on masks in CPU memory, whose values can be read. */
export interface CPUMaskOperations extends MaskOperations<CPUTensor> {
  /**
   * Whether every entry depends only on the sign of j - i, alike in all rows and heads, by bits.
   * @returns The first place that differs, or -1.
   */
  firstNotBySign(mask: CPUTensor, g: MaskGeometry): number;
}

/** Operations on rows of tokens in tensors `T`. There is an `encoder` only with GPU tensors. */
export interface TokenOperations<T extends Tensor> {
  /** out `[B,K,C]` = rows of x `[B,S,C]`. */
  gather(out: T, x: T, indices: Tensor, g: RowGeometry, encoder?: GPUCommandEncoder): void;
  /** out `[B,S,C]` = zeros, with rows of grad `[B,K,C]` put in. Where `fresh`, out holds zeros already. */
  scatterZeros(
    out: T,
    grad: T,
    indices: Tensor,
    g: RowGeometry,
    encoder?: GPUCommandEncoder,
    fresh?: boolean,
  ): void;
  /** into `[B,S,C]` += rows of grad `[B,K,C]`; float32, and float64 on the CPU. */
  accumulate(into: T, grad: T, indices: Tensor, g: RowGeometry, encoder?: GPUCommandEncoder): void;
  /** out `[B,S,C]` = all, with rows of part `[B,K,C]` put in. `out` may be the memory of `all`. */
  scatter(out: T, all: T, part: T, indices: Tensor, g: RowGeometry, encoder?: GPUCommandEncoder): void;
  /** out `[B,S,C]` = grad with the retained rows zeroed. `out` may be the memory of `grad`. */
  zeroRows(out: T, grad: T, indices: Tensor, g: RowGeometry, encoder?: GPUCommandEncoder): void;
}

/** All operations that a GPU tensor carries. */
export interface GPUOperations extends MaskOperations<GPUTensor>, TokenOperations<GPUTensor> {
  /** Throws an error that names `name` unless the tensor lies in its buffer, as callers may have built the object. */
  check(name: string, t: GPUTensor): void;
  /** A new tensor on the device; its contents are undefined until written. */
  empty(device: GPUDevice, shape: readonly number[], dtype: DType): GPUTensor;
  /** A tensor over the memory of another. */
  view(t: GPUTensor, byteOffset: number, shape: readonly number[]): GPUTensor;
  /** Whether the tensor, or what it is a view of, or everything in its buffer was disposed. */
  isDisposed(t: GPUTensor): boolean;
  /** Disposes of a tensor and its views, and, where it owns its buffer, of everything in that buffer. */
  release(t: GPUTensor): void;
  /** A copy in CPU memory, once all work submitted so far is done. */
  read(t: GPUTensor): Promise<CPUTensor>;
}

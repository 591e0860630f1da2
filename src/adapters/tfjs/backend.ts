/** What the kernels ask of a backend. */
import type { TensorInfo } from "@tensorflow/tfjs-core";
import type { Geometry } from "./geometry.ts";

/** The rows of a backend. All its tensors are new ones. */
export interface RowKernels {
  /** `part` of `all`. */
  gather(backend: object, all: TensorInfo, indices: TensorInfo, map: TensorInfo, g: Geometry): TensorInfo;
  /** `part` among `base`, or among zeros. */
  scatter(
    backend: object,
    base: TensorInfo | undefined,
    part: TensorInfo,
    indices: TensorInfo,
    map: TensorInfo,
    g: Geometry,
  ): TensorInfo;
  /** `base` with zeros in its retained rows. */
  zeroRows(backend: object, base: TensorInfo, indices: TensorInfo, map: TensorInfo, g: Geometry): TensorInfo;
  /**
   * What these kernels need beside the indices, made from them once for all kernels: int32, passed on as `map`. Missing
   * if they need nothing; then `map` is the indices.
   */
  mapOf?(
    data: Int32Array,
    batch: number,
    retained: number,
    seq: number,
  ): { data: Int32Array; shape: number[] };
  /** The same from indices that can't be read. */
  invert?(backend: object, indices: TensorInfo, seq: number): TensorInfo;
  /** The indices themselves, where they can be read at no cost. */
  read?(backend: object, indices: TensorInfo): Int32Array;
}

/** Another tensor over the memory of `x`: every backend counts its references so. */
export function aliasOf(backend: object, { dataId, shape, dtype }: TensorInfo): TensorInfo {
  (backend as { incRef(dataId: object): void }).incRef(dataId);
  return { dataId, shape, dtype };
}

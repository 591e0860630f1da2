/** Rows of tokens on TF.js's wasm backend: within its heap. */
import { type DataType, getKernel, type TensorInfo } from "@tensorflow/tfjs-core";
import type { RowKernels } from "./backend.ts";
import { type Geometry, sizeOf } from "./geometry.ts";
import { gatherRows, putRows, type Span, zeroRows } from "./rows.ts";

/** `BackendWasm`, as far as it is used. */
interface WasmBackend {
  makeOutput(shape: number[], dtype: DataType): TensorInfo;
  disposeData(dataId: object): boolean;
  typedArrayFromHeap(t: TensorInfo): Float32Array | Int32Array | Uint8Array;
}

const heapOf = (backend: object, t: TensorInfo) => (backend as WasmBackend).typedArrayFromHeap(t);

/** The tensors over one array of the whole heap, so that rows move by `copyWithin`, which makes no objects. */
function spans(backend: object, tensors: TensorInfo[]): Span[] {
  const views = tensors.map((t) => heapOf(backend, t));
  const { buffer, BYTES_PER_ELEMENT } = views[0];
  const array = views[0] instanceof Uint8Array ? new Uint8Array(buffer) : new Int32Array(buffer);
  return views.map((view) => ({ array, start: view.byteOffset / BYTES_PER_ELEMENT }));
}

/** New memory comes first: making it may grow the heap, which detaches every array over it. */
function output(backend: object, shape: number[], dtype: DataType): TensorInfo {
  return (backend as WasmBackend).makeOutput(shape, dtype);
}

/** Numbers in a row up to which TF.js's own code scatters faster than a loop here, by 1.3 to 1.7 times. */
const SHORT = 64;

/**
 * Whole rows by one call into TF.js's own code, whose kernels take them as `[rows,row]` and their numbers as `[n,1]`.
 * Undefined where it has no such kernel, or the rows of a batch don't lie together.
 */
function native(
  backend: object,
  kernelName: "GatherNd" | "TensorScatterUpdate",
  rows: Record<string, TensorInfo>,
  indices: TensorInfo,
  g: Geometry,
): TensorInfo | undefined {
  const kernel = getKernel(kernelName, "wasm");
  if (kernel === undefined || !g.batchFirst || g.groups > 1 || g.shared) return undefined;
  const at = output(backend, [g.batch * g.kept, 1], "int32");
  const [numbers, positions] = [heapOf(backend, at), heapOf(backend, indices)];
  for (let b = 0, i = 0; b < g.batch; b++) {
    for (const end = i + g.kept; i < end; i++) numbers[i] = b * g.seq + positions[i];
  }
  const inputs: Record<string, TensorInfo> = { indices: at };
  for (const [name, { dataId, shape, dtype }] of Object.entries(rows)) {
    inputs[name] = { dataId, shape: [sizeOf(shape) / g.row, g.row], dtype };
  }
  const out = kernel.kernelFunc({ inputs, backend, attrs: {} }) as TensorInfo;
  (backend as WasmBackend).disposeData(at.dataId);
  return out;
}

/** `part` among `base`, if that is native and the rows are short. */
function update(
  backend: object,
  base: TensorInfo,
  part: TensorInfo,
  indices: TensorInfo,
  g: Geometry,
): TensorInfo | undefined {
  if (g.row > SHORT) return undefined;
  const out = native(backend, "TensorScatterUpdate", { tensor: base, updates: part }, indices, g);
  return out && { dataId: out.dataId, shape: g.allShape, dtype: part.dtype };
}

function zeros(backend: object, shape: number[], dtype: DataType): TensorInfo {
  const out = output(backend, shape, dtype);
  heapOf(backend, out).fill(0);
  return out;
}

/** What `fn` makes of a tensor that is then freed. */
function freeing<T>(backend: object, t: TensorInfo, fn: (t: TensorInfo) => T): T {
  const result = fn(t);
  (backend as WasmBackend).disposeData(t.dataId);
  return result;
}

export const wasmRows: RowKernels = {
  gather(backend, all, indices, _, g) {
    const found = native(backend, "GatherNd", { params: all }, indices, g);
    if (found) return { dataId: found.dataId, shape: g.partShape, dtype: all.dtype };
    const out = output(backend, g.partShape, all.dtype);
    const [to, from] = spans(backend, [out, all]);
    gatherRows(to, from, heapOf(backend, indices) as Int32Array, g);
    return out;
  },

  scatter(backend, base, part, indices, _, g) {
    const found = base && update(backend, base, part, indices, g);
    if (found) return found;
    const out = base ? output(backend, g.allShape, part.dtype) : zeros(backend, g.allShape, part.dtype);
    if (base) heapOf(backend, out).set(heapOf(backend, base));
    const [to, from] = spans(backend, [out, part]);
    putRows(to, from, heapOf(backend, indices) as Int32Array, g);
    return out;
  },

  zeroRows(backend, base, indices, _, g) {
    const found =
      g.row <= SHORT &&
      freeing(backend, zeros(backend, g.partShape, base.dtype), (part) =>
        update(backend, base, part, indices, g),
      );
    if (found) return found;
    const out = output(backend, g.allShape, base.dtype);
    heapOf(backend, out).set(heapOf(backend, base));
    const [to] = spans(backend, [out]);
    zeroRows(to, heapOf(backend, indices) as Int32Array, g);
    return out;
  },

  read: (backend, indices) => heapOf(backend, indices) as Int32Array,
};

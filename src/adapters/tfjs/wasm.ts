/** Rows of tokens on TF.js's wasm backend: within its heap. */
import { type DataType, getKernel, type TensorInfo } from "@tensorflow/tfjs-core";
import type { RowKernels } from "./backend.ts";
import { type Geometry, sizeOf } from "./geometry.ts";
import { gatherRows, putRows, type Span, zeroRows } from "./rows.ts";

/** `BackendWasm`, as far as it is used. */
interface WasmBackend {
  makeOutput(shape: number[], dtype: DataType): TensorInfo;
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

/** `[rows,row]`, as TF.js's own kernels of rows take it. */
const asRows = (t: TensorInfo, g: Geometry): TensorInfo => {
  return { dataId: t.dataId, shape: [sizeOf(t.shape) / g.row, g.row], dtype: t.dtype };
};

export const wasmRows: RowKernels = {
  mapOf(data, batch, kept, seq) {
    const rows = new Int32Array(batch * kept);
    for (let i = 0; i < rows.length; i++) rows[i] = Math.floor(i / kept) * seq + data[i];
    return { data: rows, shape: [batch * kept, 1] };
  },

  gather(backend, all, indices, map, g) {
    // One call into TF.js's own code, which copies whole rows: 0.8 of the time of a loop here, a third for short rows.
    const native = getKernel("GatherNd", "wasm");
    if (native !== undefined && g.batchFirst && g.groups === 1 && !g.shared) {
      const inputs = { params: asRows(all, g), indices: map };
      const out = native.kernelFunc({ inputs, backend }) as TensorInfo;
      return { dataId: out.dataId, shape: g.partShape, dtype: all.dtype };
    }
    const out = output(backend, g.partShape, all.dtype);
    const [to, from] = spans(backend, [out, all]);
    gatherRows(to, from, heapOf(backend, indices) as Int32Array, g);
    return out;
  },

  scatter(backend, base, part, indices, _, g) {
    const out = output(backend, g.allShape, part.dtype);
    if (base) heapOf(backend, out).set(heapOf(backend, base));
    else heapOf(backend, out).fill(0);
    const [to, from] = spans(backend, [out, part]);
    putRows(to, from, heapOf(backend, indices) as Int32Array, g);
    return out;
  },

  zeroRows(backend, base, indices, _, g) {
    const out = output(backend, g.allShape, base.dtype);
    heapOf(backend, out).set(heapOf(backend, base));
    const [to] = spans(backend, [out]);
    zeroRows(to, heapOf(backend, indices) as Int32Array, g);
    return out;
  },

  read: (backend, indices) => heapOf(backend, indices) as Int32Array,
};

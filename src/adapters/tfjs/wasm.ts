/** Rows of tokens on TF.js's wasm backend: within its heap. */
import type { DataType, TensorInfo } from "@tensorflow/tfjs-core";
import type { RowKernels } from "./backend.ts";
import { type Geometry, sizeOf } from "./geometry.ts";
import { type Emscripten, heapIn } from "./heap-rows.ts";
import { gatherRows, putRows, type Span, zeroRows } from "./rows.ts";

/** `BackendWasm`, as far as it is used. */
interface WasmBackend {
  readonly wasm: Emscripten & { readonly HEAPU8: Uint8Array };
  makeOutput(shape: number[], dtype: DataType): TensorInfo;
  getMemoryOffset(dataId: object): number;
  typedArrayFromHeap(t: TensorInfo): Float32Array | Int32Array | Uint8Array;
}

const bytesOf = (dtype: DataType) => (dtype === "bool" ? 1 : 4);

/**
 * Where a tensor lies. All addresses are asked for before any array is made over the heap: a new tensor, or one that
 * comes from another backend, may let it grow, which detaches such arrays.
 */
const addressOf = (backend: object, t: TensorInfo) => (backend as WasmBackend).getMemoryOffset(t.dataId);

/** Addresses within one array of the whole heap, so that rows move by `copyWithin`, which makes no objects. */
function spansOf(backend: object, dtype: DataType, addresses: number[]): Span[] {
  const { buffer } = (backend as WasmBackend).wasm.HEAPU8;
  const array = dtype === "bool" ? new Uint8Array(buffer) : new Int32Array(buffer);
  return addresses.map((address) => ({ array, start: address / bytesOf(dtype) }));
}

function positionsAt(backend: object, address: number, g: Geometry): Int32Array {
  return new Int32Array((backend as WasmBackend).wasm.HEAPU8.buffer, address, g.batch * g.retained);
}

function gather(backend: object, all: TensorInfo, indices: TensorInfo, g: Geometry): TensorInfo {
  const made = (backend as WasmBackend).makeOutput(g.partShape, all.dtype);
  const [out, from, at] = [addressOf(backend, made), addressOf(backend, all), addressOf(backend, indices)];
  const { batch, groups, seq, retained, batchFirst, shared } = g;
  const heap = heapIn((backend as WasmBackend).wasm);
  if (heap) {
    const bytes = g.row * bytesOf(all.dtype);
    heap.gather(out, from, at, batch, groups, seq, retained, bytes, Number(batchFirst), Number(shared));
  } else {
    const [part, whole] = spansOf(backend, all.dtype, [out, from]);
    gatherRows(part, whole, positionsAt(backend, at, g), g);
  }
  return made;
}

/** `part`, or zeros, among `base`, or zeros. */
function scatter(
  backend: object,
  base: TensorInfo | undefined,
  part: TensorInfo | undefined,
  indices: TensorInfo,
  g: Geometry,
): TensorInfo {
  const { dtype } = (base ?? part)!;
  const made = (backend as WasmBackend).makeOutput(g.allShape, dtype);
  const [out, at] = [addressOf(backend, made), addressOf(backend, indices)];
  const [others, rows] = [base ? addressOf(backend, base) : 0, part ? addressOf(backend, part) : 0];
  const heap = heapIn((backend as WasmBackend).wasm);
  if (heap) {
    const { batch, groups, seq, retained, batchFirst } = g;
    const bytes = g.row * bytesOf(dtype);
    heap.scatter(out, others, rows, at, batch, groups, seq, retained, bytes, Number(batchFirst));
    return made;
  }
  const [all, from, partRows] = spansOf(backend, dtype, [out, others, rows]);
  const n = sizeOf(g.allShape);
  if (base) all.array.copyWithin(all.start, from.start, from.start + n);
  else all.array.fill(0, all.start, all.start + n);
  const positions = positionsAt(backend, at, g);
  if (part) putRows(all, partRows, positions, g);
  else zeroRows(all, positions, g);
  return made;
}

export const wasmRows: RowKernels = {
  gather: (backend, all, indices, _, g) => gather(backend, all, indices, g),
  scatter: (backend, base, part, indices, _, g) => scatter(backend, base, part, indices, g),
  zeroRows: (backend, base, indices, _, g) => scatter(backend, base, undefined, indices, g),
  read: (backend, indices) => (backend as WasmBackend).typedArrayFromHeap(indices) as Int32Array,
};

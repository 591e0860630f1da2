/** Rows of tokens on TF.js's cpu backend: between its typed arrays. */
import type { DataType, TensorInfo } from "@tensorflow/tfjs-core";
import type { RowKernels } from "./backend.ts";
import { sizeOf } from "./geometry.ts";
import { gatherRows, putRows, type Span, zeroRows } from "./rows.ts";

type Values = Float32Array | Int32Array | Uint8Array;

/** `MathBackendCPU`, as far as it is used. */
interface CPUBackend {
  data: { get(dataId: object): { values: Values } };
  makeTensorInfo(shape: number[], dtype: DataType, values: Values): TensorInfo;
}

const valuesOf = (backend: object, t: TensorInfo) => (backend as CPUBackend).data.get(t.dataId).values;

function span(values: Values): Span {
  const { buffer, byteOffset, length } = values;
  return {
    array: values instanceof Uint8Array ? values : new Int32Array(buffer, byteOffset, length),
    start: 0,
  };
}

function zeros(dtype: DataType, n: number): Values {
  return dtype === "bool" ? new Uint8Array(n) : dtype === "int32" ? new Int32Array(n) : new Float32Array(n);
}

function made(backend: object, values: Values, shape: number[], dtype: DataType): TensorInfo {
  return (backend as CPUBackend).makeTensorInfo(shape, dtype, values);
}

export const cpuRows: RowKernels = {
  gather(backend, all, indices, _, g) {
    const out = zeros(all.dtype, sizeOf(g.partShape));
    gatherRows(span(out), span(valuesOf(backend, all)), valuesOf(backend, indices) as Int32Array, g);
    return made(backend, out, g.partShape, all.dtype);
  },

  scatter(backend, base, part, indices, _, g) {
    const out = base ? valuesOf(backend, base).slice() : zeros(part.dtype, sizeOf(g.allShape));
    putRows(span(out), span(valuesOf(backend, part)), valuesOf(backend, indices) as Int32Array, g);
    return made(backend, out, g.allShape, part.dtype);
  },

  zeroRows(backend, base, indices, _, g) {
    const out = valuesOf(backend, base).slice();
    zeroRows(span(out), valuesOf(backend, indices) as Int32Array, g);
    return made(backend, out, g.allShape, base.dtype);
  },

  read: (backend, indices) => valuesOf(backend, indices) as Int32Array,
};

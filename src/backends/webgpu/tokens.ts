/** Rows of tokens on the GPU. Shapes and units: gpu/rows.wgsl. */
import type { GPUTensor, Tensor } from "../../tensor.ts";
import type { RowGeometry, TokenOperations } from "../backend.ts";
import type { Operand } from "./bindings.ts";
import { Call, type IndexWindow } from "./call.ts";
import type { BufferName, KernelName } from "./kernels.ts";
import { rowParams } from "./params.ts";
import { type Columns, columnCuts, rowWindows, type Window, windowBytes } from "./windows.ts";

/** Rows of a window whose map of a word a row is the largest: 16 MiB. */
const MAP_ROWS = 4 * 1024 * 1024;

/** Bytes that a lane moves at once: 16 or 4 where every row begins at a multiple of it, else 0, byte by byte. */
function unitBytes(rowBytes: number, tensors: readonly GPUTensor[]): 0 | 4 | 16 {
  const fits = (unit: number) => rowBytes % unit === 0 && tensors.every((t) => t.byteOffset % unit === 0);
  return fits(16) ? 16 : fits(4) ? 4 : 0;
}

function operand(name: BufferName, t: GPUTensor, g: RowGeometry, window: Window, columns: Columns): Operand {
  return { name, buffer: t.buffer, ...windowBytes(t.byteOffset, g.rowBytes, window, columns) };
}

/** A dispatch's own numbers, beside the geometry. */
interface Part {
  readonly rows: number;
  readonly dst: Window;
  readonly src: Window;
  readonly columns: Columns;
  /** Where the kernel reads indices. */
  readonly at?: IndexWindow;
  readonly keep?: boolean;
}

/** The words of Params. `unit` is 1 where rows are counted in bytes. */
function tokenParams(
  call: Call,
  g: RowGeometry,
  unit: number,
  lanes: number,
  { rows, dst, src, columns, at, keep = false }: Part,
  shift: (name: BufferName) => number,
): number[] {
  const { batch, seq, kept, batchFirst } = g;
  const layout = batchFirst
    ? { inner: kept, idxOuter: kept, idxRest: 1, allOuter: seq, allStep: 1 }
    : { inner: batch, idxOuter: 1, idxRest: kept, allRest: 1, allStep: batch };
  return rowParams({
    ...layout,
    rows,
    row: columns.bytes / unit,
    tile: call.tile(lanes, rows),
    seq,
    dstFirst: dst.first,
    dstRows: dst.rows,
    dstShift: shift("dst") / unit,
    srcFirst: src.first,
    srcRows: src.rows,
    srcShift: shift("src") / unit,
    baseShift: shift("base") / unit,
    idxFirst: at?.first,
    idxCount: at?.count,
    idxShift: shift("idx") / 4,
    keep: Number(keep),
  });
}

/** Units across a row; where bytes are moved, the words that lie within it. */
function lanesAcross(bytes: number, unit: number): number {
  return Math.max(1, Math.floor(bytes / (unit || 4)));
}

/** Goes over the windows of dst, within the cuts of a row. */
function eachWindow(
  call: Call,
  rows: number,
  rowBytes: number,
  maxRows: number | undefined,
  visit: (dst: Window, columns: Columns) => void,
): void {
  for (const columns of columnCuts(rowBytes, call.budget)) {
    const whole = columns.bytes === rowBytes;
    for (const dst of rowWindows(rows, rowBytes, call.budget, whole ? maxRows : 1)) visit(dst, columns);
  }
}

function sourceWindows(call: Call, rows: number, rowBytes: number, columns: Columns): Window[] {
  return rowWindows(rows, rowBytes, call.budget, columns.bytes === rowBytes ? undefined : 1);
}

/** A map from the rows of a window to the retained ones; clear of what shares buffers, as it is the library's own. */
function invert(call: Call, idx: Operand, g: RowGeometry, dst: Window): Operand {
  const buffer = call.zeroed("map", dst.rows * 4);
  const rows = g.batch * g.kept;
  for (const at of call.indexWindows(idx)) {
    call.dispatch({
      kernel: "invert",
      variant: { unitBytes: 4 },
      operands: [at.operand, { name: "dst", buffer, start: 0, end: dst.rows * 4 }],
      params: (shift) => {
        const part = { rows, dst, src: { first: 0, rows }, columns: { start: 0, bytes: 4 }, at };
        return tokenParams(call, g, 4, 1, part, shift);
      },
      groups: () => call.flatGroups(rows),
    });
  }
  return { name: "map", buffer, start: 0, end: dst.rows * 4 };
}

/** Rows among all, written in place: scatter, zero, accumulate. */
function inPlace(
  kernel: "scatter" | "zero" | "accumulate",
  into: GPUTensor,
  part: GPUTensor | undefined,
  indices: Tensor,
  g: RowGeometry,
  encoder: GPUCommandEncoder | undefined,
): void {
  const tensors = part === undefined ? [into] : [into, part];
  const call = new Call(into.device, encoder, into, [...tensors.slice(1), indices]);
  call.checkRows(g.batch * g.seq);
  const idx = call.indices("sortedIndices", indices, into);
  const unit = unitBytes(g.rowBytes, tensors);
  const retained = g.batch * g.kept;
  const name: KernelName = unit === 0 ? (`${kernel as "scatter" | "zero"}Bytes` as const) : kernel;
  eachWindow(call, g.batch * g.seq, g.rowBytes, unit === 0 ? MAP_ROWS : undefined, (dst, columns) => {
    const map = unit === 0 ? [invert(call, idx, g, dst)] : [];
    const windows = part
      ? sourceWindows(call, retained, g.rowBytes, columns)
      : [{ first: 0, rows: retained }];
    for (const src of windows) {
      // Where words are shared, the row that owns one may lie in another window, so each goes over all rows.
      const rows = unit === 0 ? retained : src.rows;
      const lanes = lanesAcross(columns.bytes, unit);
      for (const at of call.indexWindows(idx)) {
        call.dispatch({
          kernel: name,
          variant: { unitBytes: unit || 4 },
          operands: [
            operand("dst", into, g, dst, columns),
            at.operand,
            ...map,
            ...(part ? [operand("src", part, g, src, columns)] : []),
          ],
          params: (shift) => tokenParams(call, g, unit || 1, lanes, { rows, dst, src, columns, at }, shift),
          groups: () => call.rowGroups(rows, lanes),
        });
      }
    }
  });
  call.end();
}

/** A whole tensor of tokens, written once: scatterCopy, scatterZeros, zeroCopy. */
function rebuild(
  kernel: "scatterCopy" | "scatterZeros" | "zeroCopy",
  out: GPUTensor,
  base: GPUTensor | undefined,
  part: GPUTensor | undefined,
  indices: Tensor,
  g: RowGeometry,
  encoder: GPUCommandEncoder | undefined,
): void {
  const inputs = [base, part].filter((t) => t !== undefined);
  const call = new Call(out.device, encoder, out, [...inputs, indices]);
  call.checkRows(g.batch * g.seq);
  const idx = call.indices("sortedIndices", indices, out);
  const unit = unitBytes(g.rowBytes, [out, ...inputs]);
  const retained = g.batch * g.kept;
  eachWindow(call, g.batch * g.seq, g.rowBytes, MAP_ROWS, (dst, columns) => {
    const map = invert(call, idx, g, dst);
    const windows = part
      ? sourceWindows(call, retained, g.rowBytes, columns)
      : [{ first: 0, rows: retained }];
    for (const src of windows) {
      const lanes = lanesAcross(columns.bytes, unit);
      const keep = src === windows[0];
      call.dispatch({
        kernel: unit === 0 ? `${kernel}Bytes` : kernel,
        variant: { unitBytes: unit || 4 },
        operands: [
          operand("dst", out, g, dst, columns),
          map,
          ...(base ? [operand("base", base, g, dst, columns)] : []),
          ...(part ? [operand("src", part, g, src, columns)] : []),
        ],
        params: (shift) =>
          tokenParams(call, g, unit || 1, lanes, { rows: dst.rows, dst, src, columns, keep }, shift),
        groups: () => call.rowGroups(dst.rows, lanes),
      });
    }
  });
  call.end();
}

function sameMemory(a: GPUTensor, b: GPUTensor): boolean {
  return a.buffer === b.buffer && a.byteOffset === b.byteOffset;
}

/** Token operations by WebGPU. */
export const webgpuTokens: TokenOperations<GPUTensor> = {
  gather(out, x, indices, g, encoder) {
    const call = new Call(out.device, encoder, out, [x, indices]);
    call.checkRows(g.batch * g.seq);
    const idx = call.indices("sortedIndices", indices, out);
    const unit = unitBytes(g.rowBytes, [x, out]);
    eachWindow(call, g.batch * g.kept, g.rowBytes, undefined, (dst, columns) => {
      const lanes = lanesAcross(columns.bytes, unit);
      for (const src of sourceWindows(call, g.batch * g.seq, g.rowBytes, columns)) {
        for (const at of call.indexWindows(idx)) {
          call.dispatch({
            kernel: unit === 0 ? "gatherBytes" : "gather",
            variant: { unitBytes: unit || 4 },
            operands: [operand("dst", out, g, dst, columns), operand("src", x, g, src, columns), at.operand],
            params: (shift) =>
              tokenParams(call, g, unit || 1, lanes, { rows: dst.rows, dst, src, columns, at }, shift),
            groups: () => call.rowGroups(dst.rows, lanes),
          });
        }
      }
    });
    call.end();
  },

  scatterZeros(out, grad, indices, g, encoder) {
    rebuild("scatterZeros", out, undefined, grad, indices, g, encoder);
  },

  accumulate(into, grad, indices, g, encoder) {
    inPlace("accumulate", into, grad, indices, g, encoder);
  },

  scatter(out, all, part, indices, g, encoder) {
    if (sameMemory(out, all)) inPlace("scatter", out, part, indices, g, encoder);
    else rebuild("scatterCopy", out, all, part, indices, g, encoder);
  },

  zeroRows(out, grad, indices, g, encoder) {
    if (sameMemory(out, grad)) inPlace("zero", out, undefined, indices, g, encoder);
    else rebuild("zeroCopy", out, grad, undefined, indices, g, encoder);
  },
};

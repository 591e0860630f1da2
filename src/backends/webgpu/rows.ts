/** Rows that move: tokens, corners of masks, and plain copies. Shapes and units: gpu/rows/rows.wgsl. */
import { wrongValue } from "../../check.ts";
import { elementCount, isGPUTensor } from "../../tensor.ts";
import type { Tensor } from "../../types.ts";
import type { Operand } from "./bindings.ts";
import { Call } from "./call.ts";
import type { BufferName, Files } from "./kernels.ts";
import { columnCuts, type GPUBytes, rowWindows, type Window, windowBytes } from "./windows.ts";

/** The word of Params that has the rest written. */
const REST = 2;

/** Rows of a window whose map of a word a row is the largest: 16 MiB. */
const MAP_ROWS = 4 * 1024 * 1024;

/** What is done to rows, by the names of files of gpu/rows. */
export interface How {
  /** Where a row comes from. */
  readonly from: "index" | "map" | "corner" | "named";
  /** What is done to the rows that indices name, and by a map to the others. */
  readonly retain: "src" | "zero" | "add";
  readonly rest?: "base" | "zero";
}

/** What moves, and how it is found. */
export interface Move extends How {
  readonly rowBytes: number;
  readonly dst: GPUBytes;
  readonly dstRows: number;
  readonly src?: GPUBytes;
  readonly srcRows: number;
  readonly srcRowBytes?: number;
  readonly base?: GPUBytes;
  /** int32, for each retained row. */
  readonly idx?: GPUBytes;
  /** S, and how rows are numbered: the words of Params from `seq` to `all_step`. */
  readonly layout: readonly [number, number, number, number, number, number, number];
}

/** What one dispatch of a move goes over. */
interface Part {
  readonly rows: number;
  readonly row?: number;
  readonly rest?: number;
  readonly dst: Window;
  readonly src: Window;
  readonly at?: Window;
}

/** The words of Params, in units of `unit` bytes. */
function rowParams(
  { layout, rowBytes, srcRowBytes = rowBytes }: Move,
  { rows, row = 0, rest = 0, dst, src, at }: Part,
  unit: number,
  tile: number,
  shift: (name: BufferName) => number,
): number[] {
  return [
    ...[rows, row, tile, rest, ...layout],
    ...[dst.first, dst.rows, shift("dst") / unit],
    ...[src.first, src.rows, shift("src") / unit, srcRowBytes / unit, shift("base") / unit],
    ...[at?.first ?? 0, at?.rows ?? 0, shift("idx") / 4],
  ];
}

/** Some of the indices of a call, and where they lie. */
interface IndexWindow extends Window {
  readonly operand: Operand;
}

/** Indices cut into what a binding holds, `together` of them in one piece. */
export function indexWindows(call: Call, idx: GPUBytes, pieces: number, together = 1): IndexWindow[] {
  return rowWindows(pieces, 4 * together, call.state.bindingLimit).map((window) => ({
    ...window,
    operand: { name: "idx", ...windowBytes(idx, 4 * together, window) },
  }));
}

/** The indices of a call as it reads them: uploaded for it where they are the CPU's. */
export function indicesOf(call: Call, indices: Tensor, dst: GPUBytes): GPUBytes {
  const bytes = 4 * elementCount(indices.shape);
  const most = call.state.device.limits.maxBufferSize;
  if (bytes > most)
    wrongValue("sortedIndices", `at most ${most} bytes of indices on this device`, indices, `${bytes} bytes`);
  if (!isGPUTensor(indices)) return call.upload(indices);
  if (indices.buffer !== dst.buffer) return indices;
  // Small beside what they index, so a copy is the simplest way out of sharing a binding of another unit.
  const copy = call.scratch("idx", bytes);
  moveRows(call, plainCopy(copy, indices, bytes));
  return copy;
}

/** Bytes as one row. */
function plainCopy(dst: GPUBytes, src: GPUBytes, bytes: number): Move {
  const layout = [0, 1, 0, 0, 1, 0, 0] as const;
  return { from: "corner", retain: "src", rowBytes: bytes, dst, dstRows: 1, src, srcRows: 1, layout };
}

/** Copies bytes by a shader, which asks for no usage but STORAGE and leaves what shares a word. */
export function copyBytes(device: GPUDevice, dst: GPUBytes, src: GPUBytes, bytes: number): void {
  const call = new Call(device, undefined, dst, []);
  moveRows(call, plainCopy(dst, src, bytes));
  call.end();
}

/** The files of the shader that does it to rows in units of 16 bytes, of 4 or of 1. */
export function filesOf({ from, retain, rest }: How, unit: number): Files {
  const inPlace = from === "named";
  const bytes = unit === 1;
  const work: Files = bytes ? ["store", "bytes"] : ["units"];
  return [
    "rows",
    inPlace ? "to_named" : "to_each",
    inPlace && bytes ? "from_map" : `from_${from}`,
    `retain_${retain}`,
    `rest_${rest ?? "leave"}`,
    ...work,
  ];
}

/** Records what moves rows. */
export function moveRows(call: Call, m: Move): void {
  const { from, rowBytes, srcRowBytes = rowBytes, dst, src, base, idx } = m;
  const fits = (unit: number) =>
    [rowBytes, srcRowBytes, dst.byteOffset, src?.byteOffset ?? 0, base?.byteOffset ?? 0].every(
      (bytes) => bytes % unit === 0,
    );
  const unit = fits(16) ? 16 : fits(4) ? 4 : 1;
  const inPlace = from === "named";
  const unitBytes = Math.max(unit, 4);
  const files = filesOf(m, unit);
  const mapped = files.includes("from_map");
  for (const columns of columnCuts(rowBytes, call.budget)) {
    const whole = columns.bytes === rowBytes;
    const windows = (rows: number, bytes: number, most?: number) =>
      rowWindows(rows, bytes, call.budget, whole ? most : 1);
    const row = columns.bytes / unit;
    const lanes = Math.max(1, Math.floor(columns.bytes / unitBytes)); // of bytes, the words within a row
    for (const dstRows of windows(m.dstRows, rowBytes, mapped ? MAP_ROWS : undefined)) {
      const map = mapped ? [invert(call, m, dstRows)] : [];
      let rest = m.rest ? REST : 0;
      for (const srcRows of src ? windows(m.srcRows, srcRowBytes) : [{ first: 0, rows: m.srcRows }]) {
        const { rows } = inPlace ? srcRows : dstRows;
        for (const at of idx && from !== "map" ? indexWindows(call, idx, retainedRows(m)) : [undefined]) {
          const part = { rows, row, rest, dst: dstRows, src: srcRows, at };
          const operands: Operand[] = [
            { name: "dst", ...windowBytes(dst, rowBytes, dstRows, columns) },
            ...(at ? [at.operand] : []),
            ...map,
          ];
          if (src) operands.push({ name: "src", ...windowBytes(src, srcRowBytes, srcRows, columns) });
          if (base) operands.push({ name: "base", ...windowBytes(base, rowBytes, dstRows, columns) });
          call.dispatch({
            files,
            unitBytes,
            operands,
            rows,
            lanes,
            params: (tile, shift) => rowParams(m, part, unit, tile, shift),
          });
        }
        rest = 0; // those that no index names are written once among the windows of src
      }
    }
  }
}

function retainedRows({ from, dstRows, srcRows }: Move): number {
  return from === "index" ? dstRows : srcRows;
}

/** A map from the rows of a window to the retained ones; clear of what shares buffers, as it is the library's own. */
function invert(call: Call, m: Move, dst: Window): Operand {
  const bytes = dst.rows * 4;
  const map = { ...call.zeroed("map", bytes), start: 0, end: bytes };
  const rows = retainedRows(m);
  for (const at of indexWindows(call, m.idx!, rows)) {
    const part = { rows, dst, src: { first: 0, rows }, at };
    call.dispatch({
      files: ["rows", "to_named", "invert"],
      unitBytes: 4,
      operands: [at.operand, { name: "dst", ...map }],
      rows,
      lanes: 1,
      params: (tile, shift) => rowParams(m, part, 4, tile, shift),
    });
  }
  return { name: "map", ...map };
}

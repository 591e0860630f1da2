/** Plans of rows that move: tokens, corners of masks, and plain copies. Shapes and units: gpu/rows.wgsl. */
import {
  type Bytes,
  columnCuts,
  type Range,
  rowWindows,
  type Temporary,
  type Window,
  windowBytes,
} from "./binding-windows.ts";
import type { PlanLimits } from "./device-state.ts";
import type { Params } from "./params.ts";
import { bindingBudget, type Operand, type Step, spread } from "./plan.ts";
import { INVERSION, rowShader, type Way } from "./shader-choice.ts";

/** The value of Params.rest that has the rest written. */
const REST = 2;

/** The most rows of a window that needs a map: the map has a word for each, so 16 MiB. */
const MAP_ROWS = 0x40_0000;

/** What moves, and how it is found. */
export interface Move {
  readonly way: Way;
  readonly rowBytes: number;
  readonly dst: Bytes;
  readonly dstRows: number;
  readonly src?: Bytes;
  readonly srcRows: number;
  readonly srcRowBytes?: number;
  readonly base?: Bytes;
  /** int32, for each retained row. */
  readonly idx?: Bytes;
  /** How rows are numbered: fields of Params from `seq` to `src_plane_rows`. */
  readonly numbering: Params<"rows">;
}

/** Some of the indices of a call, and where they lie. */
interface IndexWindow extends Window {
  readonly operand: Operand;
}

/** Indices cut into what a binding holds, `together` of them in one piece. */
export function indexWindows(
  idx: Bytes,
  pieces: number,
  together: number,
  limits: PlanLimits,
): IndexWindow[] {
  return rowWindows(pieces, 4 * together, limits.bindingBytes).map((window) => ({
    ...window,
    operand: { name: "idx", shiftUnit: 4, ...windowBytes(idx, 4 * together, window) },
  }));
}

/**
 * Indices as a plan reads them: a copy, where they share a buffer with what is written and would have to share a
 * binding whose unit is another. The copy is small beside the tensor that is indexed.
 */
export function apart(
  idx: Bytes,
  bytes: number,
  dst: Bytes,
  limits: PlanLimits,
): { readonly idx: Bytes; readonly steps: Step[] } {
  if (idx.buffer !== dst.buffer) return { idx, steps: [] };
  const copy: Bytes = { buffer: { scratch: "idx", bytes }, byteOffset: 0 };
  return { idx: copy, steps: planCopy(copy, idx, bytes, limits) };
}

/** Copies bytes by a shader, which needs no usage but STORAGE, and keeps neighbouring bytes that share a word. */
export function planCopy(dst: Bytes, src: Bytes, bytes: number, limits: PlanLimits): Step[] {
  const numbering = { plane_rows: 1, src_plane_rows: 1 };
  const move = {
    way: ["corner", "moved", "left"],
    rowBytes: bytes,
    dst,
    dstRows: 1,
    src,
    srcRows: 1,
  } as const;
  return planRows({ ...move, numbering }, limits);
}

/** The plan of a move. */
export function planRows(m: Move, limits: PlanLimits): Step[] {
  const { way, rowBytes, srcRowBytes = rowBytes, dst, src, base, idx, numbering } = m;
  const [source, , wayOfRest] = way;
  const fits = (unit: number) =>
    [rowBytes, srcRowBytes, dst.byteOffset, src?.byteOffset ?? 0, base?.byteOffset ?? 0].every(
      (bytes) => bytes % unit === 0,
    );
  const unit = fits(16) ? 16 : fits(4) ? 4 : 1;
  const shader = rowShader(way, unit);
  const inPlace = source === "named";
  const mapped = shader.sections.includes("source_of = map");
  const budget = bindingBudget(limits, dst, [src, base]);
  const steps: Step[] = [];
  for (const columns of columnCuts(rowBytes, budget)) {
    const whole = columns.bytes === rowBytes;
    const windows = (rows: number, bytes: number, most?: number) =>
      rowWindows(rows, bytes, budget, whole ? most : 1);
    // Where rows move as bytes: the whole words within a row.
    const length = Math.max(1, Math.floor(columns.bytes / Math.max(unit, 4)));
    for (const dstRows of windows(m.dstRows, rowBytes, mapped ? MAP_ROWS : undefined)) {
      const named: Operand[] = [];
      if (mapped) {
        const { map, steps: made } = planMap(m, dstRows, limits);
        steps.push(...made);
        named.push(map);
      }
      let rest = wayOfRest === "left" ? 0 : REST;
      for (const srcRows of src ? windows(m.srcRows, srcRowBytes) : [{ first: 0, rows: m.srcRows }]) {
        const { rows } = inPlace ? srcRows : dstRows;
        const { tile, workgroups } = spread(rows, length, limits);
        const row = columns.bytes / unit;
        const operand = (name: Operand["name"], range: Range) => ({ name, shiftUnit: unit, ...range });
        for (const at of idx && source !== "map"
          ? indexWindows(idx, retainedRows(m), 1, limits)
          : [undefined]) {
          const operands = [operand("dst", windowBytes(dst, rowBytes, dstRows, columns)), ...named];
          if (at) operands.push(at.operand);
          if (src) operands.push(operand("src", windowBytes(src, srcRowBytes, srcRows, columns)));
          if (base) operands.push(operand("base", windowBytes(base, rowBytes, dstRows, columns)));
          const windowed = windowParams(dstRows, srcRows, at);
          const params = { rows, row, tile, rest, src_step: srcRowBytes / unit, ...numbering, ...windowed };
          steps.push({ shader, operands, params, workgroups });
        }
        rest = 0; // those that no index names are written once among the windows of src
      }
    }
  }
  return steps;
}

/** Windows as fields of Params. */
export function windowParams(
  dst: Window,
  src: Window,
  at: Window | undefined,
): Params<"rows"> & Params<"masks"> {
  return {
    dst_first: dst.first,
    dst_rows: dst.rows,
    src_first: src.first,
    src_rows: src.rows,
    idx_first: at?.first,
    idx_count: at?.rows,
  };
}

function retainedRows({ way, dstRows, srcRows }: Move): number {
  return way[0] === "index" ? dstRows : srcRows;
}

/** A map from the rows of a window to the retained ones. It is in the library's own buffer, so it shares none. */
function planMap(
  m: Move,
  window: Window,
  limits: PlanLimits,
): { readonly map: Operand; readonly steps: Step[] } {
  const bytes = window.rows * 4;
  const zeroed: Temporary & { bytes: number } = { scratch: "map", bytes };
  const range = { buffer: zeroed, start: 0, end: bytes, shiftUnit: 4 };
  const rows = retainedRows(m);
  const { tile, workgroups } = spread(rows, 1, limits);
  const dispatches = indexWindows(m.idx!, rows, 1, limits).map((at) => ({
    shader: INVERSION,
    operands: [{ name: "dst" as const, ...range }, at.operand],
    params: { rows, tile, ...m.numbering, ...windowParams(window, { first: 0, rows }, at) },
    workgroups,
  }));
  return { map: { name: "map", ...range }, steps: [{ zeroed }, ...dispatches] };
}

/**
 * Address arithmetic: how tensors are cut into pieces that fit one binding. Bytes are plain numbers here, exact to
 * 2^53. Shaders only get offsets from the beginning of a binding, which fit 32 bits.
 */

/** Bytes of a binding beside its rows: it begins at a multiple of the device's alignment and ends at a whole word. */
const SLACK = 512;

/** Rows of a window are counted in 32 bits, with room for the lanes of the last group. */
const MAX_ROWS = 0x8000_0000;

/** The largest binding that byte addresses of 32 bits reach. */
export const MAX_BINDING: number = 0xffff_f000;

/** A buffer that the recorder provides for a plan. Wherever the same object appears, it is the same buffer. */
export type Temporary =
  | { readonly upload: Uint8Array } // with these bytes in it
  | { readonly scratch: "idx" | "map"; readonly bytes: number };

/** Bytes in a buffer, from `byteOffset` on. */
export interface Bytes {
  readonly buffer: GPUBuffer | Temporary;
  readonly byteOffset: number;
}

/** A range of such bytes. */
export interface Range {
  readonly buffer: GPUBuffer | Temporary;
  readonly start: number;
  readonly end: number;
}

/** A run of rows. */
export interface Window {
  readonly first: number;
  readonly rows: number;
}

/** A run of the bytes of every row. */
interface Columns {
  readonly start: number;
  readonly bytes: number;
}

/** Cuts rows of `rowBytes` into windows that a binding of `budget` bytes holds. */
export function rowWindows(
  rows: number,
  rowBytes: number,
  budget: number,
  maxRows: number = MAX_ROWS,
): Window[] {
  const each = Math.max(1, Math.min(maxRows, Math.floor((budget - SLACK) / rowBytes)));
  const windows: Window[] = [];
  for (let first = 0; first < rows; first += each)
    windows.push({ first, rows: Math.min(each, rows - first) });
  return windows;
}

/** Cuts a row that a binding of `budget` bytes does not hold; one that it holds stays whole. */
export function columnCuts(rowBytes: number, budget: number): Columns[] {
  const each = budget - SLACK - (budget % 256);
  const cuts: Columns[] = [];
  for (let start = 0; start < rowBytes; start += each) {
    cuts.push({ start, bytes: Math.min(each, rowBytes - start) });
  }
  return cuts;
}

/** Where a window lies in its buffer. */
export function windowBytes(
  { buffer, byteOffset }: Bytes,
  rowBytes: number,
  window: Window,
  columns: Columns = { start: 0, bytes: rowBytes },
): Range {
  const start = byteOffset + window.first * rowBytes + columns.start;
  return { buffer, start, end: start + (window.rows - 1) * rowBytes + columns.bytes };
}

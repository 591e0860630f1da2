/** Sorts positions by marking them in a bitmap and reading it. */
import { core, coreBytes } from "../../core/core.ts";
import type { SortingBackend } from "../../types.ts";
import { emitRow, must } from "./emit.ts";

/** The longest row that is sorted by a bitmap; the core has no memory for longer ones. */
const MAX_MARKED = 2 ** 25;

function sort(
  out: Int32Array,
  positions: Int32Array,
  rows: number,
  retained: number,
  seqLength: number,
): number {
  const wasm = core();
  // Reading the bitmap goes through every position of a row. For few among many, a plain sort is less work.
  if (seqLength > MAX_MARKED || retained * 64 < seqLength)
    return sortFew(out, positions, rows, retained, seqLength);
  const address = wasm.inAddress();
  const piece = wasm.stageBytes() >> 2;
  for (let row = 0; row < rows; row++) {
    const start = row * retained;
    must(wasm.clear(seqLength));
    const memory = new Int32Array(coreBytes().buffer, address, piece);
    for (let first = 0; first < retained; first += piece) {
      const n = Math.min(piece, retained - first);
      memory.set(positions.subarray(start + first, start + first + n));
      const bad = wasm.mark(address, n);
      if (bad >= 0) return start + first + bad;
    }
    emitRow(out, start, seqLength);
  }
  return -1;
}

function sortFew(
  out: Int32Array,
  positions: Int32Array,
  rows: number,
  retained: number,
  seqLength: number,
): number {
  for (let row = 0; row < rows; row++) {
    const sorted = out.subarray(row * retained, (row + 1) * retained);
    sorted.set(positions.subarray(row * retained, (row + 1) * retained));
    sorted.sort();
    const bad = sorted.findIndex((p, i) => p < 0 || p >= seqLength || p === sorted[i - 1]);
    if (bad >= 0) return positions.lastIndexOf(sorted[bad], (row + 1) * retained - 1);
  }
  return -1;
}

/** Sorting in the WASM core. */
export const wasmSorting: SortingBackend = { sort };

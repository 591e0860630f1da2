/** Positions into order, and nothing clever about it. */
import type { SortingBackend } from "../backend.ts";

function sort(out: Int32Array, positions: Int32Array, rows: number, kept: number, seqLength: number): number {
  for (let row = 0; row < rows; row++) {
    const seen = new Set<number>();
    for (let i = row * kept; i < (row + 1) * kept; i++) {
      const position = positions[i];
      if (position < 0 || position >= seqLength || seen.has(position)) return i;
      seen.add(position);
    }
    out.set(positions.slice(row * kept, (row + 1) * kept).sort(), row * kept);
  }
  return -1;
}

/** Sorting in plain TypeScript. */
export const referenceSorting: SortingBackend = { sort };

/** Sorts positions in the plainest way. */
import type { SortingBackend } from "../../types.ts";

function sort(
  out: Int32Array,
  positions: Int32Array,
  rows: number,
  retained: number,
  seqLength: number,
): number {
  for (let row = 0; row < rows; row++) {
    const seen = new Set<number>();
    for (let i = row * retained; i < (row + 1) * retained; i++) {
      const position = positions[i];
      if (position < 0 || position >= seqLength || seen.has(position)) return i;
      seen.add(position);
    }
    out.set(positions.slice(row * retained, (row + 1) * retained).sort(), row * retained);
  }
  return -1;
}

/** Sorting in plain TypeScript. */
export const referenceSorting: SortingBackend = { sort };

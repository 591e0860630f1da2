/**
 * Rows of tokens between plain arrays, for the cpu and the wasm backend. They are moved as Int32Array (or, for bool,
 * Uint8Array): moving floats one by one may change a NaN's payload.
 */
import type { Geometry } from "./geometry.ts";

/** Memory by elements: of one array, or of a whole heap, from `start` on. */
export interface Span {
  readonly array: Int32Array | Uint8Array;
  readonly start: number;
}

/** Rows up to this length are moved in a loop: a call of `set` or `copyWithin` costs as much as 20 to 30 elements. */
const SHORT = 24;

/** Calls `visit` for each run of rows that follow one another both among all and among the retained. */
function eachRun(
  indices: Int32Array,
  g: Geometry,
  visit: (all: number, part: number, rows: number) => void,
): void {
  const { batch, groups, seq, retained, batchFirst, shared } = g;
  if (!batchFirst) {
    for (let k = 0; k < retained; k++) {
      for (let b = 0; b < batch; b++) {
        const s = indices[b * retained + k];
        visit(shared ? s : s * batch + b, k * batch + b, 1);
      }
    }
    return;
  }
  for (let b = 0; b < batch; b++) {
    const end = (b + 1) * retained;
    for (let group = 0; group < groups; group++) {
      const all = ((shared ? 0 : b * groups) + group) * seq;
      const part = (b * groups + group) * retained;
      for (let i = b * retained; i < end; ) {
        const position = indices[i];
        let next = i + 1;
        while (next < end && indices[next] === position + (next - i)) next++;
        visit(all + position, part + (i - b * retained), next - i);
        i = next;
      }
    }
  }
}

function copy(to: Span, toRow: number, from: Span, fromRow: number, rows: number, row: number): void {
  const n = rows * row;
  let target = to.start + toRow * row;
  let source = from.start + fromRow * row;
  if (n <= SHORT) {
    const [a, b] = [to.array, from.array];
    for (const end = target + n; target < end; ) a[target++] = b[source++];
  } else if (to.array === from.array) to.array.copyWithin(target, source, source + n);
  else to.array.set(from.array.subarray(source, source + n), target);
}

/** `part` of `all`. */
export function gatherRows(part: Span, all: Span, indices: Int32Array, g: Geometry): void {
  eachRun(indices, g, (allRow, partRow, rows) => copy(part, partRow, all, allRow, rows, g.row));
}

/** The rows of `part` into `all`, the others as they are. */
export function putRows(all: Span, part: Span, indices: Int32Array, g: Geometry): void {
  eachRun(indices, g, (allRow, partRow, rows) => copy(all, allRow, part, partRow, rows, g.row));
}

/** Zeros in the retained rows of `all`. */
export function zeroRows(all: Span, indices: Int32Array, g: Geometry): void {
  eachRun(indices, g, (allRow, _, rows) => {
    const from = all.start + allRow * g.row;
    all.array.fill(0, from, from + rows * g.row);
  });
}

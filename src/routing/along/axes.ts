/** A layout as dimensions, and which rows of a tensor belong to the retained positions. No tensor is touched here. */
import type { AxesLayout, RowLayout } from "../framework-ops.ts";

/** A layout with all defaults filled in. */
export interface Axes {
  /** The dimension that runs along the sequence. */
  readonly seqAxis: number;
  /** The dimension of the batch; null where there is none. */
  readonly batchAxis: number | null;
  /** The position of the first row. */
  readonly firstPosition: number;
  /** Where the batch of the result goes if the tensor has none: before the sequence, or after it. */
  readonly newBatchAxis: 0 | 1;
}

/**
 * A layout as dimensions.
 *
 * @param batchFirst Whether hidden states are `[B,S,C]`: a table `[S,...]` becomes `[B,K,...]` beside them, else
 *   `[K,B,...]`.
 */
export function axesOf(layout: RowLayout, batchFirst: boolean): Axes {
  const common = { firstPosition: 0, newBatchAxis: 0 } as const;
  switch (layout) {
    case "batch_seq_dim":
      return { ...common, seqAxis: 1, batchAxis: 0 };
    case "seq_batch_dim":
      return { ...common, seqAxis: 0, batchAxis: 1 };
    case "seq_dim":
      return { ...common, seqAxis: 0, batchAxis: null, newBatchAxis: batchFirst ? 0 : 1 };
    default: {
      const { seqAxis, batchAxis, firstPosition = 0 } = layout satisfies AxesLayout;
      return { seqAxis, batchAxis, firstPosition, newBatchAxis: 0 };
    }
  }
}

/**
 * A tensor seen as rows, dimensions between batch and sequence taken together:
 *
 *   batchFirst    [outer, rows, middle, length, row] -> [outer, B, middle, length', row]
 *   otherwise     [outer, length, middle, rows, row] -> [outer, length', middle, B, row]
 *
 * `length` is S less the first position, `length'` K less it; `rows`, the tensor's own batch, is 1 or B.
 */
export interface RowView {
  readonly batchFirst: boolean;
  readonly outer: number;
  readonly middle: number;
  readonly length: number;
  readonly rows: number;
  /** Elements in a row. */
  readonly row: number;
  readonly firstPosition: number;
  /** The shape of the result. */
  readonly shape: readonly number[];
}

/** How a tensor of this shape, which fits the layout, is seen as rows: for each of B, `retained` of S are taken. */
export function rowView(shape: readonly number[], axes: Axes, batch: number, retained: number): RowView {
  const { seqAxis, batchAxis, firstPosition, newBatchAxis } = axes;
  const few = retained - firstPosition;
  const product = (from: number, to?: number) => shape.slice(from, to).reduce((n, length) => n * length, 1);
  const cut = shape.map((length, axis) => (axis === seqAxis ? few : axis === batchAxis ? batch : length));
  const common = { length: shape[seqAxis], firstPosition };
  if (batchAxis === null) {
    const batchFirst = newBatchAxis === 0;
    return {
      ...common,
      batchFirst,
      outer: 1,
      middle: batchFirst ? product(0, seqAxis) : 1,
      rows: 1,
      row: product(seqAxis + 1),
      shape: batchFirst ? [batch, ...cut] : [few, batch, ...cut.slice(1)],
    };
  }
  const [first, second] = seqAxis < batchAxis ? [seqAxis, batchAxis] : [batchAxis, seqAxis];
  return {
    ...common,
    batchFirst: batchAxis < seqAxis,
    outer: product(0, first),
    middle: product(first + 1, second),
    rows: shape[batchAxis],
    row: product(second + 1),
    shape: cut,
  };
}

/** The number of a row of the tensor that `view` sees. */
export function rowAt(view: RowView, o: number, b: number, m: number, s: number): number {
  const { batchFirst, middle, length, rows } = view;
  const own = rows === 1 ? 0 : b;
  return batchFirst
    ? ((o * rows + own) * middle + m) * length + s
    : ((o * length + s) * middle + m) * rows + own;
}

/**
 * Row numbers, one for each row of a result of B times `count` rows in the order in which they lie there.
 *
 * @param at The number of the row that goes to (o,b,m,k).
 */
export function rowNumbers(
  view: Pick<RowView, "batchFirst" | "outer" | "middle">,
  batch: number,
  count: number,
  at: (o: number, b: number, m: number, k: number) => number,
): Int32Array {
  const { batchFirst, outer, middle } = view;
  const numbers = new Int32Array(outer * batch * middle * count);
  const [firsts, lasts] = batchFirst ? [batch, count] : [count, batch];
  let i = 0;
  for (let o = 0; o < outer; o++) {
    for (let first = 0; first < firsts; first++) {
      for (let m = 0; m < middle; m++) {
        for (let last = 0; last < lasts; last++) {
          numbers[i++] = batchFirst ? at(o, first, m, last) : at(o, last, m, first);
        }
      }
    }
  }
  return numbers;
}

/** Gathers what runs along the sequence at the retained positions, in any layout. Gathers have gradients. */
import {
  cast,
  concat,
  fill,
  getBackend,
  less,
  reshape,
  slice,
  sub,
  sum,
  type Tensor,
  tidy,
} from "@tensorflow/tfjs-core";
import { wrongType } from "../../check.ts";
import { type Axes, type RowView, rowView } from "../../routing/along/axes.ts";
import { checkBoundaries } from "../../routing/along/boundaries.ts";
import { gather, type Positions, rowsOn } from "./kernels.ts";

/** The retained rows of `t`, which fits `axes`. */
export function gatherAlong(t: Tensor, at: Positions, axes: Axes): Tensor {
  const [batch, retained] = at.indices.shape;
  const view = rowView(t.shape, axes, batch, retained);
  const { batchFirst, outer, middle, length, rows, row, firstPosition, shape } = view;
  const direct = outer === 1 && (batchFirst || middle === 1);
  if (direct && firstPosition === 0) return gatherRows(t, at, view, shape);
  return tidy(() => {
    const from = firstPosition === 0 ? at : behind(at, firstPosition);
    if (direct) return gatherRows(t, from, view, shape);
    // The kernels know one batch dimension, before or after the sequence. Other layouts are gathered in such pieces.
    const few = retained - firstPosition;
    if (batchFirst) {
      // As rank 2, because TF.js's webgpu backend has no gradient for a slice of rank 5.
      const whole = reshape(t, [outer, rows * middle * length * row]);
      const pieces = Array.from({ length: outer }, (_, o) => {
        const piece = reshape(slice(whole, [o, 0], [1, -1]), [rows, middle, length, row]);
        return gatherRows(piece, from, view, [1, batch, middle, few, row]);
      });
      return reshape(concat(pieces, 0), [...shape]);
    }
    const whole = reshape(t, [outer, length, middle, rows * row]);
    const pieces = Array.from({ length: outer }, (_, o) => {
      const columns = Array.from({ length: middle }, (_, m) => {
        const piece = reshape(slice(whole, [o, 0, m, 0], [1, -1, 1, -1]), [length, rows, row]);
        return gatherRows(piece, from, view, [1, few, 1, batch * row]);
      });
      return concat(columns, 2);
    });
    return reshape(concat(pieces, 0), [...shape]);
  });
}

/** Rows of `[rows,middle,length,row]`, or of `[length,rows,row]`, as one gather. */
function gatherRows(
  t: Tensor,
  at: Positions,
  { batchFirst, middle, length, rows, row }: RowView,
  shape: readonly number[],
): Tensor {
  const [batch, retained] = at.indices.shape;
  return gather(t, at, {
    batch,
    groups: batchFirst ? middle : 1,
    seq: length,
    retained,
    row,
    batchFirst,
    shared: rows !== batch,
    allShape: t.shape,
    partShape: [...shape],
  });
}

/** The positions from the first of a table on, counted from there. */
function behind({ indices }: Positions, firstPosition: number): Positions {
  const [batch, retained] = indices.shape;
  const few = slice(indices, [0, firstPosition], [batch, retained - firstPosition]);
  const positions = sub(few, fill([1], firstPosition, "int32")) as Tensor;
  return { indices: positions, map: positions };
}

/** The number of retained positions below each boundary, `[B,n+1]` of `[n+1]` or `[1 or B,n+1]`. */
export function boundariesAt(t: Tensor, name: string, indices: Tensor, seq: number): Tensor {
  if (t.dtype !== "int32") wrongType(name, "dtype int32", t);
  if (rowsOn(getBackend()).read !== undefined) checkBoundaries(name, t.dataSync(), t.shape, seq);
  const [batch, retained] = indices.shape;
  const ends = t.shape.at(-1)!;
  return tidy(() => {
    const below = less(reshape(indices, [batch, 1, retained]), reshape(t, [-1, ends, 1]));
    return sum(cast(below, "int32"), 2);
  });
}

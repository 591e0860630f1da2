/** Gathers what runs along the sequence, in any layout, from the library's own CPU and GPU tensors, by row numbers. */

import { checkSameDevice } from "../../arguments.ts";
import { wrongType, wrongValue } from "../../check.ts";
import { elementBytes, isGPUTensor, zeros } from "../../tensor.ts";
import type { CPUTensor, CPUTokens, GPUTensor, RowGeometry, Tensor } from "../../types.ts";
import type { RowLayout, TokensAtOptions } from "../framework-ops.ts";
import { axesOf, type RowView, rowAt, rowNumbers, rowView } from "./axes.ts";

type Encoder = GPUCommandEncoder | undefined;

/** A new tensor where `like` lives. */
export function emptyLike(like: Tensor, shape: readonly number[]): Tensor {
  return isGPUTensor(like)
    ? like.operations.empty(like.device, shape, like.dtype)
    : zeros(shape, like.dtype, undefined, like);
}

/** Rows of `from` into `to`, as token operations gather them. The indices may be row numbers in any order. */
function gatherRows(
  cpu: CPUTokens,
  name: string,
  to: Tensor,
  from: Tensor,
  indices: Tensor,
  g: RowGeometry,
  encoder: Encoder,
): Tensor {
  if (isGPUTensor(from)) from.operations.gather(to as GPUTensor, from, indices, g, encoder);
  else cpu(name, from).gather(to as CPUTensor, from, indices, g);
  return to;
}

/** Rows of `from`, seen as `count` rows of `rowBytes`, by their numbers. */
export function pickRows(
  cpu: CPUTokens,
  name: string,
  to: Tensor,
  from: Tensor,
  numbers: Int32Array,
  count: number,
  rowBytes: number,
  encoder: Encoder,
): Tensor {
  if (count >= 2 ** 31) wrongValue(name, "fewer than 2^31 rows", count);
  const indices: CPUTensor = { data: numbers, shape: [1, numbers.length], dtype: "int32" };
  const g = { batch: 1, seq: count, retained: numbers.length, rowBytes, batchFirst: true };
  return gatherRows(cpu, name, to, from, indices, g, encoder);
}

/** Throws where indices on the GPU meet a tensor on the CPU, or on another device. */
export function checkBeside(name: string, value: Tensor, indices: Tensor): void {
  if (isGPUTensor(indices) && !isGPUTensor(value)) {
    wrongType(name, "a GPU tensor, as the indices are on the GPU", value, "a CPU tensor");
  }
  checkSameDevice(name, value, indices);
}

/** The retained rows of `value`, an argument called `name` that fits its layout. `indices` are checked. */
export function rowsAlong(
  cpu: CPUTokens,
  name: string,
  value: Tensor,
  indices: Tensor,
  layout: RowLayout,
  { batchFirst: statesFirst, seqLength, encoder: given }: TokensAtOptions,
): Tensor {
  checkBeside(name, value, indices);
  const encoder = isGPUTensor(value) ? given : undefined;
  const [batch, retained] = indices.shape;
  const view = rowView(value.shape, axesOf(layout, statesFirst), batch, retained);
  const { batchFirst, outer, middle, rows, firstPosition } = view;
  const rowBytes = view.row * elementBytes(value.dtype);
  const out = emptyLike(value, view.shape);
  if (outer * middle === 1 && rows === batch && firstPosition === 0) {
    const g = { batch, seq: seqLength, retained, rowBytes, batchFirst };
    return gatherRows(cpu, name, out, value, indices, g, encoder);
  }
  if (isGPUTensor(indices)) return byGPUIndices(cpu, name, out, value as GPUTensor, indices, view, encoder);
  const positions = indices.data;
  checkPrefix(indices, firstPosition);
  const numbers = rowNumbers(view, batch, retained - firstPosition, (o, b, m, k) =>
    rowAt(view, o, b, m, positions[b * retained + firstPosition + k] - firstPosition),
  );
  return pickRows(cpu, name, out, value, numbers, outer * rows * middle * view.length, rowBytes, encoder);
}

/** Throws unless all positions below the first of a table are among the checked indices, as `keepPrefix` has it. */
function checkPrefix({ data, shape: [batch, retained] }: CPUTensor, firstPosition: number): void {
  if (firstPosition === 0) return;
  for (let b = 0; b < batch; b++) {
    const last = data[b * retained + firstPosition - 1];
    if (last === firstPosition - 1) continue;
    const expected = `positions 0 to ${firstPosition - 1}, which a firstPosition of alongSequence leaves out`;
    wrongValue("indicesOf", expected, last, `row ${b} without them`);
  }
}

/**
 * The same by indices whose values can't be read. The batch is put before the sequence, and each row of tokens gets a
 * row of indices, so that one gather is enough. Temporaries are freed, unless the caller's encoder still needs them.
 */
function byGPUIndices(
  cpu: CPUTokens,
  name: string,
  out: Tensor,
  value: GPUTensor,
  indices: GPUTensor,
  view: RowView,
  encoder: Encoder,
): Tensor {
  const [batch, retained] = indices.shape;
  const { batchFirst, outer, middle, rows, length, row, firstPosition } = view;
  const [seq, all] = [length + firstPosition, outer * batch * middle];
  const rowBytes = row * elementBytes(value.dtype);
  const inOrder = { batchFirst: true, outer, middle };
  const made: Tensor[] = [];
  const make = (like: Tensor, shape: number[]) => {
    made.push(emptyLike(like, shape));
    return made.at(-1)!;
  };

  let from: Tensor = value;
  if (!batchFirst || rows !== batch || firstPosition > 0) {
    // Positions before the first have no row in the table. Any row will do, as it is removed at the end.
    const numbers = rowNumbers(inOrder, batch, seq, (o, b, m, s) =>
      rowAt(view, o, b, m, Math.max(0, s - firstPosition)),
    );
    from = make(value, [all, seq, row]);
    pickRows(cpu, name, from, value, numbers, outer * rows * middle * length, rowBytes, encoder);
  }
  let tiled: Tensor = indices;
  if (outer * middle > 1) {
    const numbers = rowNumbers(inOrder, batch, 1, (_, b) => b);
    const to = make(indices, [all, retained]);
    tiled = pickRows(cpu, name, to, indices, numbers, batch, retained * 4, encoder);
  }
  const done = batchFirst && firstPosition === 0;
  const gathered = done ? out : make(value, [all, retained, row]);
  const g = { batch: all, seq, retained, rowBytes, batchFirst: true };
  gatherRows(cpu, name, gathered, from, tiled, g, encoder);
  if (!done) {
    const numbers = rowNumbers(
      view,
      batch,
      retained - firstPosition,
      (o, b, m, k) => ((o * batch + b) * middle + m) * retained + firstPosition + k,
    );
    pickRows(cpu, name, out, gathered, numbers, all * retained, rowBytes, encoder);
  }
  freeUnlessRecorded(made, encoder);
  return out;
}

/** Frees tensors that nobody else has, once the work on them has been submitted. */
export function freeUnlessRecorded(made: readonly Tensor[], encoder: Encoder): void {
  if (encoder !== undefined) return;
  for (const t of made) if (isGPUTensor(t)) t.buffer.destroy();
}

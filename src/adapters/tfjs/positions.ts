/** Retained positions, on the CPU or in a TF.js tensor, as the kernels take them. */
import { backend, getBackend, type Tensor, tensor } from "@tensorflow/tfjs-core";
import { wrongType, wrongValue } from "../../check.ts";
import { checkIndices } from "../../indices.ts";
import type { CPUTensor } from "../../types.ts";
import type { RowKernels } from "./backend.ts";
import { checkAlive, isTensor } from "./check.ts";
import { mappedTo, type Positions, rowsOn } from "./kernels.ts";

/** Positions, and a function that frees what was made for them. */
export interface MadePositions extends Positions {
  dispose(): void;
}

/**
 * Positions of `sortedIndices`, int32 `[B,K]`, each row ascending and distinct.
 *
 * @param batch B, or undefined where any will do.
 * @param mapped Whether the map is wanted now: a gather alone can do without.
 * @throws TypeError, RangeError that name `name`. Values are checked where that needs no waiting.
 */
export function positionsOf(
  name: string,
  sortedIndices: CPUTensor | Tensor,
  batch: number | undefined,
  seq: number,
  mapped = true,
): MadePositions {
  const rows = rowsOn(getBackend());
  if (!isTensor(sortedIndices)) {
    const checked = checkIndices(
      name,
      sortedIndices,
      sortedIndices,
      batch,
      seq,
      [2],
    ) as CPUTensor<Int32Array>;
    const [rowsOfBatch, retained] = checked.shape;
    // A copy, because the cpu backend would use the caller's array itself.
    const indices = tensor(checked.data.slice(), [rowsOfBatch, retained], "int32");
    return made(indices, mapped ? mapOf(rows, indices, checked.data, seq) : indices, true);
  }
  const indices = checkAlive(name, sortedIndices);
  if (indices.dtype !== "int32") wrongType(name, "dtype int32", indices);
  const [b, retained] = indices.shape;
  const fits = indices.shape.length === 2 && retained >= 1 && retained <= seq && (batch ?? b) === b;
  if (!fits) wrongValue(name, `int32 [${batch ?? "B"},K] with K from 1 to ${seq}`, indices);
  const data = rows.read?.(backend(), indices);
  if (data === undefined) return made(indices, mapped ? mappedTo(indices, seq) : indices, false);
  checkContents(name, indices, data, seq);
  return made(indices, mapped ? mapOf(rows, indices, data, seq) : indices, false);
}

/** Tensors that have been checked, for rows of that length below that S. Their values never change. */
const fine = new WeakMap<object, { retained: number; seq: number }>();

function checkContents(name: string, { dataId, shape }: Tensor, data: Int32Array, seq: number): void {
  const [b, retained] = shape;
  const seen = fine.get(dataId);
  if (seen?.retained === retained && seen.seq <= seq) return;
  const readable: CPUTensor = { data, shape, dtype: "int32" };
  checkIndices(name, readable, readable, b, seq, [2]);
  fine.set(dataId, { retained, seq });
}

function mapOf(rows: RowKernels, indices: Tensor, data: Int32Array, seq: number): Tensor {
  const [batch, retained] = indices.shape;
  const map = rows.mapOf?.(data, batch, retained, seq);
  return map ? tensor(map.data, map.shape, "int32") : indices;
}

function made(indices: Tensor, map: Tensor, own: boolean): MadePositions {
  return {
    indices,
    map,
    dispose() {
      if (map !== indices) map.dispose();
      if (own) indices.dispose();
    },
  };
}

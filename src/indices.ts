import { checkSameDevice } from "./arguments.ts";
import { wrongValue } from "./check.ts";
import { checkCPUTensor, checkDType, checkTensor, isGPUTensor, settled } from "./tensor.ts";
import type { Tensor } from "./types.ts";

/**
 * Sorted indices, checked against the tensor that they index: `[B,K]`, or also `[L,B,K]` where `ranks` has 3.
 * The values of CPU indices are checked: each row in range, ascending, distinct. Those of GPU indices can't be read.
 */
export function checkIndices(
  name: string,
  value: unknown,
  to: Tensor,
  batch: number | undefined,
  seq: number,
  ranks: readonly (2 | 3)[],
): Tensor {
  // Indices on the CPU serve states on the GPU (they are uploaded for the call), but not the other way round.
  const indices = settled(isGPUTensor(to) ? checkTensor(name, value) : checkCPUTensor(name, value));
  checkDType(name, indices, ["int32"]);
  const { shape } = indices;
  const expected = () =>
    `int32 ${ranks.map((r) => (r === 3 ? "[L," : "[") + (batch ?? "B") + `,K] with K from 1 to ${seq}`).join(" or ")}`;
  if (!ranks.includes(shape.length as 2 | 3)) wrongValue(name, expected(), indices);
  const [b, k] = shape.slice(-2);
  if (k > seq || (batch !== undefined && b !== batch)) wrongValue(name, expected(), indices);
  if (isGPUTensor(indices)) checkSameDevice(name, indices, to);
  else checkPositions(name, indices.data as Int32Array, k, seq);
  return indices;
}

function checkPositions(name: string, positions: Int32Array, retained: number, seq: number): void {
  for (let start = 0; start < positions.length; start += retained) {
    let before = -1;
    for (let i = start; i < start + retained; i++) {
      const position = positions[i];
      if (position <= before || position >= seq) {
        const got = before < 0 || position >= seq ? `${position}` : `${position} after ${before}`;
        const row = start / retained;
        wrongValue(
          name,
          `ascending, distinct positions from 0 to ${seq - 1}`,
          position,
          `${got} in row ${row}`,
        );
      }
      before = position;
    }
  }
}

/** Boundaries of packed sequences among the retained tokens, for the library's own tensors. */
import { wrongType, wrongValue } from "../../check.ts";
import type { GPUCommandEncoder } from "../../platform.ts";
import { checkDType, isGPUTensor, zeros } from "../../tensor.ts";
import type { CPUTensor, CPUTokens, GPUTensor, Tensor } from "../../types.ts";
import { checkBeside, emptyLike, freeUnlessRecorded, pickRows } from "./rows.ts";

/** Throws unless each row of boundaries, `[n+1]` or `[rows,n+1]`, ascends from 0 to S. */
export function checkBoundaries(
  name: string,
  data: ArrayLike<number>,
  shape: readonly number[],
  seq: number,
): void {
  const ends = shape.at(-1)!;
  for (let start = 0; start < data.length; start += ends) {
    for (let i = 0; i < ends; i++) {
      const [at, before] = [data[start + i], i === 0 ? 0 : data[start + i - 1]];
      const right = i === 0 ? at === 0 : i === ends - 1 ? at === seq : at <= seq;
      if (right && at >= before) continue;
      const where = `${at} at [${shape.length === 1 ? i : [start / ends, i]}]`;
      wrongValue(name, `boundaries that ascend from 0 to ${seq}`, at, where);
    }
  }
}

/** For each row how many of `positions` `[B,K]` lie below each of 0 to S: `[B,S+1]`. */
function countsBelow({ data, shape: [batch, retained] }: CPUTensor, seq: number): Int32Array {
  const counts = new Int32Array(batch * (seq + 1));
  for (let b = 0; b < batch; b++) {
    let k = 0;
    for (let s = 0; s <= seq; s++) {
      while (k < retained && data[b * retained + k] < s) k++;
      counts[b * (seq + 1) + s] = k;
    }
  }
  return counts;
}

/** `[B,n+1]` of boundaries `[n+1]` or `[1 or B,n+1]`, where they live. `indices` are checked, and on the CPU. */
export function boundariesAmong(
  cpu: CPUTokens,
  name: string,
  value: Tensor,
  indices: Tensor,
  seq: number,
  encoder: GPUCommandEncoder | undefined,
): Tensor {
  checkDType(name, value, ["int32"]);
  if (isGPUTensor(indices)) {
    wrongType(
      name,
      "indices on the CPU beside boundaries, as a GPU tensor can't be counted",
      indices,
      "GPU ones",
    );
  }
  checkBeside(name, value, indices);
  const [batch, ends] = [indices.shape[0], value.shape.at(-1)!];
  const shared = value.shape.length === 1 || value.shape[0] !== batch;
  const counts = countsBelow(indices, seq);
  if (isGPUTensor(value)) return onGPU(cpu, name, value, counts, [batch, ends, seq], shared, encoder);
  checkBoundaries(name, value.data, value.shape, seq);
  const out = zeros([batch, ends], "int32");
  for (let i = 0; i < out.data.length; i++) {
    const b = Math.floor(i / ends);
    out.data[i] = counts[b * (seq + 1) + value.data[shared ? i % ends : i]];
  }
  return out;
}

/** Boundaries that can't be read are used as indices into the counts. Out of range, they find nothing. */
function onGPU(
  cpu: CPUTokens,
  name: string,
  value: GPUTensor,
  counts: Int32Array,
  [batch, ends, seq]: readonly [number, number, number],
  shared: boolean,
  encoder: GPUCommandEncoder | undefined,
): Tensor {
  const made: Tensor[] = [];
  let each: Tensor = value;
  if (shared && batch > 1) {
    made.push(emptyLike(value, [batch, ends]));
    each = pickRows(cpu, name, made[0], value, new Int32Array(batch), 1, ends * 4, encoder);
  }
  const table = emptyLike(value, [batch, seq + 1]) as GPUTensor;
  made.push(table);
  value.device.queue.writeBuffer(table.buffer, table.byteOffset, counts as BufferSource);
  const out = emptyLike(value, [batch, ends]) as GPUTensor;
  const g = { batch, seq: seq + 1, retained: ends, rowBytes: 4, batchFirst: true };
  value.operations.gather(out, table, each, g, encoder);
  freeUnlessRecorded(made, encoder);
  return out;
}

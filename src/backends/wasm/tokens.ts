/**
 * Rows of tokens, between arrays that JavaScript owns. Always moved as bytes: moving floats may change a NaN's payload.
 *
 * Short rows go through the core in stages, long ones by TypedArray.set. A call of `set` costs about 45 ns. A stage
 * costs
 * 0.1 to 0.2 ns for each byte from the first row to the last one that it takes. Measured in ns per row, stage against
 * set: at K = S/2 64 B 19 against 31, 256 B 57 against 108, 512 B equal; at K = S/8 30 against 85, 100 against 61, 190
 * against 72.
 */

import { core, coreBytes } from "../../core/core.ts";
import { bytesOf, sameMemory } from "../../tensor.ts";
import type { CPUTensor, RowGeometry, TokenOperations } from "../../types.ts";

/** The most bytes that a stage may move for each retained row; beyond it, calls of `set` are faster. */
const SHORT = 1200;

/** The most rows of a stage: as many as the core's scratch for lists holds. */
const MAX_ROWS = 1 << 16;

function isShort(g: RowGeometry): boolean {
  return g.rowBytes * (1 + g.seq / g.retained) <= SHORT;
}

/** Calls `visit` for each run of rows that follow one another both among all tokens and among the retained. */
function eachRun(
  indices: CPUTensor,
  g: RowGeometry,
  visit: (all: number, retained: number, rows: number) => void,
): void {
  const { batch, seq, retained } = g;
  const { data } = indices;
  const batchFirst = g.batchFirst || batch === 1;
  for (let b = 0; b < batch; b++) {
    const end = (b + 1) * retained;
    for (let i = b * retained; i < end; ) {
      const position = data[i];
      let next = i + 1;
      if (batchFirst) {
        while (next < end && data[next] === position + (next - i)) next++;
        visit(b * seq + position, i, next - i);
      } else visit(position * batch + b, (i - b * retained) * batch + b, 1);
      i = next;
    }
  }
}

/**
 * Calls `visit` for each stage: `n` retained rows from `retained` on, whose rows among all, listed in the core's
 * scratch, lie among `span` from `first` on.
 */
function eachStage(
  indices: CPUTensor,
  g: RowGeometry,
  visit: (retained: number, n: number, first: number, span: number) => void,
): void {
  const wasm = core();
  const list = new Uint32Array(coreBytes().buffer, wasm.planAddress(), MAX_ROWS);
  const { batch, seq, retained, rowBytes } = g;
  const total = batch * retained;
  const capacity = Math.floor(wasm.stageBytes() / rowBytes);
  // Random positions lie S / K apart, more or less.
  const usual = Math.max(1, Math.min(MAX_ROWS, Math.floor((capacity * retained * 7) / (seq * 8))));
  let limit = usual;
  for (let start = 0; start < total; ) {
    let n = Math.min(limit, total - start);
    for (;;) {
      let first = Number.POSITIVE_INFINITY;
      let last = 0;
      let b = g.batchFirst ? Math.floor(start / retained) : start % batch;
      let k = g.batchFirst ? start % retained : Math.floor(start / batch);
      for (let i = 0; i < n; i++) {
        const position = indices.data[b * retained + k];
        const all = g.batchFirst ? b * seq + position : position * batch + b;
        list[i] = all;
        if (all < first) first = all;
        if (all > last) last = all;
        if (g.batchFirst) {
          if (++k === retained) {
            k = 0;
            b++;
          }
        } else if (++b === batch) {
          b = 0;
          k++;
        }
      }
      const span = last - first + 1;
      if (span <= capacity) {
        visit(start, n, first, span);
        break;
      }
      n = Math.ceil(n / 2);
    }
    start += n;
    limit = Math.min(2 * n, usual); // where rows of the batch lie far apart, not all the way up again
  }
}

/** Puts the rows of `from` [B,K,C], or zeros, into `to` [B,S,C]. */
function put(to: Uint8Array, from: Uint8Array | undefined, indices: CPUTensor, g: RowGeometry): void {
  const { rowBytes } = g;
  if (!isShort(g)) {
    eachRun(indices, g, (all, retained, rows) => {
      if (!from) to.fill(0, all * rowBytes, (all + rows) * rowBytes);
      else to.set(from.subarray(retained * rowBytes, (retained + rows) * rowBytes), all * rowBytes);
    });
    return;
  }
  const wasm = core();
  const memory = coreBytes();
  const [window, rows, list] = [wasm.inAddress(), wasm.outAddress(), wasm.planAddress()];
  if (!from) memory.fill(0, rows, rows + wasm.stageBytes());
  eachStage(indices, g, (retained, n, first, span) => {
    memory.set(to.subarray(first * rowBytes, (first + span) * rowBytes), window);
    if (from) memory.set(from.subarray(retained * rowBytes, (retained + n) * rowBytes), rows);
    // List entries count from the first row of all, in arithmetic modulo 2^32.
    wasm.moveRows(window - first * rowBytes, rows, list, n, rowBytes, 1);
    to.set(memory.subarray(window, window + span * rowBytes), first * rowBytes);
  });
}

/** Token operations on arrays in CPU memory. */
export const wasmTokens: TokenOperations<CPUTensor> = {
  gather(out, x, indices, g) {
    const [to, from] = [bytesOf(out), bytesOf(x)];
    const { rowBytes } = g;
    if (!isShort(g)) {
      eachRun(indices as CPUTensor, g, (all, retained, rows) => {
        to.set(from.subarray(all * rowBytes, (all + rows) * rowBytes), retained * rowBytes);
      });
      return;
    }
    const wasm = core();
    const memory = coreBytes();
    const [window, rows, list] = [wasm.inAddress(), wasm.outAddress(), wasm.planAddress()];
    eachStage(indices as CPUTensor, g, (retained, n, first, span) => {
      memory.set(from.subarray(first * rowBytes, (first + span) * rowBytes), window);
      wasm.moveRows(rows, window - first * rowBytes, list, n, rowBytes, 0);
      to.set(memory.subarray(rows, rows + n * rowBytes), retained * rowBytes);
    });
  },

  scatterZeros(out, grad, indices, g, _encoder, fresh) {
    const to = bytesOf(out);
    // New memory is zero already.
    if (!fresh) to.fill(0);
    put(to, bytesOf(grad), indices as CPUTensor, g);
  },

  accumulate(into, grad, indices, g) {
    const [to, from] = [into.data, grad.data] as [Float32Array, Float32Array];
    const channels = g.rowBytes / to.BYTES_PER_ELEMENT;
    eachRun(indices as CPUTensor, g, (all, retained, rows) => {
      let source = retained * channels;
      const end = (all + rows) * channels;
      for (let target = all * channels; target < end; target++) to[target] += from[source++];
    });
  },

  scatter(out, all, part, indices, g) {
    const to = bytesOf(out);
    if (!sameMemory(out, all)) to.set(bytesOf(all));
    put(to, bytesOf(part), indices as CPUTensor, g);
  },

  zeroRows(out, grad, indices, g) {
    const to = bytesOf(out);
    if (!sameMemory(out, grad)) to.set(bytesOf(grad));
    put(to, undefined, indices as CPUTensor, g);
  },
};

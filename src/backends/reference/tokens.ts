/** Rows of tokens, a byte at a time: slow, and plainly what the contract says. */
import { bytesOf } from "../../tensor.ts";
import type { CPUTensor, RowGeometry, TokenOperations } from "../../types.ts";

/** Calls `visit` with the first byte of each retained row among all tokens, and among the retained. */
function eachRow(indices: CPUTensor, g: RowGeometry, visit: (all: number, retained: number) => void): void {
  for (let b = 0; b < g.batch; b++) {
    for (let k = 0; k < g.retained; k++) {
      const s = indices.data[b * g.retained + k];
      const all = g.batchFirst ? b * g.seq + s : s * g.batch + b;
      const retained = g.batchFirst ? b * g.retained + k : k * g.batch + b;
      visit(all * g.rowBytes, retained * g.rowBytes);
    }
  }
}

function copyBytes(
  to: Uint8Array,
  toStart: number,
  from: Uint8Array,
  fromStart: number,
  count: number,
): void {
  for (let i = 0; i < count; i++) to[toStart + i] = from[fromStart + i];
}

/** Token operations in plain TypeScript. */
export const referenceTokens: TokenOperations<CPUTensor> = {
  gather(out, x, indices, g) {
    const [to, from] = [bytesOf(out), bytesOf(x)];
    eachRow(indices as CPUTensor, g, (all, retained) => copyBytes(to, retained, from, all, g.rowBytes));
  },

  scatterZeros(out, grad, indices, g) {
    const [to, from] = [bytesOf(out), bytesOf(grad)];
    to.fill(0);
    eachRow(indices as CPUTensor, g, (all, retained) => copyBytes(to, all, from, retained, g.rowBytes));
  },

  accumulate(into, grad, indices, g) {
    const [to, from] = [into.data as Float32Array | Float64Array, grad.data as Float32Array | Float64Array];
    const size = to.BYTES_PER_ELEMENT;
    eachRow(indices as CPUTensor, g, (all, retained) => {
      for (let c = 0; c < g.rowBytes / size; c++) to[all / size + c] += from[retained / size + c];
    });
  },

  scatter(out, all, part, indices, g) {
    const [to, base, from] = [bytesOf(out), bytesOf(all), bytesOf(part)];
    copyBytes(to, 0, base, 0, base.length); // the same bytes onto themselves in place
    eachRow(indices as CPUTensor, g, (start, retained) => copyBytes(to, start, from, retained, g.rowBytes));
  },

  zeroRows(out, grad, indices, g) {
    const [to, from] = [bytesOf(out), bytesOf(grad)];
    copyBytes(to, 0, from, 0, from.length);
    eachRow(indices as CPUTensor, g, (all) => to.fill(0, all, all + g.rowBytes));
  },
};

/** Attention masks, an element at a time: slow, and plainly what the contract says. */
import { bytesOf } from "../../tensor.ts";
import type { CPUMaskOperations, CPUTensor, MaskGeometry } from "../../types.ts";

/** Copies element `from` of one array of `size`-byte elements to element `to` of another. */
function copyElement(target: Uint8Array, to: number, source: Uint8Array, from: number, size: number): void {
  for (let byte = 0; byte < size; byte++) target[to * size + byte] = source[from * size + byte];
}

function sameElement(bytes: Uint8Array, a: number, b: number, size: number): boolean {
  for (let byte = 0; byte < size; byte++) if (bytes[a * size + byte] !== bytes[b * size + byte]) return false;
  return true;
}

/** Mask operations in plain TypeScript. */
export const referenceMasks: CPUMaskOperations = {
  maskGather(out, mask, indices, g) {
    const [to, from] = [bytesOf(out), bytesOf(mask)];
    const positions = (indices as CPUTensor).data;
    const rows = g.query === 1 ? 1 : g.retained;
    let n = 0;
    for (let lb = 0; lb < g.layers * g.batch; lb++) {
      const b = g.maskBatch === 1 ? 0 : lb % g.batch;
      const idx = positions.subarray(lb * g.retained, (lb + 1) * g.retained);
      for (let h = 0; h < g.heads; h++) {
        for (let i = 0; i < rows; i++) {
          const row = (b * g.heads + h) * g.query + (g.query === 1 ? 0 : idx[i]);
          for (let j = 0; j < g.retained; j++)
            copyElement(to, n++, from, row * g.seq + idx[j], g.elementBytes);
        }
      }
    }
  },

  maskSlice(out, mask, g) {
    // The corner is what positions 0 to K - 1 retain.
    const data = Int32Array.from({ length: g.maskBatch * g.retained }, (_, i) => i % g.retained);
    const corner: CPUTensor = { data, shape: [g.maskBatch, g.retained], dtype: "int32" };
    referenceMasks.maskGather(out, mask, corner, { ...g, layers: 1, batch: g.maskBatch });
  },

  firstNotBySign(mask: CPUTensor, g: MaskGeometry): number {
    const bytes = bytesOf(mask);
    const first = new Map<number, number>(); // sign of j - i -> the first entry of that sign
    for (let n = 0; n < g.maskBatch * g.heads * g.query * g.seq; n++) {
      const [i, j] = [Math.floor(n / g.seq) % g.query, n % g.seq];
      const sign = g.query === 1 ? 0 : Math.sign(j - i); // one query row: all entries alike
      const expected = first.get(sign) ?? n;
      first.set(sign, expected);
      if (!sameElement(bytes, n, expected, g.elementBytes)) return n;
    }
    return -1;
  },
};

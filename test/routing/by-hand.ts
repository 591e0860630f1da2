/** The examples' layers `h + w * tanh(h)`, trained in float64 with every path and gradient written out token by token. */
import { plainSample } from "../suites/plain-sampling.ts";

const [B, S, C] = [2, 16, 8];

/** [step, K, loss] of 24 steps, every weight being `start` at first; `round` is that of the example's data. */
export function lossesByHand(start: number, round: (x: number) => number): number[][] {
  const w = [0, 1, 2, 3].map(() => Array<number>(C).fill(start));
  return Array.from({ length: 24 }, (_, step) => {
    const K = [4, 8, 12][Math.floor(step / 8)];
    const drawn = plainSample({ reservedLength: K, seqLength: S, batchSize: B, layers: 2, seed: 7, step });
    const dw = w.map((row) => row.map(() => 0));
    let loss = 0;
    for (let b = 0; b < B; b++) {
      for (let s = 0; s < S; s++) {
        const retains = (l: number) => drawn.subarray((l * B + b) * K, (l * B + b + 1) * K).includes(s);
        const path = [0, 1, 2, 3].filter((l) => l === 0 || l === 3 || retains(l - 1));
        for (let c = 0; c < C; c++) {
          const at = round(Math.sin((b * S + s) * C + c + step));
          const hs = [at];
          for (const l of path) hs.push(hs.at(-1)! + w[l][c] * Math.tanh(hs.at(-1)!));
          let d = hs.pop()! - 1.5 * at;
          loss += d * d;
          for (const l of [...path].reverse()) {
            const t = Math.tanh(hs.pop()!);
            dw[l][c] += d * t;
            d *= 1 + w[l][c] * (1 - t * t);
          }
        }
      }
    }
    for (const [l, row] of dw.entries()) for (const [c, d] of row.entries()) w[l][c] -= 0.002 * d;
    return [step, K, loss / 2];
  });
}

/** Which tokens each layer of a run saw: drawn anew by the library from seed and step, never stored. */
import { gptSampleTokens } from "random-ltd/webgpu";
import type { Dropping } from "../trainer/types.ts";

/** What decides a run's draws. */
export interface Draws {
  readonly dropping: Dropping;
  readonly layers: number;
  readonly seqLength: number;
  readonly seed: number;
  /** Positions below this are always retained. */
  readonly keepPrefix: number;
}

/** How often one layer saw each token, from 0 to 1; null where it sees them all. */
export interface LayerTokens {
  readonly counts: Float32Array | null;
  readonly retained: number;
}

/** int32 `[draws,rows,K]`: the tokens that a step retains, as the trainer draws them. Null where nothing is dropped. */
export function drawn(draws: Draws, step: number, K: number, rows: number): Int32Array | null {
  const { dropping, seqLength, seed, keepPrefix } = draws;
  if (dropping.how === "none" || K >= seqLength) return null;
  const { sampledIndices } = gptSampleTokens({
    reservedLength: K,
    seqLength,
    batchSize: rows,
    layers: dropping.how === "layers" ? dropping.layers.length : 1,
    seed,
    step,
    keepPrefix,
  });
  return sampledIndices.data;
}

/** The number of a layer's draw, or -1 where it sees all tokens. */
function drawOf(dropping: Dropping, layer: number): number {
  switch (dropping.how) {
    case "none":
      return -1;
    case "layers":
      return dropping.layers.indexOf(layer);
    case "route":
      return layer >= dropping.first && layer <= dropping.last ? 0 : -1;
    case "input":
      return 0;
  }
}

/** How often each layer saw each token of the batch's first row, over some steps and their K. */
export function seen(draws: Draws, steps: readonly number[], lengths: ArrayLike<number>): LayerTokens[] {
  const { seqLength: S } = draws;
  const ofDraw: Float32Array[] = [];
  let K = S;
  for (const step of steps) {
    K = lengths[step] ?? S;
    const indices = drawn(draws, step, K, 1);
    const count = indices === null ? 1 : indices.length / K;
    for (let d = 0; d < Math.max(count, ofDraw.length); d++) {
      ofDraw[d] ??= new Float32Array(S);
      if (indices === null) for (let i = 0; i < S; i++) ofDraw[d][i]++;
      else for (let k = 0; k < K; k++) ofDraw[d][indices[d * K + k]]++;
    }
  }
  for (const counts of ofDraw) for (let i = 0; i < S; i++) counts[i] /= steps.length;
  return Array.from({ length: draws.layers }, (_, layer) => {
    const draw = drawOf(draws.dropping, layer);
    const counts = draw < 0 || (steps.length === 1 && K >= S) ? null : (ofDraw[draw] ?? ofDraw[0]);
    return { counts, retained: counts === null ? S : K };
  });
}

/** Steps that stand for a whole run: all of a short one, evenly spread ones of a long one. */
export function spread(steps: number, most = 200): number[] {
  const count = Math.min(steps, most);
  return Array.from({ length: count }, (_, i) => Math.floor((i * steps) / count));
}

/** The sampling rule as the contract words it: give every token a rank, sort, take the first K. */
import type { SampleRequest, SamplingBackend } from "../../types.ts";
import { philox4x32 } from "./philox.ts";

/** The random key of each of the S positions of one row: unsigned 32-bit numbers. */
function rowKeys(request: SampleRequest, layerOrdinal: number, row: number): Uint32Array {
  const keys = new Uint32Array(request.seqLength);
  for (let i = 0; i < keys.length; i += 4) {
    const words = philox4x32(
      [i >>> 2, row, layerOrdinal, request.step],
      [request.seed.low, request.seed.high],
    );
    keys.set(words.slice(0, keys.length - i), i);
  }
  return keys;
}

/** 0 for a forced token, 2 for padding, 1 for every other; forced wins over padding. `row` counts within the batch. */
function rowClasses(request: SampleRequest, row: number): Uint8Array {
  const start = row * request.seqLength;
  return Uint8Array.from({ length: request.seqLength }, (_, i) => {
    if (i < request.keepPrefix || request.keepMask?.[start + i] === 1) return 0;
    return request.paddingMask?.[start + i] === 0 ? 2 : 1;
  });
}

/** The K positions of smallest (class, key, position), ascending. */
export function selectByRank(classes: Uint8Array, keys: Uint32Array, retained: number): Int32Array {
  const byRank = Int32Array.from(keys, (_, i) => i).sort(
    (a, b) => classes[a] - classes[b] || keys[a] - keys[b] || a - b,
  );
  return byRank.subarray(0, retained).sort();
}

function sample(request: SampleRequest, zeros: () => Int32Array): Int32Array | number {
  const { layers, batchSize, reservedLength } = request;
  const out = zeros();
  for (let row = 0; row < batchSize; row++) {
    const classes = rowClasses(request, row);
    if (classes.reduce((forced, c) => forced + (c === 0 ? 1 : 0), 0) > reservedLength) return row;
    for (let layer = 0; layer < layers; layer++) {
      const keys = rowKeys(request, request.layerOffset + layer, request.batchOffset + row);
      out.set(selectByRank(classes, keys, reservedLength), (layer * batchSize + row) * reservedLength);
    }
  }
  return out;
}

/** Sampling in plain TypeScript. */
export const referenceSampling: SamplingBackend = { sample };

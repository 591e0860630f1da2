/** Sampling rule 1, twice: word for word in big integers, and by one native sort for long rows. */
import { philox4x32 } from "../../src/backends/reference/philox.ts";
import type { SampleOptions } from "../../src/index.ts";

const M32 = 0xffffffffn;

/** Philox4x32-10 in big integers, from the paper's definition: each round multiplies, swaps and adds the key. */
function plainPhilox(counter: readonly bigint[], key: readonly bigint[]): bigint[] {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < 10; round++) {
    const [p0, p1] = [c0 * 0xd2511f53n, c2 * 0xcd9e8d57n];
    [c0, c1, c2, c3] = [(p1 >> 32n) ^ c1 ^ k0, p1 & M32, (p0 >> 32n) ^ c3 ^ k1, p0 & M32];
    [k0, k1] = [(k0 + 0x9e3779b9n) & M32, (k1 + 0xbb67ae85n) & M32];
  }
  return [c0, c1, c2, c3];
}

/** What a call is to return, [L,B,K]: each token gets its rank, the ranks are sorted, the first K taken. */
export function plainSample(o: SampleOptions): Int32Array {
  const { layers = 1, step = 0, batchOffset = 0, layerOffset = 0, keepPrefix = 0 } = o;
  const { batchSize, seqLength, reservedLength } = o;
  const seed = BigInt(o.seed);
  const out: number[] = [];
  for (let l = 0; l < layers; l++) {
    for (let r = 0; r < batchSize; r++) {
      const ranks: [number, bigint, number][] = [];
      for (let i = 0; i < seqLength; i++) {
        const counter = [i >> 2, batchOffset + r, layerOffset + l, step].map(BigInt);
        const key = plainPhilox(counter, [seed & M32, seed >> 32n])[i & 3];
        const kept = i < keepPrefix || o.keepMask?.data[r * seqLength + i] === 1;
        const padding = o.paddingMask?.data[r * seqLength + i] === 0;
        ranks.push([kept ? 0 : padding ? 2 : 1, key, i]);
      }
      ranks.sort((a, b) => a[0] - b[0] || (a[1] < b[1] ? -1 : a[1] > b[1] ? 1 : a[2] - b[2]));
      const retained = ranks.slice(0, reservedLength).map(([, , i]) => i);
      out.push(...retained.sort((a, b) => a - b));
    }
  }
  return Int32Array.from(out);
}

/** All positions of one row by (key, position): the two in one double, below 2^53 for S up to 2^21. */
export function plainOrder(o: {
  readonly seqLength: number;
  readonly seed: number;
  readonly step: number;
  readonly layer: number;
  readonly row: number;
}): Int32Array {
  const ranks = new Float64Array(o.seqLength);
  for (let i = 0; i < o.seqLength; i += 4) {
    const words = philox4x32([i >> 2, o.row, o.layer, o.step], [o.seed >>> 0, Math.floor(o.seed / 2 ** 32)]);
    for (let word = 0; word < 4 && i + word < o.seqLength; word++) {
      ranks[i + word] = words[word] * 2 ** 21 + i + word;
    }
  }
  return Int32Array.from(ranks.sort(), (rank) => rank % 2 ** 21);
}

/** The K first of that order, classes before all, ascending. */
export function plainFirst(order: Int32Array, kept: number, classOf?: (i: number) => 0 | 1 | 2): Int32Array {
  const first: number[] = [];
  for (const wanted of classOf ? [0, 1, 2] : [1]) {
    for (const i of order) {
      if (first.length < kept && (classOf?.(i) ?? 1) === wanted) first.push(i);
    }
  }
  return Int32Array.from(first).sort();
}

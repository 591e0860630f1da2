/** Every token, and every pair of tokens, is retained equally often. */
import { expect, test } from "vitest";
import { gptSampleTokens } from "../src/index.ts";

// SciPy 1.17.1: scipy.stats.chi2.ppf([1e-6, 1 - 1e-6], n), the bounds that a chi-square value of n degrees of freedom
// leaves once in 10^6 on either side. Below the first, draws would be more even than chance has them.
const BOUNDS = { 55: [18.59, 119.9], 63: [23.16, 131.4], 1952: [1669.3, 2263.5] } as const;

const [S, K] = [64, 20];
const DRAWS = 2 ** 20;

/** Calls `visit` with each of the K-subsets: of up to 16 steps, 4 layers, 16384 rows. */
function eachDraw(draws: number, visit: (retained: Int32Array, draw: number) => void): void {
  let draw = 0;
  for (let step = 0; draw < draws; step++) {
    const call = { reservedLength: K, seqLength: S, batchSize: DRAWS / 64, layers: 4, seed: 2211, step };
    const { data } = gptSampleTokens(call).sampledIndices;
    for (let at = 0; at < data.length; at += K) visit(data.subarray(at, at + K), draw++);
  }
}

/** How often each token and each pair is retained, after `bias` has had a draw in its hands. */
function count(draws: number, bias?: (retained: Int32Array, draw: number) => void) {
  const single = new Float64Array(S);
  const pair = new Float64Array(S * S);
  eachDraw(draws, (retained, draw) => {
    bias?.(retained, draw);
    for (let a = 0; a < K; a++) {
      single[retained[a]]++;
      const row = retained[a] * S;
      for (let b = 0; b < K; b++) pair[row + retained[b]]++;
    }
  });
  expect(single.reduce((sum, n) => sum + n)).toBe(draws * K);
  return { single: singles(single, draws), pair: pairs(pair, draws) };
}

/**
 * Of S counts. One draw's indicators have variance p (1 - p) with p = K / S, and covariance -p (1 - p) / (S - 1), as
 * they add up to K: that is p (1 - p) S / (S - 1) times a projection of rank S - 1, so the squares over it are
 * chi-square with S - 1 degrees of freedom.
 */
function singles(counts: Float64Array, draws: number): number {
  const p = K / S;
  const variance = (p * (1 - p) * S) / (S - 1);
  return counts.reduce((sum, n) => sum + (n - draws * p) ** 2, 0) / (draws * variance);
}

/**
 * Of the counts of pairs, less what the single counts explain. With P2, P3, P4 the chances that 2, 3 and 4 given tokens
 * are retained, the covariance of two pairs depends on how many tokens they share. On the vectors over pairs whose sums
 * about each token are 0, which have dimension S (S - 3) / 2, it is P2 - 2 P3 + P4 times the identity (the eigenvalues
 * of the triangular graph there are 1, -2, 1).
 */
function pairs(counts: Float64Array, draws: number): number {
  const p2 = (K * (K - 1)) / (S * (S - 1));
  const p3 = (p2 * (K - 2)) / (S - 2);
  const p4 = (p3 * (K - 3)) / (S - 3);
  const excess = (i: number, j: number) => counts[i * S + j] - draws * p2;
  const about = Array.from({ length: S }, (_, i) => {
    let sum = 0;
    for (let j = 0; j < S; j++) if (j !== i) sum += excess(i, j);
    return sum / (S - 2);
  });
  let squares = 0;
  for (let i = 0; i < S; i++) {
    for (let j = i + 1; j < S; j++) squares += (excess(i, j) - about[i] - about[j]) ** 2;
  }
  return squares / (draws * (p2 - 2 * p3 + p4));
}

const [LEAST_SINGLE, MOST_SINGLE] = BOUNDS[63]; // S - 1
const [LEAST_PAIR, MOST_PAIR] = BOUNDS[1952]; // S (S - 3) / 2

test("2^20 draws of 20 tokens of 64 retain each token, and each pair, equally often", () => {
  const { single, pair } = count(DRAWS);
  expect(single).toBeGreaterThan(LEAST_SINGLE);
  expect(single).toBeLessThan(MOST_SINGLE);
  expect(pair).toBeGreaterThan(LEAST_PAIR);
  expect(pair).toBeLessThan(MOST_PAIR);
});

test("a draw in fifty that puts token 7 in is found out", () => {
  const { single } = count(DRAWS / 4, (retained, draw) => {
    if (draw % 50 === 0 && !retained.includes(7)) retained[draw % K] = 7;
  });
  expect(single).toBeGreaterThan(MOST_SINGLE);
});

test("a draw in four that likes 3 with 11, and 4 with 10, is found out, by pairs alone", () => {
  const { single, pair } = count(DRAWS / 4, (retained, draw) => {
    if (draw % 4 !== 0) return;
    const [has3, has4, has10, has11] = [3, 4, 10, 11].map((i) => retained.includes(i));
    if (has3 && !has4 && has10 && !has11) retained[retained.indexOf(10)] = 11;
    else if (has4 && !has3 && has11 && !has10) retained[retained.indexOf(11)] = 10;
  });
  expect(single).toBeLessThan(MOST_SINGLE);
  expect(pair).toBeGreaterThan(MOST_PAIR);
});

test("all 56 subsets of 3 tokens of 8 are drawn equally often", () => {
  const call = { reservedLength: 3, seqLength: 8, batchSize: DRAWS / 4, layers: 4, seed: 1111 };
  const { data } = gptSampleTokens(call).sampledIndices;
  const counts = new Map<number, number>();
  for (let at = 0; at < data.length; at += 3) {
    const subset = data[at] * 64 + data[at + 1] * 8 + data[at + 2];
    counts.set(subset, (counts.get(subset) ?? 0) + 1);
  }
  expect(counts.size).toBe(56);
  const expected = DRAWS / 56;
  const value = [...counts.values()].reduce((sum, n) => sum + (n - expected) ** 2 / expected, 0);
  const [least, most] = BOUNDS[55];
  expect(value).toBeGreaterThan(least);
  expect(value).toBeLessThan(most);
});

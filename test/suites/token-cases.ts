/** The shapes on which operations on rows of tokens are checked. */
import fc from "fast-check";
import type { DType } from "../../src/index.ts";
import { SPREADS, type Spread } from "./data.ts";

/** One shape, its contents following from `seed`. */
export interface TokenCase {
  readonly dtype: DType;
  readonly batch: number;
  readonly seq: number;
  readonly kept: number;
  /** The trailing dimensions: none of them is `[B,S]`. */
  readonly channels: readonly number[];
  readonly batchFirst: boolean;
  /** Elements that the tensors lie off a 64-byte line, each its own multiple of it. */
  readonly shift: number;
  readonly spread: Spread;
  readonly seed: number;
  /** Each result once new, once given and once in place, where the size matters and not how a call is worded. */
  readonly oneWay?: boolean;
}

/** Random cases of one dtype: small shapes, which have the most edges for their size. */
export function tokenCases(dtype: DType): fc.Arbitrary<TokenCase> {
  const one = { minLength: 0, maxLength: 3 };
  return fc
    .record({
      dtype: fc.constant(dtype),
      batch: fc.integer({ min: 1, max: 4 }),
      seq: fc.integer({ min: 1, max: 40 }),
      kept: fc.nat(),
      channels: fc.oneof(
        fc.array(fc.integer({ min: 1, max: 5 }), one),
        fc.tuple(fc.integer({ min: 1, max: 300 })),
      ),
      batchFirst: fc.boolean(),
      shift: fc.integer({ min: 0, max: 7 }),
      spread: fc.constantFrom(...SPREADS),
      seed: fc.nat(),
    })
    .map((c) => ({ ...c, kept: 1 + (c.kept % c.seq) }));
}

export const defaults: TokenCase = {
  dtype: "uint8",
  batch: 2,
  seq: 9,
  kept: 4,
  channels: [1],
  batchFirst: true,
  shift: 0,
  spread: "random",
  seed: 1,
};

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

/** Bytes a row: each tail of a vector of 16 bytes, and both sides of where one way of copying gives over to another. */
export const ROW_BYTES: readonly number[] = [
  ...range(1, 34),
  ...[47, 48, 49, 63, 64, 65, 95, 96, 97, 127, 128, 129, 130, 191, 192, 193, 240, 241],
  ...range(254, 266),
  ...[287, 300, 303, 304, 319, 320, 321, 383, 384, 385],
  ...range(396, 404),
  ...[511, 512, 513, 515, 767, 768, 769, 1000],
  ...range(1020, 1030),
  ...[1535, 2047, 2048, 2050, 4095, 4096, 4097, 4100],
];

const KiB = 1024;

/** Some of them: the ends of vectors, and each power of two. */
export const FEW_ROW_BYTES: readonly number[] = ROW_BYTES.filter(
  (bytes) => bytes <= 17 || [31, 32, 33].includes(bytes) || Number.isInteger(Math.log2(bytes - 1)),
);

/** Tensors around half a megabyte, lists around as many positions, and rows longer than that. */
export const LARGE: readonly Partial<TokenCase>[] = [
  ...[1, 3, 16, 17, 130, 260, 400, 1000, 4096].flatMap((bytes) =>
    [-1, 0, 1].map((more) => ({
      batch: 1,
      seq: Math.floor((512 * KiB) / bytes) + more,
      kept: Math.floor((256 * KiB) / bytes) + more,
      channels: [bytes],
      spread: SPREADS[(bytes + more) % SPREADS.length],
      shift: bytes % 8,
    })),
  ),
  // As many retained rows as fill it, of more.
  ...[3, 16, 100, 256].flatMap((bytes) =>
    [-1, 0, 1].map((more) => ({
      batch: 1,
      seq: Math.floor((1100 * KiB) / bytes),
      kept: Math.floor((512 * KiB) / bytes) + more,
      channels: [bytes],
    })),
  ),
  // As many positions, of 4 bytes each, as fill it.
  ...[-1, 0, 1].map((more) => ({ batch: 1, seq: 300_000, kept: 128 * KiB + more, channels: [1] })),
  ...[-1, 0, 1].map((more) => ({ batch: 1, seq: 140_000, kept: 64 * KiB + more, channels: [3] })),
  ...[512 * KiB - 1, 512 * KiB, 512 * KiB + 1, 700_001].map((bytes) => ({
    seq: 3,
    kept: 2,
    channels: [bytes],
  })),
  // Few rows, far apart; and several rows of the batch that don't end where anything else does.
  { batch: 1, seq: 2000, kept: 1, channels: [1000], seed: 3 },
  { batch: 1, seq: 2000, kept: 1, channels: [300], spread: "suffix" },
  { batch: 5, seq: 777, kept: 333, channels: [399], shift: 3 },
  { batch: 5, seq: 777, kept: 333, channels: [399], shift: 3, batchFirst: false },
  { batch: 7, seq: 30_011, kept: 11_003, channels: [5], shift: 1 },
  { batch: 7, seq: 30_011, kept: 11_003, channels: [5], shift: 1, batchFirst: false },
  { batch: 700, seq: 120, kept: 31, channels: [9] },
  { batch: 700, seq: 120, kept: 31, channels: [9], batchFirst: false },
  { batch: 3, seq: 50_000, kept: 50_000, channels: [13] },
  { batch: 140_000, seq: 2, kept: 1, channels: [2] },
  { batch: 140_000, seq: 2, kept: 1, channels: [2], batchFirst: false },
  { batch: 1, seq: 1, kept: 1, channels: [600_000] },
  { dtype: "float32", batch: 3, seq: 3001, kept: 1234, channels: [37], batchFirst: false },
  { dtype: "float32", batch: 2, seq: 513, kept: 257, channels: [8, 96] },
  { dtype: "bfloat16", batch: 2, seq: 4099, kept: 2047, channels: [65], shift: 1 },
];

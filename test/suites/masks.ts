/** maskGather and maskSlice on any harness. */
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type DType, layerOf, maskGather, maskSlice, type Tensor } from "../../src/index.ts";
import type { IndexTensor } from "../../src/types.ts";
import {
  ARRAYS,
  expectTensor,
  garbage,
  guarded,
  Held,
  indexTensor,
  NAN_BYTES,
  randomBytes,
  SPREADS,
  type Spread,
} from "./data.ts";
import { type Extent, type Harness, isAmong } from "./harness.ts";
import { plainMaskGather, plainMaskSlice } from "./plain.ts";

interface MaskCase {
  readonly dtype: DType;
  readonly batch: number;
  /** The mask's batch: 1 or `batch`. */
  readonly maskBatch: number;
  readonly heads: number;
  /** The mask's query size: 1 or `seq`. */
  readonly query: number;
  readonly seq: number;
  readonly kept: number;
  /** undefined: the indices are `[B,K]`. */
  readonly layers: number | undefined;
  /** Elements that the tensors lie off a 64-byte line, each its own multiple of it. */
  readonly shift: number;
  readonly spread: Spread;
  readonly seed: number;
}

const defaults: MaskCase = {
  dtype: "float32",
  batch: 1,
  maskBatch: 1,
  heads: 1,
  query: 1,
  seq: 8,
  kept: 4,
  layers: undefined,
  shift: 0,
  spread: "random",
  seed: 1,
};

function maskCases(dtype: DType): fc.Arbitrary<MaskCase> {
  return fc
    .record({
      dtype: fc.constant(dtype),
      batch: fc.integer({ min: 1, max: 3 }),
      oneMask: fc.boolean(),
      heads: fc.integer({ min: 1, max: 3 }),
      keyPadding: fc.boolean(),
      seq: fc.integer({ min: 1, max: 50 }),
      kept: fc.nat(),
      layers: fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined }),
      shift: fc.integer({ min: 0, max: 7 }),
      spread: fc.constantFrom(...SPREADS),
      seed: fc.nat(),
    })
    .map(({ oneMask, keyPadding, ...c }) => ({
      ...c,
      maskBatch: oneMask ? 1 : c.batch,
      query: keyPadding ? 1 : c.seq,
      kept: 1 + (c.kept % c.seq),
    }));
}

type Contents = (n: number, seed: number) => Uint8Array;

/** What both checks share: the mask on the harness, its bytes, and the sizes for the plain computation. */
function prepare(harness: Harness, c: MaskCase, contents: Contents) {
  const size = ARRAYS[c.dtype].BYTES_PER_ELEMENT;
  const shape = [c.maskBatch, c.heads, c.query, c.seq];
  const bytes = contents(c.maskBatch * c.heads * c.query * c.seq * size, c.seed + 1);
  const held = new Held(harness);
  return {
    held,
    bytes,
    mask: held.input("mask", guarded(c.dtype, shape, bytes, c.shift)),
    sizes: { ...c, layers: c.layers ?? 1, elementBytes: size },
    rows: c.query === 1 ? 1 : c.kept,
  };
}

async function checkGather(harness: Harness, c: MaskCase, contents: Contents = randomBytes): Promise<void> {
  const p = prepare(harness, c, contents);
  const layers = c.layers === undefined ? [] : [c.layers];
  const positions = indexTensor([...layers, c.batch, c.kept], c.seq, c.spread, c.seed);
  // Indices in CPU memory serve masks elsewhere too.
  const indices = c.seed % 2 === 0 ? positions : p.held.input("sortedIndices", positions);
  const shape = [...layers, c.batch, c.heads, p.rows, c.kept];
  const expected = plainMaskGather(p.sizes, p.bytes, positions.data);

  await expectTensor(
    harness,
    maskGather(p.mask, indices as IndexTensor),
    c.dtype,
    shape,
    expected,
    "a new tensor",
  );

  const out = p.held.output("out", garbage(c.dtype, shape, 3 * c.shift));
  expect(maskGather(p.mask, indices as IndexTensor, { out })).toBe(out);
  await expectTensor(harness, out, c.dtype, shape, expected, "out");
  await p.held.check();
}

async function checkSlice(harness: Harness, c: MaskCase, contents: Contents = randomBytes): Promise<void> {
  const p = prepare(harness, c, contents);
  const shape = [c.maskBatch, c.heads, p.rows, c.kept];
  const expected = plainMaskSlice(p.sizes, p.bytes);

  await expectTensor(harness, maskSlice(p.mask, c.kept), c.dtype, shape, expected, "a new tensor");

  const out = p.held.output("out", garbage(c.dtype, shape, 3 * c.shift));
  expect(maskSlice(p.mask, c.kept, { out })).toBe(out);
  await expectTensor(harness, out, c.dtype, shape, expected, "out");
  await p.held.check();
}

const KiB = 1024;

/** Rows, masks and results around half a megabyte and beyond. */
const LARGE: readonly Partial<MaskCase>[] = [
  // One row that fills it, and rows that don't fit it at all.
  ...[-1, 0, 1].flatMap((more): Partial<MaskCase>[] => [
    { dtype: "float32", seq: 128 * KiB + more, kept: 1000 },
    { dtype: "float64", seq: 64 * KiB + more, kept: 1000, spread: "even" },
    { dtype: "float16", seq: 256 * KiB + more, kept: 20_000, heads: 2, shift: 1 },
    { dtype: "uint8", seq: 512 * KiB + more, kept: 1000, heads: 2, shift: 3 },
  ]),
  { dtype: "float32", seq: 300_000, kept: 150_000, heads: 2 },
  { dtype: "float32", seq: 300_000, kept: 299_999, batch: 2 },
  { dtype: "float32", seq: 300_000, kept: 1, spread: "suffix", batch: 2, maskBatch: 2 },
  { dtype: "float32", seq: 300_000, kept: 300_000, spread: "prefix" },
  { dtype: "uint8", seq: 1_200_001, kept: 400_000, shift: 5, spread: "runs" },
  { dtype: "float64", seq: 150_001, kept: 70_000, batch: 2, layers: 2 },
  // Lists of columns far apart: as many and more than fit any plan of half and three quarters of a megabyte.
  ...[16 * KiB - 1, 16 * KiB, 16 * KiB + 1, 24 * KiB - 1, 24 * KiB, 24 * KiB + 1, 40_000, 70_000].flatMap(
    (kept): Partial<MaskCase>[] => [
      { dtype: "float32", seq: 4 * kept + 3, kept, spread: "even", batch: 2, heads: 2 },
      { dtype: "uint8", seq: 16 * kept + 7, kept, spread: "even", layers: 2 },
    ],
  ),
  // Sets of positions: more of them than plans for them are kept of, and than lists.
  { dtype: "float32", query: 64, seq: 64, kept: 32, batch: 900, layers: 2 },
  { dtype: "uint8", query: 24, seq: 24, kept: 20, batch: 2200, layers: 3 },
  // Results of which as much as fills it, or one row more or less.
  ...[361, 362, 363].map((kept): Partial<MaskCase> => ({ dtype: "float32", query: 400, seq: 400, kept })),
  ...[723, 724, 725].map(
    (kept): Partial<MaskCase> => ({ dtype: "uint8", query: 800, seq: 800, kept, shift: 1 }),
  ),
  // Masks of as much.
  ...[361, 362, 363].map((n): Partial<MaskCase> => ({ dtype: "float32", query: n, seq: n, kept: 100 })),
  ...[511, 512, 513].map((n): Partial<MaskCase> => ({ dtype: "bfloat16", query: n, seq: n, kept: n - 200 })),
  { dtype: "uint8", query: 1500, seq: 1500, kept: 700, spread: "runs", shift: 2 },
  { dtype: "uint8", query: 1024, seq: 1024, kept: 128, spread: "suffix", batch: 2, maskBatch: 2 },
  { dtype: "float64", query: 300, seq: 300, kept: 150, batch: 2, heads: 2, layers: 2 },
  { dtype: "float32", query: 257, seq: 257, kept: 128, batch: 3, maskBatch: 3, heads: 4, layers: 2 },
  { dtype: "float32", query: 257, seq: 257, kept: 128, batch: 3, heads: 4, layers: 2 },
  { dtype: "float16", query: 900, seq: 900, kept: 1 },
  { dtype: "float16", query: 600, seq: 600, kept: 600 },
  { dtype: "int32", query: 600, seq: 600, kept: 599, heads: 2 },
];

export function masksSuite(harness: Harness, { large: sizes = "all", few = false }: Extent = {}): void {
  describe(`masks, ${harness.name}`, () => {
    /** Runs of each property, from a fixed seed: the same cases everywhere. */
    const RUNS = { numRuns: few ? 40 : 150, seed: 2211 };
    beforeAll(() => harness.open());
    afterAll(() => harness.close());

    describe.each([
      ["maskGather", checkGather],
      ["maskSlice", checkSlice],
    ] as const)("%s", (_name, check) => {
      test.each(harness.dtypes)("random shapes of %s, with and without out", async (dtype) => {
        await fc.assert(
          fc.asyncProperty(maskCases(dtype), (c) => check(harness, c)),
          RUNS,
        );
      });

      test.each(
        harness.dtypes.filter((dtype) => dtype in NAN_BYTES),
      )("keeps the bits of every NaN in %s", async (dtype) => {
        for (const query of [1, 37]) {
          await check(harness, { ...defaults, dtype, seq: 37, query, kept: 21, heads: 2 }, NAN_BYTES[dtype]);
        }
      });

      // Each length of row has its own ends of vectors.
      test.each(harness.dtypes)("every length to 70 of %s", async (dtype) => {
        // A row ends in every place of a vector of 16 bytes at least twice.
        const each = few ? 17 : sizes === "all" ? 70 : 34;
        for (let seq = 1; seq <= 70; seq += seq > each ? 4 : 1) {
          for (const kept of new Set([1, Math.ceil(seq / 3), seq - 1 || 1, seq])) {
            const c = { ...defaults, dtype, seq, kept, seed: seq, spread: SPREADS[seq % SPREADS.length] };
            await check(harness, c);
            if (seq % 7 === 3) await check(harness, { ...c, query: seq, shift: 1, heads: 2 });
          }
        }
      });
    });

    const large = LARGE.map((c) => ({ ...defaults, ...c })).filter(
      (c, i) => isAmong(sizes, i) && harness.dtypes.includes(c.dtype),
    );
    test.each(
      large.map((c) => {
        const name = `${c.dtype} [${c.maskBatch},${c.heads},${c.query},${c.seq}], L ${c.layers}, B ${c.batch}`;
        return [`${name}, K ${c.kept}, ${c.spread}`, c] as const;
      }),
    )("at a size where work is cut: %s", async (_name, c) => {
      await checkGather(harness, c);
      await checkSlice(harness, c);
    });

    test("a layer's view of the indices gives that layer's part of all", async () => {
      const c = { ...defaults, batch: 2, heads: 2, query: 20, seq: 20, kept: 9, layers: 3 };
      const p = prepare(harness, c, randomBytes);
      const positions = indexTensor([3, 2, 9], 20, "random", 7);
      const indices: Tensor = p.held.input("sortedIndices", positions);
      for (let l = 0; l < 3; l++) {
        const expected = plainMaskGather(
          { ...p.sizes, layers: 1 },
          p.bytes,
          positions.data.subarray(l * 18, l * 18 + 18),
        );
        const mask = maskGather(p.mask, layerOf(indices, l) as IndexTensor);
        await expectTensor(harness, mask, "float32", [2, 2, 9, 9], expected, `layer ${l}`);
      }
      await p.held.check();
    });
  });
}

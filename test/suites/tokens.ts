/** GatherTokens and ScatterTokens, forward and backward, on any harness. */
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type CPUTensor,
  type DType,
  GatherTokens,
  ScatterTokens,
  type Tensor,
  tensor,
} from "../../src/index.ts";
import type { IndexTensor } from "../../src/types.ts";
import {
  ARRAYS,
  bytesOf,
  expectTensor,
  garbage,
  guarded,
  Held,
  indexTensor,
  NAN_BYTES,
  randomBytes,
  randomSource,
  SPREADS,
  type Spread,
} from "./data.ts";
import { type Extent, type Harness, isAmong } from "./harness.ts";
import {
  plainAccumulate,
  plainGather,
  plainScatter,
  plainScatterZeros,
  plainZeroRows,
  type TokenSizes,
} from "./plain.ts";

/** One shape, its contents following from `seed`. */
interface TokenCase {
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
}

/** Random cases of one dtype: small shapes, which have the most edges for their size. */
function tokenCases(dtype: DType): fc.Arbitrary<TokenCase> {
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

const defaults: TokenCase = {
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

/** Everything that the checks of one case share. */
function prepare(harness: Harness, c: TokenCase, bytes = randomBytes) {
  const channels = c.channels.reduce((a, b) => a * b, 1);
  const rowBytes = channels * ARRAYS[c.dtype].BYTES_PER_ELEMENT;
  const sizes: TokenSizes = { ...c, rowBytes };
  const shape = (tokens: number) => [
    ...(c.batchFirst ? [c.batch, tokens] : [tokens, c.batch]),
    ...c.channels,
  ];
  const held = new Held(harness);
  const positions = indexTensor([c.batch, c.kept], c.seq, c.spread, c.seed);
  // Indices in CPU memory serve states elsewhere too.
  const indices = c.seed % 2 === 0 ? positions : held.input("sortedIndices", positions);
  return {
    sizes,
    channels,
    held,
    positions: positions.data,
    indices,
    layout: c.batchFirst ? {} : { batchFirst: false },
    allShape: shape(c.seq),
    partShape: shape(c.kept),
    allBytes: bytes(c.batch * c.seq * rowBytes, c.seed + 1),
    partBytes: bytes(c.batch * c.kept * rowBytes, c.seed + 2),
    all: (data: Uint8Array) => guarded(c.dtype, shape(c.seq), data, c.shift),
    part: (data: Uint8Array) => guarded(c.dtype, shape(c.kept), data, 3 * c.shift),
    outAll: () => garbage(c.dtype, shape(c.seq), 5 * c.shift),
    outPart: () => garbage(c.dtype, shape(c.kept), 2 * c.shift),
    expectAll: (t: Tensor, data: Uint8Array, what: string) =>
      expectTensor(harness, t, c.dtype, shape(c.seq), data, what),
    expectPart: (t: Tensor, data: Uint8Array, what: string) =>
      expectTensor(harness, t, c.dtype, shape(c.kept), data, what),
  };
}

type Contents = (n: number, seed: number) => Uint8Array;

async function checkGather(harness: Harness, c: TokenCase, bytes?: Contents): Promise<void> {
  const p = prepare(harness, c, bytes);
  const x = p.held.input("activations", p.all(p.allBytes));
  const expected = plainGather(p.sizes, p.allBytes, p.positions);

  await p.expectPart(GatherTokens.forward(x, p.indices as IndexTensor, p.layout), expected, "a new tensor");

  const out = p.held.output("out", p.outPart());
  expect(GatherTokens.forward(x, p.indices as IndexTensor, { ...p.layout, out })).toBe(out);
  await p.expectPart(out, expected, "out");
  await p.held.check();
}

async function checkGatherBackward(harness: Harness, c: TokenCase, bytes?: Contents): Promise<void> {
  const p = prepare(harness, c, bytes);
  const grad = p.held.input("retainedGrad", p.part(p.partBytes));
  const expected = plainScatterZeros(p.sizes, p.partBytes, p.positions);
  const options = { ...p.layout, seqLength: c.seq };

  await p.expectAll(GatherTokens.backward(grad, p.indices as IndexTensor, options), expected, "a new tensor");

  const out = p.held.output("out", p.outAll());
  expect(GatherTokens.backward(grad, p.indices as IndexTensor, { ...options, out })).toBe(out);
  await p.expectAll(out, expected, "out");
  await p.held.check();
}

async function checkScatter(harness: Harness, c: TokenCase, bytes?: Contents): Promise<void> {
  const p = prepare(harness, c, bytes);
  const part = p.held.input("layerActivations", p.part(p.partBytes));
  const all = p.held.input("allActivations", p.all(p.allBytes));
  const expected = plainScatter(p.sizes, p.allBytes, p.partBytes, p.positions);

  await p.expectAll(
    ScatterTokens.forward(all, part, p.indices as IndexTensor, p.layout),
    expected,
    "a new tensor",
  );

  const out = p.held.output("out", p.outAll());
  expect(ScatterTokens.forward(all, part, p.indices as IndexTensor, { ...p.layout, out })).toBe(out);
  await p.expectAll(out, expected, "out");

  const inPlace = p.held.output("inPlace", p.all(p.allBytes));
  expect(ScatterTokens.forward(inPlace, part, p.indices as IndexTensor, { ...p.layout, inPlace: true })).toBe(
    inPlace,
  );
  await p.expectAll(inPlace, expected, "allActivations in place");

  const itself = p.held.output("out", p.all(p.allBytes));
  expect(ScatterTokens.forward(itself, part, p.indices as IndexTensor, { ...p.layout, out: itself })).toBe(
    itself,
  );
  await p.expectAll(itself, expected, "out, allActivations itself");

  const said = p.held.output("out", p.all(p.allBytes));
  const options = { ...p.layout, inPlace: true, out: said };
  expect(ScatterTokens.forward(said, part, p.indices as IndexTensor, options)).toBe(said);
  await p.expectAll(said, expected, "out, allActivations itself, inPlace");
  await p.held.check();
}

async function checkScatterBackward(harness: Harness, c: TokenCase, bytes?: Contents): Promise<void> {
  const p = prepare(harness, c, bytes);
  const grad = p.held.input("outGrad", p.all(p.allBytes));
  const expectedAll = plainZeroRows(p.sizes, p.allBytes, p.positions);
  const expectedPart = plainGather(p.sizes, p.allBytes, p.positions);
  const both = async (g: { allActivationsGrad: Tensor; layerActivationsGrad: Tensor }, what: string) => {
    await Promise.all([
      p.expectAll(g.allActivationsGrad, expectedAll, `allActivationsGrad, ${what}`),
      p.expectPart(g.layerActivationsGrad, expectedPart, `layerActivationsGrad, ${what}`),
    ]);
  };

  await both(ScatterTokens.backward(grad, p.indices as IndexTensor, p.layout), "new tensors");

  for (const [withAll, withPart] of [
    [true, false],
    [false, true],
    [true, true],
  ]) {
    const allActivationsGrad = withAll ? p.held.output("allActivationsGrad", p.outAll()) : undefined;
    const layerActivationsGrad = withPart ? p.held.output("layerActivationsGrad", p.outPart()) : undefined;
    const out = { allActivationsGrad, layerActivationsGrad };
    const grads = ScatterTokens.backward(grad, p.indices as IndexTensor, { ...p.layout, out });
    if (allActivationsGrad) expect(grads.allActivationsGrad).toBe(allActivationsGrad);
    if (layerActivationsGrad) expect(grads.layerActivationsGrad).toBe(layerActivationsGrad);
    await both(grads, `out ${Object.keys(out)}`);
  }

  for (const withPart of [false, true]) {
    const inPlace = p.held.output("outGrad", p.all(p.allBytes));
    const layerActivationsGrad = withPart ? p.held.output("layerActivationsGrad", p.outPart()) : undefined;
    const out = withPart ? { out: { layerActivationsGrad } } : {};
    const grads = ScatterTokens.backward(inPlace, p.indices as IndexTensor, {
      ...p.layout,
      inPlace: true,
      ...out,
    });
    expect(grads.allActivationsGrad).toBe(inPlace);
    if (layerActivationsGrad) expect(grads.layerActivationsGrad).toBe(layerActivationsGrad);
    await both(grads, "in place");
  }

  // As in the forward pass, `out` may be the tensor itself, which is `inPlace`, with that said or not.
  for (const options of [{}, { inPlace: true }]) {
    const itself = p.held.output("outGrad", p.all(p.allBytes));
    const out = { allActivationsGrad: itself };
    const grads = ScatterTokens.backward(itself, p.indices as IndexTensor, { ...p.layout, ...options, out });
    expect(grads.allActivationsGrad).toBe(itself);
    await both(grads, "out, outGrad itself");
  }
  await p.held.check();
}

/** Numbers of very different sizes, both signs, none of them subnormal: sums that round. */
function randomNumbers<A extends Float32Array | Float64Array>(numbers: A, seed: number): A {
  const random = randomSource(seed);
  for (let i = 0; i < numbers.length; i++) numbers[i] = (random() - 2 ** 31) * 2 ** ((random() % 40) - 50);
  return numbers;
}

async function checkAccumulate(harness: Harness, c: TokenCase): Promise<void> {
  const p = prepare(harness, c);
  const numbers = (tokens: number, seed: number) => {
    const n = c.batch * tokens * p.channels;
    return randomNumbers(c.dtype === "float64" ? new Float64Array(n) : new Float32Array(n), seed);
  };
  const bytes = (a: Float32Array | Float64Array) => new Uint8Array(a.buffer, a.byteOffset, a.byteLength);
  const [base, part] = [numbers(c.seq, c.seed + 1), numbers(c.kept, c.seed + 2)];
  const grad = p.held.input("retainedGrad", p.part(bytes(part)));
  const into = p.held.output("accumulateInto", p.all(bytes(base)));
  const sizes = { ...p.sizes, rowBytes: p.channels };

  const options = { ...p.layout, seqLength: c.seq, accumulateInto: into };
  expect(GatherTokens.backward(grad, p.indices as IndexTensor, options)).toBe(into);
  const once = plainAccumulate(sizes, base, part, p.positions);
  await p.expectAll(into, bytes(once), "accumulateInto");

  GatherTokens.backward(grad, p.indices as IndexTensor, options);
  const twice = plainAccumulate(sizes, once, part, p.positions);
  await p.expectAll(into, bytes(twice), "accumulateInto, again");
  await p.held.check();
}

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

/** Bytes a row: each tail of a vector of 16 bytes, and both sides of where one way of copying gives over to another. */
const ROW_BYTES: readonly number[] = [
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
const FEW_ROW_BYTES = ROW_BYTES.filter(
  (bytes) => bytes <= 17 || [31, 32, 33].includes(bytes) || Number.isInteger(Math.log2(bytes - 1)),
);

/** Tensors around half a megabyte, lists around as many positions, and rows longer than that. */
const LARGE: readonly Partial<TokenCase>[] = [
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
  { batch: 300_000, seq: 2, kept: 1, channels: [2] },
  { batch: 300_000, seq: 2, kept: 1, channels: [2], batchFirst: false },
  { batch: 1, seq: 1, kept: 1, channels: [600_000] },
  { dtype: "float32", batch: 3, seq: 3001, kept: 1234, channels: [37], batchFirst: false },
  { dtype: "float32", batch: 2, seq: 513, kept: 257, channels: [8, 96] },
  { dtype: "bfloat16", batch: 2, seq: 4099, kept: 2047, channels: [65], shift: 1 },
];

/** However rows are cut into stages, some stage's rows lie just as far apart as it has room for, or a row further. */
async function checkTwoBlocks(harness: Harness): Promise<void> {
  const c = { ...defaults, batch: 1, seq: 2000, kept: 760, channels: [300] };
  const p = prepare(harness, c);
  const x = p.held.input("activations", p.all(p.allBytes));
  const part = p.held.input("layerActivations", p.part(p.partBytes));
  const [out, all] = [p.held.output("out", p.outPart()), p.held.output("out", p.outAll())];
  for (let start = 1; start <= c.seq - c.kept + 1; start += start < 1000 ? 99 : 1) {
    const positions = Int32Array.from({ length: c.kept }, (_, k) => (k === 0 ? 0 : start + k - 1));
    const indices = tensor(positions, [1, c.kept]);
    GatherTokens.forward(x, indices, { out });
    await p.expectPart(out, plainGather(p.sizes, p.allBytes, positions), `gathered from ${start}`);
    ScatterTokens.forward(x, part, indices, { out: all });
    const expected = plainScatter(p.sizes, p.allBytes, p.partBytes, positions);
    await p.expectAll(all, expected, `scattered to ${start}`);
  }
  await p.held.check();
}

const CHECKS = { checkGather, checkGatherBackward, checkScatter, checkScatterBackward };
const OPERATIONS = [
  ["GatherTokens.forward", checkGather],
  ["GatherTokens.backward", checkGatherBackward],
  ["ScatterTokens.forward", checkScatter],
  ["ScatterTokens.backward", checkScatterBackward],
] as const;

export function tokensSuite(harness: Harness, { large: sizes = "all", few = false }: Extent = {}): void {
  describe(`rows of tokens, ${harness.name}`, () => {
    beforeAll(() => harness.open());
    afterAll(() => harness.close());

    /** Runs of each property, from a fixed seed: the same cases everywhere. */
    const RUNS = { numRuns: few ? 25 : 100, seed: 2211 };
    const summing = harness.dtypes.filter((dtype) => dtype === "float32" || dtype === "float64");
    const large = LARGE.map((c) => ({ ...defaults, ...c })).filter(
      (c, i) => isAmong(sizes, i) && harness.dtypes.includes(c.dtype),
    );

    describe.each(OPERATIONS)("%s", (_name, check) => {
      test.each(harness.dtypes)("random shapes of %s, either layout, with and without out", async (dtype) => {
        await fc.assert(
          fc.asyncProperty(tokenCases(dtype), (c) => check(harness, c)),
          RUNS,
        );
      });

      test.each(
        harness.dtypes.filter((dtype) => dtype in NAN_BYTES),
      )("keeps the bits of every NaN in %s", async (dtype) => {
        for (const channels of [[1], [6], [24], [72], [300]]) {
          await check(harness, { ...defaults, dtype, seq: 12, kept: 7, channels }, NAN_BYTES[dtype]);
        }
      });
    });

    test("GatherTokens.backward adds to accumulateInto", async () => {
      for (const dtype of summing) {
        await fc.assert(
          fc.asyncProperty(tokenCases(dtype), (c) => checkAccumulate(harness, c)),
          RUNS,
        );
        for (const c of large.filter((c) => c.dtype === "float32"))
          await checkAccumulate(harness, { ...c, dtype });
      }
    });

    test.each(few ? FEW_ROW_BYTES : ROW_BYTES)("rows of %i bytes", async (bytes) => {
      for (const batchFirst of [true, false]) {
        const c = { ...defaults, channels: [bytes], batchFirst, shift: bytes % 5, seed: bytes };
        for (const check of Object.values(CHECKS)) await check(harness, c);
      }
    });

    test("the smallest and the whole: K = 1, K = S, S = 1, B = 1", async () => {
      for (const [batch, seq, kept] of [
        [1, 1, 1],
        [3, 1, 1],
        [1, 17, 1],
        [3, 17, 1],
        [1, 17, 17],
        [3, 17, 17],
      ]) {
        for (const channels of [[], [1], [33], [100], [2, 3, 50]]) {
          const c = { ...defaults, batch, seq, kept, channels, seed: seq };
          for (const check of Object.values(CHECKS)) await check(harness, c);
        }
      }
    });

    test.each(
      large.map((c) => [`${c.dtype} B ${c.batch} S ${c.seq} K ${c.kept} C ${c.channels}`, c] as const),
    )("at a size where work is cut: %s", async (_name, c) => {
      for (const check of Object.values(CHECKS)) await check(harness, c);
    });

    if (sizes === "all") {
      test("two blocks of rows, at every distance of each other", () => checkTwoBlocks(harness));
    }

    test("the same memory is used over: a short call after a long one", async () => {
      const long = { ...defaults, batch: 2, seq: 3000, kept: 1500, channels: [111] };
      for (const check of Object.values(CHECKS)) {
        await check(harness, long);
        await check(harness, { ...defaults, channels: [11], seed: 5 });
      }
    });
  });
}

/** Sums that shaders may flush: CPU harnesses give them as IEEE 754 does. */
export function accumulateSpecials(dtype: "float32" | "float64"): {
  into: CPUTensor;
  part: CPUTensor;
  sum: Uint8Array;
} {
  const tiny = dtype === "float32" ? 2 ** -149 : Number.MIN_VALUE;
  const huge = dtype === "float32" ? 2 ** 127 : 2 ** 1023;
  const values = [0, -0, tiny, -tiny, 3 * tiny, Infinity, -Infinity, huge, -huge, 1];
  const pairs = values.flatMap((a) => values.map((b) => [a, b])).filter(([a, b]) => !Number.isNaN(a + b));
  const make = (numbers: readonly number[]) => {
    const data = dtype === "float32" ? Float32Array.from(numbers) : Float64Array.from(numbers);
    return guarded(dtype, [1, 1, data.length], new Uint8Array(data.buffer));
  };
  return {
    into: make(pairs.map(([a]) => a)),
    part: make(pairs.map(([, b]) => b)),
    sum: bytesOf(make(pairs.map(([a, b]) => a + b))),
  };
}

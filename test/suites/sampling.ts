/** gptSampleTokens and bertSampleTokens by sampling rule 1, on either CPU backend. */
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { useCPUBackend } from "../../src/backends/cpu-backend.ts";
import {
  bertSampleTokens,
  type CPUBackendName,
  gptSampleTokens,
  type SampleOptions,
  tensor,
} from "../../src/index.ts";
import { randomSource } from "./data.ts";
import { plainSample } from "./plain-sampling.ts";

const U32 = 2 ** 32;

/** A number of 32 bits, often at one end. */
const word = fc.oneof(
  fc.integer({ min: 0, max: 5 }),
  fc.integer({ min: U32 - 5, max: U32 - 1 }),
  fc.integer({ min: 0, max: U32 - 1 }),
);

const seeds = fc.oneof(
  fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  fc.constantFrom(0, 1, U32 - 1, U32, U32 + 1, Number.MAX_SAFE_INTEGER, 2n ** 63n, 2n ** 64n - 1n),
);

/** uint8 [B,S], one in `oneIn` bytes as `rare`. */
function tokenMask(batch: number, seq: number, oneIn: number, rare: 0 | 1, seed: number) {
  const random = randomSource(seed);
  const data = Uint8Array.from({ length: batch * seq }, () => (random() % oneIn === 0 ? rare : 1 - rare));
  return tensor(data, [batch, seq]);
}

/** Calls over all parameters. More tokens than K may be kept: `atMostKept` says how many rows have. */
export function sampleCases(lengths: fc.Arbitrary<number>, rows: number): fc.Arbitrary<SampleOptions> {
  return fc
    .record({
      seqLength: lengths,
      kept: fc.nat(),
      batchSize: fc.integer({ min: 1, max: rows }),
      layers: fc.integer({ min: 1, max: 3 }),
      seed: seeds,
      step: word,
      batchOffset: word,
      layerOffset: word,
      prefix: fc.oneof(fc.constant(0), fc.nat()),
      keepOneIn: fc.constantFrom(0, 0, 0, 2, 5, 30, 10_000),
      padOneIn: fc.constantFrom(0, 0, 0, 1, 2, 5, 30, 10_000),
      maskSeed: fc.nat(),
    })
    .map(({ kept, prefix, keepOneIn, padOneIn, maskSeed, ...c }) => {
      const reservedLength = 1 + (kept % c.seqLength);
      const keepMask =
        keepOneIn > 0 ? tokenMask(c.batchSize, c.seqLength, keepOneIn, 1, maskSeed) : undefined;
      const paddingMask =
        padOneIn > 0 ? tokenMask(c.batchSize, c.seqLength, padOneIn, 0, maskSeed + 1) : undefined;
      return {
        ...c,
        reservedLength,
        keepPrefix: prefix % (reservedLength + 1),
        keepMask,
        paddingMask,
        batchOffset: Math.min(c.batchOffset, U32 - c.batchSize),
        layerOffset: Math.min(c.layerOffset, U32 - c.layers),
      };
    });
}

/** Whether some row has more kept tokens than K. */
export function keepsTooMany(o: SampleOptions): boolean {
  const { batchSize, seqLength, keepPrefix = 0, keepMask } = o;
  return Array.from({ length: batchSize }, (_, b) => {
    let kept = 0;
    for (let i = 0; i < seqLength; i++) {
      if (i < keepPrefix || keepMask?.data[b * seqLength + i] === 1) kept++;
    }
    return kept > o.reservedLength;
  }).includes(true);
}

// Made by useCPUBackend("reference") and gptSampleTokens(options).sampledIndices.data.
const KNOWN: readonly [SampleOptions, readonly number[]][] = [
  [{ reservedLength: 8, seqLength: 32, batchSize: 1, seed: 0 }, [7, 8, 9, 10, 11, 21, 27, 29]],
  [
    { reservedLength: 10, seqLength: 50, batchSize: 2, layers: 2, seed: 1234, step: 7 },
    [
      5, 11, 12, 14, 19, 27, 37, 40, 41, 49, 0, 5, 13, 18, 20, 25, 31, 45, 48, 49, 7, 15, 17, 19, 21, 22, 23,
      26, 45, 48, 0, 23, 28, 31, 32, 42, 44, 45, 48, 49,
    ],
  ],
  [
    {
      reservedLength: 12,
      seqLength: 1000,
      batchSize: 1,
      seed: 2n ** 64n - 1n,
      step: U32 - 1,
      batchOffset: U32 - 1,
      layerOffset: U32 - 1,
    },
    [11, 278, 356, 416, 420, 484, 517, 551, 661, 677, 754, 862],
  ],
  [
    {
      reservedLength: 9,
      seqLength: 200,
      batchSize: 1,
      seed: 81985529216486895n, // 0x0123456789abcdef
      step: 100_000,
      keepPrefix: 3,
      layerOffset: 5,
      batchOffset: 300,
    },
    [0, 1, 2, 76, 109, 135, 147, 163, 178],
  ],
  [
    { reservedLength: 6, seqLength: 131_073, batchSize: 1, seed: 42, step: 1 },
    [6538, 40046, 46003, 59687, 70742, 106386],
  ],
];

export function samplingSuite(name: CPUBackendName): void {
  describe(`sampling, ${name}`, () => {
    beforeAll(() => useCPUBackend(name));
    afterAll(() => useCPUBackend(undefined));

    const draw = (options: SampleOptions) => gptSampleTokens(options).sampledIndices;

    test.each(KNOWN)("known answers: %o", (options, expected) => {
      expect([...draw(options).data]).toEqual(expected);
    });

    test("the rule itself, over all parameters", () => {
      fc.assert(
        fc.property(sampleCases(fc.integer({ min: 1, max: 40 }), 3), (options) => {
          fc.pre(!keepsTooMany(options));
          const { data, shape, dtype } = draw(options);
          expect(dtype).toBe("int32");
          expect(shape).toEqual([options.layers, options.batchSize, options.reservedLength]);
          expect([...data]).toEqual([...plainSample(options)]);
        }),
        { numRuns: 300, seed: 2211 },
      );
    });

    test("what is not given: one layer, step 0, offsets 0, nothing kept, no padding", () => {
      const options = { reservedLength: 5, seqLength: 17, batchSize: 2, seed: 3 };
      const spelt = { ...options, layers: 1, step: 0, batchOffset: 0, layerOffset: 0, keepPrefix: 0 };
      expect(draw(options)).toEqual(draw(spelt));
      expect(draw(options).shape).toEqual([1, 2, 5]);
      const all = tensor(new Uint8Array(34).fill(1), [2, 17]);
      const none = tensor(new Uint8Array(34), [2, 17]);
      expect(draw({ ...options, keepMask: none, paddingMask: all })).toEqual(draw(options));
    });

    test("gpt and bert draw the same", () => {
      const options = { reservedLength: 9, seqLength: 33, batchSize: 2, layers: 2, seed: 77n, step: 5 };
      expect(bertSampleTokens(options)).toEqual({ sampledIndices: draw(options), newMask: null });
    });

    test("each parameter changes the draw, and a call has no memory of another", () => {
      const options = { reservedLength: 16, seqLength: 64, batchSize: 1, seed: 1, step: 1, batchOffset: 1 };
      const before = draw(options);
      for (const other of [
        { seed: 2 },
        { seed: 1n + 2n ** 32n },
        { seed: 1n + 2n ** 63n },
        { step: 2 },
        { batchOffset: 2 },
        { layerOffset: 1 },
        { layerOffset: 1, batchOffset: 0 },
        { step: 1 + 2 ** 31 },
      ]) {
        expect(draw({ ...options, ...other }).data, JSON.stringify(other, String)).not.toEqual(before.data);
      }
      expect(draw(options)).toEqual(before);
      expect(draw({ ...options, seed: 1n })).toEqual(before);
    });

    test("the same indices by layer, by row and at once, and wherever the batch is cut", () => {
      fc.assert(
        fc.property(sampleCases(fc.integer({ min: 1, max: 100 }), 6), fc.nat(), (options, cutAt) => {
          fc.pre(!keepsTooMany(options));
          const { batchSize, seqLength, reservedLength: kept, layers = 1 } = options;
          const { batchOffset = 0, layerOffset = 0 } = options;
          const whole = draw(options).data;
          const rowsOf = (mask: SampleOptions["keepMask"], from: number, to: number) =>
            mask && tensor(mask.data.subarray(from * seqLength, to * seqLength), [to - from, seqLength]);
          const part = (l: number, from: number, to: number) =>
            draw({
              ...options,
              layers: 1,
              layerOffset: layerOffset + l,
              batchSize: to - from,
              batchOffset: batchOffset + from,
              keepMask: rowsOf(options.keepMask, from, to),
              paddingMask: rowsOf(options.paddingMask, from, to),
            }).data;
          const cut = cutAt % batchSize;
          for (let l = 0; l < layers; l++) {
            const layer = [...whole.subarray(l * batchSize * kept, (l + 1) * batchSize * kept)];
            expect([...part(l, 0, batchSize)]).toEqual(layer);
            if (cut > 0) expect([...part(l, 0, cut), ...part(l, cut, batchSize)]).toEqual(layer);
            const rows = Array.from({ length: batchSize }, (_, b) => [...part(l, b, b + 1)]);
            expect(rows.flat()).toEqual(layer);
          }
        }),
        { numRuns: 100, seed: 2211 },
      );
    });

    test("kept tokens come first, padding last, and kept wins over padding", () => {
      const keepMask = tensor(
        Uint8Array.from({ length: 64 }, (_, i) => (i % 8 === 3 ? 1 : 0)),
        [1, 64],
      );
      const paddingMask = tensor(
        Uint8Array.from({ length: 64 }, (_, i) => (i < 40 ? 1 : 0)),
        [1, 64],
      );
      for (let seed = 0; seed < 50; seed++) {
        const options = { seqLength: 64, batchSize: 1, seed, keepPrefix: 2, keepMask, paddingMask };
        const retained = (reservedLength: number) => [...draw({ ...options, reservedLength }).data];
        // Two of the prefix, and 3, 11, .. 59, of which those from 40 on are padding: ten.
        expect(retained(10)).toEqual([0, 1, 3, 11, 19, 27, 35, 43, 51, 59]);
        // And the other 33 that are real.
        const real = [...Array(40).keys(), 43, 51, 59];
        expect(retained(43)).toEqual(real);
        expect(retained(42).filter((i) => !real.includes(i))).toEqual([]);
        const some = retained(50);
        expect(real.filter((i) => !some.includes(i))).toEqual([]);
        expect(retained(64)).toEqual([...Array(64).keys()]);
      }
    });

    test("a prefix and a mask may keep just K, not one more", () => {
      const keepMask = tensor(Uint8Array.from([0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 0]), [2, 8]);
      const options = { seqLength: 8, batchSize: 2, seed: 1, keepMask };
      expect([...draw({ ...options, reservedLength: 3 }).data].slice(3)).toEqual([4, 5, 6]);
      expect([...draw({ ...options, reservedLength: 4, keepPrefix: 1 }).data].slice(4)).toEqual([0, 4, 5, 6]);
      expect(() => draw({ ...options, reservedLength: 2 })).toThrow(/^"keepMask" expected /);
      expect(() => draw({ ...options, reservedLength: 3, keepPrefix: 1 })).toThrow(/^"keepMask" expected /);
    });
  });
}

/** GatherTokens and ScatterTokens, forward and backward, on any harness. */
import fc from "fast-check";
import { afterAll, beforeAll, describe, test } from "vitest";
import { NAN_BYTES } from "./data.ts";
import { type Extent, type Harness, isAmong } from "./harness.ts";
import { defaults, FEW_ROW_BYTES, LARGE, ROW_BYTES, tokenCases } from "./token-cases.ts";
import {
  checkAccumulate,
  checkGather,
  checkGatherBackward,
  checkScatter,
  checkScatterBackward,
  checkTwoBlocks,
} from "./token-checks.ts";

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
    const large = LARGE.map((c) => ({ ...defaults, ...c, oneWay: true })).filter(
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

import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import { useCPUBackend } from "../src/backends/cpu-backend.ts";
import { tensor, tokenSort } from "../src/index.ts";
import { CPU_BACKENDS } from "./suites/cpu.ts";
import { expectBytes, positions, randomSource, SPREADS } from "./suites/data.ts";

afterEach(() => useCPUBackend(undefined));

/** The same numbers in a random order: Fisher and Yates. */
function shuffled(numbers: readonly number[], random: () => number): Int32Array<ArrayBuffer> {
  const out = Int32Array.from(numbers);
  for (let i = out.length - 1; i > 0; i--) {
    const j = random() % (i + 1);
    [out[i], out[j]] = [out[j], out[i]];
  }
  return out;
}

describe.each(CPU_BACKENDS)("tokenSort, %s", (name) => {
  const sort = (data: Int32Array<ArrayBuffer>, shape: readonly number[], seq: number) => {
    useCPUBackend(name);
    return tokenSort(tensor(data, shape), seq);
  };

  test("random rows, from one of many positions to all of them", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 4 }),
        fc.oneof(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 4000 })),
        fc.nat(),
        fc.constantFrom(...SPREADS),
        fc.nat(),
        (rows, seq, k, spread, seed) => {
          const kept = 1 + (k % Math.min(seq, seed % 2 ? seq : 1 + (seq >> 6)));
          const random = randomSource(seed);
          const sorted = Array.from({ length: rows }, () => positions(seq, kept, spread, random));
          const drawn = Int32Array.from(sorted.flatMap((row) => [...shuffled(row, random)]));
          const before = drawn.slice();
          const result = sort(drawn, [rows, kept], seq);
          expect(result.shape).toEqual([rows, kept]);
          expect(result.dtype).toBe("int32");
          expect(String(result.data)).toBe(String(sorted.flat()));
          expect(result.data).not.toBe(drawn);
          expect(drawn).toEqual(before);
        },
      ),
      { numRuns: 250, seed: 2211 },
    );
  });

  // 131072 positions go into the core at a time, and as many come out.
  test.each([
    [131_071, 131_071],
    [131_072, 131_073],
    [131_073, 300_000],
    [70_000, 131_075],
    [3, 2 ** 31 - 1],
    [20_000, 2 ** 21],
    [530_000, 2 ** 25],
    [530_000, 2 ** 25 + 1],
  ])("K = %i of S = %i", (kept, seq) => {
    const random = randomSource(kept);
    const sorted = positions(Math.min(seq, 2 ** 22), kept, "random", random);
    sorted[kept - 1] = seq - 1;
    const { data } = sort(shuffled(sorted, random), [kept], seq);
    expectBytes(new Uint8Array(data.buffer), new Uint8Array(Int32Array.from(sorted).buffer), "positions");
  });

  test("any rank", () => {
    expect(sort(Int32Array.of(2, 0, 1), [3], 3)).toEqual(tensor(Int32Array.of(0, 1, 2), [3]));
    expect(sort(Int32Array.of(3, 1, 2, 0), [2, 1, 2], 4)).toEqual(
      tensor(Int32Array.of(1, 3, 0, 2), [2, 1, 2]),
    );
  });

  // For many of few positions, and for few of many, which are sorted in different ways.
  test.each([9, 10_000])("repeated and out-of-range positions among %i are refused", (seq) => {
    const refuse = (row: number[]) => {
      const data = Int32Array.from([0, 1, 2, 3, ...row]);
      const call = () => sort(data, [2, 4], seq);
      expect(call).toThrow(RangeError);
      expect(call).toThrow(
        new RegExp(
          `^"indices" expected distinct positions from 0 to ${seq - 1} in each row, got -?\\d+ in row 1$`,
        ),
      );
    };
    expect(sort(Int32Array.of(0, 1, 2, 3, seq - 1, 0, 4, 2), [2, 4], seq).data[7]).toBe(seq - 1);
    refuse([4, 1, 4, 2]);
    refuse([4, 4, 1, 2]);
    refuse([1, 2, 4, 4]);
    refuse([seq, 0, 1, 2]);
    refuse([0, 1, 2, seq]);
    refuse([0, -1, 1, 2]);
    refuse([-(2 ** 31), 0, 1, 2]);
    refuse([2 ** 31 - 1, 0, 1, 2]);
  });
});

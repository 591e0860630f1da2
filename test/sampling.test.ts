import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import { useCPUBackend } from "../src/backends/cpu-backend.ts";
import { type CPUBackendName, gptSampleTokens, type SampleOptions, tensor } from "../src/index.ts";
import { CPU_BACKENDS } from "./suites/cpu.ts";
import { expectBytes, randomSource } from "./suites/data.ts";
import { plainFirst, plainOrder } from "./suites/plain-sampling.ts";
import { keepsTooMany, sampleCases, samplingSuite } from "./suites/sampling.ts";

for (const name of CPU_BACKENDS) samplingSuite(name);

afterEach(() => useCPUBackend(undefined));

/** The indices that a backend draws, or the message that it throws. */
function drawOn(name: CPUBackendName, options: SampleOptions): Int32Array | string {
  useCPUBackend(name);
  try {
    return gptSampleTokens(options).sampledIndices.data;
  } catch (error) {
    return String(error);
  }
}

function expectSame(actual: Int32Array, expected: Int32Array, what: string): void {
  const bytes = (a: Int32Array) => new Uint8Array(a.buffer, a.byteOffset, a.byteLength);
  expectBytes(bytes(actual), bytes(expected), what);
}

describe("the core against the reference", () => {
  test.each([
    ["short rows", 1, 130, 2500],
    ["rows of hundreds", 100, 1200, 500],
    ["rows of thousands", 1000, 5000, 150],
  ])("%s, over all parameters", (_name, min, max, numRuns) => {
    let refused = 0;
    fc.assert(
      fc.property(sampleCases(fc.integer({ min, max }), 3), (options) => {
        const [actual, expected] = [drawOn("wasm", options), drawOn("reference", options)];
        if (typeof expected === "string") {
          refused++;
          expect(actual).toBe(expected);
          expect(expected).toMatch(/^RangeError: "keepMask" expected /);
        } else expectSame(actual as Int32Array, expected, "indices");
        expect(typeof expected === "string").toBe(keepsTooMany(options));
      }),
      { numRuns, seed: 2211 },
    );
    expect(refused).toBeLessThan(numRuns / 4);
  });
});

/** K that a sampler could get wrong by one, for S. */
function lengthsKept(seq: number): number[] {
  const all = [1, 2, seq >> 3, (seq >> 1) - 1, seq >> 1, seq - (seq >> 3), seq - 1, seq];
  return [...new Set(all)].filter((kept) => kept >= 1 && kept <= seq);
}

describe("the core against one native sort of all keys", () => {
  const powers = Array.from({ length: 18 }, (_, p) => 2 ** p).flatMap((n) => [n - 1, n, n + 1]);
  // Blocks of 4, groups of 32, words of 64, lines of 512 positions, tiles of 131072.
  const edges = [4, 32, 64, 96, 160, 512, 1024, 8192, 65536 - 64, 65536, 65536 + 64, 131072 - 32, 131072]
    .flatMap((n) => [n - 2, n - 1, n, n + 1, n + 2])
    .concat(65536 + 31, 65536 + 32, 65536 + 33, 65536 + 65, 98_304, 100_003);
  const lengths = [...new Set([...powers, ...edges])].filter((n) => n > 0).sort((a, b) => a - b);

  test.each(lengths)("S = %i, K from 1 to S, with and without classes", (seqLength) => {
    const [seed, step, layer, row] = [seqLength * 3 + 2 ** 40, 17, 2, 5];
    const order = plainOrder({ seqLength, seed, step, layer, row });
    const call = { seqLength, batchSize: 1, seed, step, layerOffset: layer, batchOffset: row };
    const random = randomSource(seqLength);
    const keep = Uint8Array.from({ length: seqLength }, () => (random() % 16 === 0 ? 1 : 0));
    const real = Uint8Array.from({ length: seqLength }, () => (random() % 5 === 0 ? 0 : 1));
    const count = keep.reduce((n, one) => n + one, 0);
    const [keepMask, paddingMask] = [tensor(keep, [1, seqLength]), tensor(real, [1, seqLength])];
    const classOf = (i: number) => (keep[i] === 1 ? 0 : real[i] === 0 ? 2 : 1);
    for (const kept of lengthsKept(seqLength)) {
      const what = `S ${seqLength}, K ${kept}`;
      const drawn = drawOn("wasm", { ...call, reservedLength: kept }) as Int32Array;
      expectSame(drawn, plainFirst(order, kept), what);
    }
    for (const kept of lengthsKept(seqLength).slice(-6)) {
      if (kept < count) continue;
      const options = { ...call, reservedLength: kept, keepMask, paddingMask };
      const drawn = drawOn("wasm", options) as Int32Array;
      expectSame(drawn, plainFirst(order, kept, classOf), `S ${seqLength}, K ${kept}, classes`);
    }
  });

  // Pieces of 131072 positions come out at a time, and 524288 classes go in.
  test.each([2 ** 17 + 3, 2 ** 19 - 1, 2 ** 19 + 1, 2 ** 20])("S = %i", (seqLength) => {
    const call = { seqLength, batchSize: 1, seed: 7, step: 3, keepPrefix: 11 };
    const order = plainOrder({ seqLength, seed: 7, step: 3, layer: 0, row: 0 });
    const random = randomSource(seqLength);
    const real = Uint8Array.from({ length: seqLength }, () => (random() % 3 === 0 ? 0 : 1));
    const paddingMask = tensor(real, [1, seqLength]);
    for (const kept of [100, 2 ** 17 - 1, 2 ** 17, 2 ** 17 + 1, seqLength - 5]) {
      const classOf = (i: number) => (i < 11 ? 0 : 1);
      const drawn = drawOn("wasm", { ...call, reservedLength: kept }) as Int32Array;
      expectSame(drawn, plainFirst(order, kept, classOf), `K ${kept}`);
    }
    for (const kept of [seqLength >> 1, seqLength - 5]) {
      const classOf = (i: number) => (i < 11 ? 0 : real[i] === 0 ? 2 : 1);
      const drawn = drawOn("wasm", { ...call, reservedLength: kept, paddingMask }) as Int32Array;
      expectSame(drawn, plainFirst(order, kept, classOf), `K ${kept}, padding`);
    }
  });

  // As many rows as 131072 positions are, and one more; K of which no whole number fills it.
  test.each([
    [1, 131_073, 2],
    [300, 437, 700],
    [511, 257, 512],
    [40_000, 9, 65_600],
  ])("K = %i of many rows: B %i, S %i", (reservedLength, batchSize, seqLength) => {
    const options = { reservedLength, batchSize, seqLength, seed: 5, layers: 2, batchOffset: 9 };
    const drawn = drawOn("wasm", options) as Int32Array;
    for (const layer of [0, 1]) {
      for (const row of [0, 1, batchSize >> 1, batchSize - 2, batchSize - 1]) {
        const order = plainOrder({ seqLength, seed: 5, step: 0, layer, row: row + 9 });
        const at = (layer * batchSize + row) * reservedLength;
        const expected = plainFirst(order, reservedLength);
        expectSame(drawn.slice(at, at + reservedLength), expected, `layer ${layer}, row ${row}`);
      }
    }
  });
});

test("rows so long that each comes out alone have keys of their own", () => {
  const [layers, batchSize, seqLength, reservedLength] = [2, 2, 2 ** 17 + 9, 2 ** 17 + 1];
  const { data } = gptSampleTokens({
    ...{ layers, batchSize, seqLength, reservedLength },
    ...{ seed: 7, step: 3, layerOffset: 4, batchOffset: 9 },
  }).sampledIndices;
  for (const [l, r] of [
    [0, 0],
    [0, 1],
    [1, 0],
    [1, 1],
  ]) {
    const order = plainOrder({ seqLength, seed: 7, step: 3, layer: 4 + l, row: 9 + r });
    const at = (l * batchSize + r) * reservedLength;
    const expected = plainFirst(order, reservedLength);
    expect(data.subarray(at, at + reservedLength).every((position, i) => position === expected[i])).toBe(
      true,
    );
  }
});

/** The masks that gptSampleTokens and bertSampleTokens return, and which they refuse, on either CPU backend. */
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { useCPUBackend } from "../../src/backends/cpu-backend.ts";
import {
  bertSampleTokens,
  type CPUBackendName,
  type CPUTensor,
  type DType,
  gptSampleTokens,
  type MaskMode,
  tensor,
} from "../../src/index.ts";
import { DTYPES } from "./cpu.ts";
import { ARRAYS, bytesOf, expectBytes, guarded, randomBytes } from "./data.ts";
import { plainMaskGather, plainMaskSlice } from "./plain.ts";

interface Shape {
  readonly batch: number;
  readonly heads: number;
  readonly query: number;
  readonly seq: number;
}

/** A mask whose entry at (b, h, i, j) is the one of `entries`, a few elements in bytes, that `which` says. */
function maskOf(
  dtype: DType,
  { batch, heads, query, seq }: Shape,
  entries: readonly Uint8Array[],
  which: (b: number, h: number, i: number, j: number) => number,
): CPUTensor {
  const size = ARRAYS[dtype].BYTES_PER_ELEMENT;
  const bytes = new Uint8Array(batch * heads * query * seq * size);
  let at = 0;
  for (let b = 0; b < batch; b++) {
    for (let h = 0; h < heads; h++) {
      for (let i = 0; i < query; i++) {
        for (let j = 0; j < seq; j++, at += size) bytes.set(entries[which(b, h, i, j)], at);
      }
    }
  }
  return guarded(dtype, [batch, heads, query, seq], bytes, 1);
}

/** Below, on and above the diagonal. */
const bySign = (_b: number, _h: number, i: number, j: number) => Math.sign(j - i) + 1;

/** Three different elements and one that differs from each in a single bit. */
function entriesOf(dtype: DType): Uint8Array[] {
  const size = ARRAYS[dtype].BYTES_PER_ELEMENT;
  const entries = [1, 2, 3].map((seed) => randomBytes(size, seed).slice());
  return [
    ...entries,
    ...entries.map((entry) => entry.map((byte, i) => (i === size - 1 ? byte ^ 128 : byte))),
  ];
}

export function sampledMasksSuite(name: CPUBackendName): void {
  describe(`masks of a draw, ${name}`, () => {
    beforeAll(() => useCPUBackend(name));
    afterAll(() => useCPUBackend(undefined));

    const call = (attnMask: CPUTensor, reservedLength: number, maskMode?: MaskMode) =>
      gptSampleTokens({
        reservedLength,
        seqLength: attnMask.shape[3],
        batchSize: attnMask.shape[0],
        layers: 2,
        seed: 4,
        attnMask,
        ...(maskMode && { maskMode }),
      });
    const refused = (attnMask: CPUTensor, reservedLength: number) => {
      expect(() => call(attnMask, reservedLength)).toThrow(RangeError);
      expect(() => call(attnMask, reservedLength)).toThrow(/^"attnMask" expected .*"gather".*, got /);
    };

    test.each(DTYPES)("%s: rows and columns at the drawn positions, or the corner", (dtype) => {
      const size = ARRAYS[dtype].BYTES_PER_ELEMENT;
      fc.assert(
        fc.property(
          fc.record({
            batch: fc.integer({ min: 1, max: 3 }),
            oneMask: fc.boolean(),
            heads: fc.integer({ min: 1, max: 3 }),
            keyPadding: fc.boolean(),
            seq: fc.integer({ min: 1, max: 30 }),
            kept: fc.nat(),
            layers: fc.integer({ min: 1, max: 3 }),
            seed: fc.nat(),
          }),
          (c) => {
            const [maskBatch, query] = [c.oneMask ? 1 : c.batch, c.keyPadding ? 1 : c.seq];
            const kept = 1 + (c.kept % c.seq);
            const shape = [maskBatch, c.heads, query, c.seq];
            const bytes = randomBytes(maskBatch * c.heads * query * c.seq * size, c.seed);
            const attnMask = guarded(dtype, shape, bytes, c.seed % 4);
            const options = { reservedLength: kept, seqLength: c.seq, batchSize: c.batch, layers: c.layers };
            const sizes = { ...c, maskBatch, query, kept, elementBytes: size };
            const rows = query === 1 ? 1 : kept;

            const bert = bertSampleTokens({ ...options, seed: c.seed, attnMask });
            expect(bert.newMask.shape).toEqual([c.layers, c.batch, c.heads, rows, kept]);
            expect(bert.newMask.dtype).toBe(dtype);
            const gathered = plainMaskGather(sizes, bytes, bert.sampledIndices.data);
            expectBytes(bytesOf(bert.newMask), gathered, "gathered");
            expect(gptSampleTokens({ ...options, seed: c.seed, attnMask, maskMode: "gather" })).toEqual(bert);

            const sliced = gptSampleTokens({
              ...options,
              seed: c.seed,
              attnMask,
              maskMode: "slice-unchecked",
            });
            expect(sliced.sampledIndices).toEqual(bert.sampledIndices);
            expect(sliced.newMask.shape).toEqual([maskBatch, c.heads, rows, kept]);
            expect(sliced.newMask.dtype).toBe(dtype);
            expectBytes(bytesOf(sliced.newMask), plainMaskSlice(sizes, bytes), "sliced");
            expectBytes(bytesOf(attnMask), bytes, "the mask itself");
          },
        ),
        { numRuns: 60, seed: 2211 },
      );
    });

    test.each(DTYPES)("%s: slice takes a mask of three entries, by the sign of j - i", (dtype) => {
      for (const seq of [1, 2, 3, 17, 64]) {
        const mask = maskOf(dtype, { batch: 2, heads: 2, query: seq, seq }, entriesOf(dtype), bySign);
        for (const kept of new Set([1, Math.ceil(seq / 2), Math.max(1, seq - 1), seq])) {
          const { newMask, sampledIndices } = call(mask, kept);
          expect(newMask.shape).toEqual([2, 2, kept, kept]);
          const gathered = call(mask, kept, "gather");
          expect(sampledIndices).toEqual(gathered.sampledIndices);
          const layer = bytesOf(gathered.newMask).subarray(0, bytesOf(newMask).length);
          expectBytes(bytesOf(newMask), layer, "the corner, which is what gathering gives");
        }
      }
    });

    test.each(DTYPES)("%s: slice refuses a single other entry, wherever it is", (dtype) => {
      const [batch, heads, seq] = [2, 3, 9];
      for (let n = 0; n < batch * heads * seq * seq; n++) {
        const place = [n / (heads * seq * seq), (n / (seq * seq)) % heads, (n / seq) % seq, n % seq].map(
          Math.floor,
        );
        const which = (...at: [number, number, number, number]) =>
          bySign(...at) + (at.every((i, d) => i === place[d]) ? 3 : 0);
        const mask = maskOf(dtype, { batch, heads, query: seq, seq }, entriesOf(dtype), which);
        refused(mask, 4);
        // Nothing is dropped, so nothing can be wrong.
        if (n % 50 === 0) expectBytes(bytesOf(call(mask, seq).newMask), bytesOf(mask), "K = S");
      }
    });

    test.each([
      ["padding of one row", (b, _h, i, j) => (b === 1 && j > 6 ? 2 : bySign(b, 0, i, j) > 1 ? 1 : 0)],
      ["packed sequences", (_b, _h, i, j) => (j <= i && j >> 2 === i >> 2 ? 0 : 1)],
      ["a window", (_b, _h, i, j) => (j <= i && i - j < 4 ? 0 : 1)],
      ["a bias by distance", (_b, _h, i, j) => Math.min(2, Math.abs(i - j))],
      ["another head", (_b, h, i, j) => (h === 1 ? 2 - bySign(0, 0, i, j) : bySign(0, 0, i, j))],
      ["another row of the batch", (b, _h, i, j) => (b === 1 ? 2 - bySign(0, 0, i, j) : bySign(0, 0, i, j))],
      ["another diagonal in one head", (_b, h, i, j) => (h === 1 && i === j ? 0 : bySign(0, 0, i, j))],
      ["one head all alike", (_b, h, i, j) => (h === 1 ? 0 : bySign(0, 0, i, j))],
    ] as [
      string,
      (b: number, h: number, i: number, j: number) => number,
    ][])("slice refuses %s", (_name, which) => {
      for (const dtype of DTYPES) {
        const mask = maskOf(dtype, { batch: 2, heads: 2, query: 12, seq: 12 }, entriesOf(dtype), which);
        refused(mask, 5);
        refused(mask, 11);
        expect(call(mask, 12).newMask.shape).toEqual([2, 2, 12, 12]);
        expect(call(mask, 5, "slice-unchecked").newMask.shape).toEqual([2, 2, 5, 5]);
      }
    });

    test("entries are compared by bits: 0 is not -0, and NaNs are alike where their bits are", () => {
      const causal = (at: number, low: number, odd: number) => {
        const data = new Float32Array(64).map((_, n) => (n % 8 > n >> 3 ? Number.NEGATIVE_INFINITY : 0));
        const words = new Uint32Array(data.buffer);
        for (let n = 0; n < 64; n++) if (n % 8 < n >> 3) words[n] = low;
        words[at] = odd;
        return tensor(data, [1, 1, 8, 8]);
      };
      const [zero, minusZero, nan, otherNaN] = [0, 0x80000000, 0x7fc00000, 0x7fc00001];
      expect(call(causal(3 * 8 + 1, zero, zero), 4).newMask.shape).toEqual([1, 1, 4, 4]);
      refused(causal(3 * 8 + 1, zero, minusZero), 4);
      expect(call(causal(3 * 8 + 1, nan, nan), 4).newMask.shape).toEqual([1, 1, 4, 4]);
      refused(causal(3 * 8 + 1, nan, otherNaN), 4);
      refused(causal(7 * 8 + 0, minusZero, zero), 4);
    });

    test.each(DTYPES)("%s: query size 1 is taken where all entries are equal", (dtype) => {
      const entries = entriesOf(dtype);
      for (const seq of [2, 16, 33]) {
        const shape = { batch: 2, heads: 2, query: 1, seq };
        const alike = maskOf(dtype, shape, entries, () => 0);
        expect(call(alike, 2).newMask.shape).toEqual([2, 2, 1, 2]);
        const from = maskOf(dtype, shape, entries, (b, h, _i, j) => (b + h === 2 && j === seq - 1 ? 3 : 0));
        if (seq > 2) refused(from, 2);
        refused(from, 1);
        expect(call(from, seq).newMask.shape).toEqual([2, 2, 1, seq]);
      }
      // A padding mask is one that gathering is for.
      refused(
        maskOf(dtype, { batch: 1, heads: 1, query: 1, seq: 8 }, entries, (_b, _h, _i, j) => (j < 6 ? 0 : 1)),
        4,
      );
    });

    // 724 * 724 bytes are just less than half a megabyte, 725 * 725 more; 2050 rows come in four pieces and more.
    test.each([
      ["uint8", 724],
      ["uint8", 725],
      ["uint8", 2050],
      ["float32", 363],
      ["float64", 515],
      ["bfloat16", 800],
    ] as const)("%s, S = %i: slice reads a mask to its end", (dtype, length) => {
      const seq = name === "reference" ? 100 : length; // it reads no pieces
      const mask = maskOf(dtype, { batch: 1, heads: 2, query: seq, seq }, entriesOf(dtype), bySign);
      expect(call(mask, 2).newMask.shape).toEqual([1, 2, 2, 2]);
      const bytes = bytesOf(mask);
      const plane = bytes.length / 2;
      for (const at of [
        0,
        1,
        seq,
        plane >> 1,
        plane - 1,
        plane,
        plane + 1,
        bytes.length - seq,
        bytes.length - 1,
      ]) {
        bytes[at] ^= 1;
        refused(mask, 2);
        bytes[at] ^= 1;
      }
    });
  });
}

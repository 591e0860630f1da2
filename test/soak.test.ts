/** What stays in memory after very many calls, and after very large ones. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { core } from "../src/core/core.ts";
import {
  type CPUTensor,
  GatherTokens,
  gptSampleTokens,
  layerOf,
  maskGather,
  maskSlice,
  ScatterTokens,
  tensor,
  tokenSort,
} from "../src/index.ts";
import { randomBytes, randomSource } from "./suites/data.ts";
import { CALLS_A_ROUND, round } from "./suites/round.ts";

const MiB = 2 ** 20;

/** Bytes of the core's memory: it only ever grows, so this is the most there was. */
const held = () => core().memory.buffer.byteLength;

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** Bytes that JavaScript can still reach: the least of a few collections, as buffers are freed beside the first. */
async function reachable(): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 5; i++) {
    collectGarbage();
    await new Promise((resolve) => setImmediate(resolve));
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    least = Math.min(least, heapUsed + arrayBuffers);
  }
  return least;
}

test("100,000 mixed calls keep nothing", async () => {
  const random = randomSource(5);
  const rounds = (n: number) => {
    for (let i = 0; i < n; i++) round(random, 90);
    return n * CALLS_A_ROUND;
  };
  rounds(200);
  const before = held();
  const reachableBefore = await reachable();
  expect(rounds(10_000)).toBe(100_000);
  expect(held()).toBe(before);
  expect(held()).toBeLessThanOrEqual(4 * MiB);
  // 20 bytes a call, where half a megabyte is seen: less than any object that each call could leave behind.
  expect((await reachable()) - reachableBefore).toBeLessThan(2 * MiB);
});

test("after rows of 2^24 and masks of 128 MB the core holds at most 16 MiB", () => {
  // 2^24 tokens, most of them kept, some of them padding.
  const seqLength = 2 ** 24;
  const options = { reservedLength: seqLength - 5, seqLength, batchSize: 1, seed: 1 };
  const paddingMask = tensor(new Uint8Array(seqLength).fill(1, 0, seqLength - 9), [1, seqLength]);
  const { data } = gptSampleTokens({ ...options, paddingMask }).sampledIndices;
  expect(data[seqLength - 15]).toBe(seqLength - 15);
  expect(data[seqLength - 6]).toBeLessThan(seqLength);
  expect(held()).toBeLessThanOrEqual(16 * MiB);

  // The longest rows there are.
  const longest = { reservedLength: 1000, seqLength: 2 ** 25, batchSize: 1, seed: 1, keepPrefix: 3 };
  expect(gptSampleTokens(longest).sampledIndices.data.slice(0, 3)).toEqual(Int32Array.of(0, 1, 2));
  expect(held()).toBeLessThanOrEqual(16 * MiB);

  // Its positions in reverse order.
  const sorted = tokenSort(tensor(data.slice().reverse(), [data.length]), seqLength);
  expect(Buffer.compare(Buffer.from(sorted.data.buffer), Buffer.from(data.buffer))).toBe(0);
  expect(held()).toBeLessThanOrEqual(16 * MiB);

  // Rows of tokens of 16 MB and as many positions.
  const hidden = tensor(randomBytes(2 ** 24, 3), [1, seqLength, 1]);
  const indices = layerOf(gptSampleTokens(options).sampledIndices, 0);
  const part = GatherTokens.forward(hidden, indices);
  const again = ScatterTokens.forward(hidden, part, indices);
  expect(Buffer.compare(again.data as Uint8Array, hidden.data as Uint8Array)).toBe(0);
  expect(held()).toBeLessThanOrEqual(16 * MiB);

  // 134,235,396 bytes each.
  for (const mask of [
    tensor(new Uint8Array(11_586 ** 2), [1, 1, 11_586, 11_586]),
    tensor(new Float32Array(5793 ** 2), [1, 1, 5793, 5793]),
  ] as CPUTensor[]) {
    const length = mask.shape[3];
    expect(mask.data.byteLength).toBeGreaterThan(128e6);
    mask.data[mask.data.length - 1] = 1;
    for (const kept of [64, length - 1]) {
      const positions = tensor(
        Int32Array.from({ length: kept }, (_, k) => length - kept + k),
        [1, kept],
      );
      expect(maskGather(mask, positions).data[kept ** 2 - 1]).toBe(1);
      expect(maskSlice(mask, kept).data[kept ** 2 - 1]).toBe(0);
    }
    const call = { seqLength: length, batchSize: 1, seed: 1, attnMask: mask };
    expect(() => gptSampleTokens({ ...call, reservedLength: 64 })).toThrow(/^"attnMask"/); // its last entry differs
    expect(held()).toBeLessThanOrEqual(16 * MiB);
  }
});

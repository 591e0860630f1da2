import { beforeAll, expect, test } from "vitest";
import { philox4x32 } from "../src/backends/reference/philox.ts";
import { randomSource } from "./suites/data.ts";
import { type TestingCore, testingCore } from "./suites/testing-core.ts";

let wasm: TestingCore;
beforeAll(async () => {
  wasm = await testingCore();
});

const hex = (keys: readonly number[]) =>
  keys.map((key) => (key >>> 0).toString(16).padStart(8, "0")).join(" ");

/** The keys of `groups` times 32 tokens as the core makes them, in order of position. */
function keysOf(block: number, row: number, layer: number, groups: number): number[] {
  wasm.keyGroups(block, row, layer, groups);
  const stored = new Uint32Array(wasm.memory.buffer, wasm.outAddress(), 32 * groups);
  return Array.from(stored, (_, i) => stored[(i & ~15) + 4 * (i & 3) + ((i >> 2) & 3)]);
}

// Random123, kat_vectors: philox4x32 10. A counter is (block, row, layer, step), a key is the seed's two words.
test.each([
  [[0, 0, 0, 0], [0, 0], "6627e8d5 e169c58d bc57ac4c 9b00dbd8"],
  [
    [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
    [0xffffffff, 0xffffffff],
    "408f276d 41c83b0e a20bc7c6 6d5451fd",
  ],
  [
    [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
    [0xa4093822, 0x299f31d0],
    "d16cfe09 94fdcceb 5001e420 24126ea1",
  ],
])("the core's keys at counter %s and key %s", ([block, row, layer, step], [low, high], expected) => {
  wasm.setSeed(low, high, step);
  expect(hex(keysOf(block, row, layer, 1).slice(0, 4))).toBe(expected);
});

test("keys are the reference's, made together or alone, and so are their bins", () => {
  const random = randomSource(1);
  for (let n = 0; n < 300; n++) {
    const [block, row, layer, step, low, high] = [
      random() >>> 9,
      random(),
      random(),
      random(),
      random(),
      random(),
    ];
    const [groups, from, shift] = [1 + (random() % 9), random() % 0x8001, random() % 10];
    wasm.setSeed(low, high, step);
    const keys = Array.from({ length: 8 * groups }, (_, i) =>
      philox4x32([block + i, row, layer, step], [low, high]),
    ).flat();
    expect(hex(keysOf(block, row, layer, groups))).toBe(hex(keys));
    expect(hex(keys.map((_, i) => wasm.keyOf(4 * block + i, row, layer)))).toBe(hex(keys));
    wasm.binGroups(block, row, layer, groups, from, shift);
    const bins = [...new Int8Array(wasm.memory.buffer, wasm.outAddress(), 32 * groups)];
    expect(bins).toEqual(
      keys.map((key) => Math.max(-128, Math.min(127, Math.floor(((key >>> 17) - from) / 2 ** shift)))),
    );
  }
});

import { beforeAll, expect, test } from "vitest";
import { philox4x32 } from "../src/backends/reference/philox.ts";
import { randomSource } from "./suites/data.ts";
import { type TestingCore, testingCore } from "./suites/testing-core.ts";

let wasm: TestingCore;
beforeAll(async () => {
  wasm = await testingCore();
});

const words = [0, 1, 2, 3];
const hex = (keys: readonly number[]) =>
  keys.map((key) => (key >>> 0).toString(16).padStart(8, "0")).join(" ");

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
  expect(hex(words.map((word) => wasm.keyAt(block, row, layer, word)))).toBe(expected);
});

test("runs of keys are the reference's, and so are their bits and their count", () => {
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
    const [groups, last] = [1 + (random() % 9), random()];
    wasm.setSeed(low, high, step);
    const count = wasm.keyGroups(block, row, layer, groups, last);
    const keys = Array.from({ length: 8 * groups }, (_, i) =>
      philox4x32([block + i, row, layer, step], [low, high]),
    ).flat();
    expect(hex(keys.map((_, i) => wasm.keyOfGroups(i)))).toBe(hex(keys));
    const bitmap = new Uint8Array(wasm.memory.buffer, wasm.outAddress(), 4 * groups);
    const bits = keys.map((_, i) => (bitmap[i >> 3] >> (i & 7)) & 1);
    expect(bits).toEqual(keys.map((key) => (key <= last ? 1 : 0)));
    expect(count).toBe(keys.filter((key) => key <= last).length);
  }
});

test.each([0, 1, 0xfffffffe, 0xffffffff])("keys equal to the bound %i count", (last) => {
  // One counter whose first word is near: the bound itself is what is compared, so any key will do on both sides of it.
  wasm.setSeed(0, 0, 0);
  const key = wasm.keyAt(0, 0, 0, 0) >>> 0;
  expect(wasm.keyGroups(0, 0, 0, 1, key) - wasm.keyGroups(0, 0, 0, 1, key - 1)).toBe(1);
  const keys = Array.from({ length: 32 }, (_, i) => wasm.keyOfGroups(i) >>> 0);
  expect(wasm.keyGroups(0, 0, 0, 1, last)).toBe(keys.filter((k) => k <= last).length);
});

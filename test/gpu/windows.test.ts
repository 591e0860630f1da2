/** Address arithmetic, beyond what any device here holds; and tensors that are split, on a device that is told to. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { useCPUBackend } from "../../src/backends/cpu.ts";
import { bind } from "../../src/backends/webgpu/bindings.ts";
import { stateOf } from "../../src/backends/webgpu/state.ts";
import { bindable, columnCuts, rowWindows, spread, windowBytes } from "../../src/backends/webgpu/windows.ts";
import { GatherTokens, tensor, toCPU, toGPU } from "../../src/index.ts";
import { bytesOf, expectBytes, indexTensor } from "../suites/data.ts";
import { checkMasks, checkTokens, random } from "./check.ts";
import { openDevice, whyNoDawn } from "./dawn.ts";
import { GPU_DTYPES } from "./harness.ts";
import type { HeardDevice } from "./hear.ts";

const GiB = 2 ** 30;
const MiB = 2 ** 20;

describe("windows", () => {
  test.each([
    [1, 1, MiB],
    [7, 130, 1024],
    [100_000, 3, 4096],
    [65536, 262_144, 128 * MiB], // 16 GiB
    [3 * 2 ** 20, 3072, 128 * MiB], // 9 GiB
    [2 ** 32, 1, 4 * GiB - 4096],
  ])("%i rows of %i bytes within %i cover every row once", (rows, rowBytes, budget) => {
    let next = 0;
    for (const window of rowWindows(rows, rowBytes, budget)) {
      expect(window.first).toBe(next);
      next += window.rows;
      const { start, end } = windowBytes(12, rowBytes, window, { start: 0, bytes: rowBytes });
      const { offset, size, shift } = bindable(start, end, 256);
      expect(offset % 256).toBe(0);
      expect(size % 4).toBe(0);
      expect(size).toBeLessThanOrEqual(budget);
      expect(offset + shift).toBe(12 + window.first * rowBytes);
      expect(shift + window.rows * rowBytes).toBeLessThanOrEqual(2 ** 32);
    }
    expect(next).toBe(rows);
  });

  test("addresses beyond 2^31 and 2^32 bytes are exact", () => {
    const windows = rowWindows(3 * 2 ** 20, 3072, 2 * GiB);
    const last = windows.at(-1)!;
    const { start, end } = windowBytes(4, 3072, last, { start: 0, bytes: 3072 });
    expect(start).toBe(4 + last.first * 3072);
    expect(start).toBeGreaterThan(2 ** 32);
    expect(end).toBe(4 + 9 * GiB);
    expect(bindable(start, end, 256)).toEqual({
      offset: start - (start % 256),
      size: end - start + (start % 256),
      shift: start % 256,
    });
  });

  test("a row that no binding holds is cut, and one that fits is not", () => {
    expect(columnCuts(1000, 2048)).toEqual([{ start: 0, bytes: 1000 }]);
    const cuts = columnCuts(5 * GiB + 7, 128 * MiB);
    let next = 0;
    for (const { start, bytes } of cuts) {
      expect(start).toBe(next);
      expect(start % 256).toBe(0);
      expect(bytes).toBeLessThanOrEqual(128 * MiB - 512);
      next += bytes;
    }
    expect(next).toBe(5 * GiB + 7);
  });

  test("workgroups are spread where a dimension is too short", () => {
    expect(spread(1, 65535)).toEqual([1, 1]);
    expect(spread(65535, 65535)).toEqual([65535, 1]);
    expect(spread(65536, 65535)).toEqual([65535, 2]);
    const [x, y] = spread(2 ** 31, 65535);
    expect(x * y).toBeGreaterThanOrEqual(2 ** 31);
    expect(y).toBeLessThanOrEqual(65535);
  });

  test("bindings of one buffer: apart they stay apart, within one alignment they are one", () => {
    const [a, b] = [{} as GPUBuffer, {} as GPUBuffer];
    const operand = (name: "dst" | "src" | "base", buffer: GPUBuffer, start: number, end: number) => ({
      name,
      buffer,
      start,
      end,
    });
    const bound = (...operands: Parameters<typeof bind>[0]) =>
      bind(operands, 256).map(({ name, range, writable, shifts }) => [
        name,
        range.offset,
        range.size,
        writable,
        Object.fromEntries(shifts),
      ]);
    expect(bound(operand("src", b, 100, 201), operand("dst", a, 300, 400))).toEqual([
      ["dst", 256, 144, true, { dst: 44 }],
      ["src", 0, 204, false, { src: 100 }],
    ]);
    expect(bound(operand("src", a, 0, 200), operand("dst", a, 512, 600))).toEqual([
      ["dst", 512, 88, true, { dst: 0 }],
      ["src", 0, 200, true, { src: 0 }],
    ]);
    expect(bound(operand("src", a, 0, 300), operand("dst", a, 300, 400))).toEqual([
      ["dst", 0, 400, true, { dst: 300, src: 0 }],
    ]);
    // src and base lie within one alignment, dst beyond: two inputs in one binding.
    expect(
      bound(operand("src", a, 0, 300), operand("dst", a, 1024, 1028), operand("base", a, 300, 400)),
    ).toEqual([
      ["dst", 1024, 4, true, { dst: 0 }],
      ["src", 0, 400, true, { src: 0, base: 300 }],
    ]);
    // dst reaches base only through src.
    expect(bound(operand("dst", a, 0, 20), operand("base", a, 600, 700), operand("src", a, 20, 600))).toEqual(
      [["dst", 0, 700, true, { dst: 0, base: 600, src: 20 }]],
    );
  });
});

const reason = whyNoDawn();

describe.skipIf(reason)(`tensors beyond a binding${reason ? ` (not here: ${reason})` : ""}`, () => {
  let heard: HeardDevice;
  let device: GPUDevice;
  beforeAll(async () => {
    useCPUBackend("reference");
    heard = await openDevice();
    device = heard.device;
  });
  afterEach(() => heard.check());
  afterAll(async () => {
    useCPUBackend(undefined);
    await heard.close();
  });

  // No device can be asked for less than 128 MiB, so the limit that the library works with is set.
  test.each(GPU_DTYPES)("rows of %s in several bindings", async (dtype) => {
    stateOf(device).bindingLimit = 2048;
    const base = { dtype, batch: 2, readOffset: 3, writeOffset: 4 };
    for (const batchFirst of [true, false]) {
      await checkTokens(device, { ...base, seq: 60, kept: 31, channels: 33, batchFirst, seed: 2 });
      await checkTokens(device, {
        ...base,
        seq: 60,
        kept: 31,
        channels: 32,
        batchFirst,
        seed: 3,
        readOffset: 0,
      });
      await checkTokens(device, { ...base, seq: 400, kept: 100, channels: 7, batchFirst, seed: 4 });
    }
    // Rows that no binding holds.
    await checkTokens(device, { ...base, seq: 4, kept: 2, channels: 2501, batchFirst: true, seed: 5 });
    await checkTokens(device, {
      ...base,
      seq: 4,
      kept: 2,
      channels: 4096,
      batchFirst: true,
      seed: 6,
      readOffset: 0,
    });
  });

  test.each(GPU_DTYPES)("masks of %s in several bindings", async (dtype) => {
    stateOf(device).bindingLimit = 2048;
    const base = { dtype, batch: 2, seq: 50, channels: 1, batchFirst: true, readOffset: 3, writeOffset: 4 };
    const masks = { layers: 2, heads: 2, maskBatch: 2, padding: false };
    await checkMasks(device, { ...base, ...masks, kept: 21, seed: 1 });
    await checkMasks(device, { ...base, ...masks, kept: 24, seed: 2 });
  });

  test("at the device's own limit: 147 MB in bindings of 128 MiB", { timeout: 300_000 }, async () => {
    stateOf(device).bindingLimit = device.limits.maxStorageBufferBindingSize;
    const [seq, kept, channels] = [36_000, 18_000, 1024];
    const all = random("uint32", [1, seq, channels], 1);
    const indices = indexTensor([1, kept], seq, "random", 2);
    const x = toGPU(all, device);
    const out = GatherTokens.forward(x, indices);
    const found = (await toCPU(out)).data as Uint32Array;
    indices.data.forEach((s, k) => {
      if (k % 61 !== 0) return;
      const row = found.subarray(k * channels, (k + 1) * channels);
      expectBytes(
        bytesOf(tensor(row, [channels])),
        bytesOf(tensor(all.data.subarray(s * channels, (s + 1) * channels), [channels])),
        `row ${k}`,
      );
    });
    for (const t of [x, out]) t.buffer.destroy();
  });

  test("more rows than a dispatch dimension has workgroups", async () => {
    stateOf(device).bindingLimit = device.limits.maxStorageBufferBindingSize;
    const base = { batch: 3, batchFirst: true, readOffset: 0, writeOffset: 0 };
    await checkTokens(device, { ...base, dtype: "float32", seq: 60_000, kept: 40_000, channels: 4, seed: 1 });
    await checkTokens(device, { ...base, dtype: "uint8", seq: 60_000, kept: 40_000, channels: 3, seed: 2 });
  });
});

/** Address arithmetic, beyond what any device here holds; and tensors that are split, on a device that is told to. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { useCPUBackend } from "../../src/backends/cpu-backend.ts";
import { columnCuts, rowWindows, windowBytes } from "../../src/backends/webgpu/binding-windows.ts";
import { bind } from "../../src/backends/webgpu/bindings.ts";
import { stateOf } from "../../src/backends/webgpu/device-state.ts";
import { spread } from "../../src/backends/webgpu/plan.ts";
import { dispose, GatherTokens, maskSlice, ScatterTokens, tensor, toCPU, toGPU } from "../../src/index.ts";
import { bytesOf, expectBytes, indexTensor } from "../suites/data.ts";
import { checkMasks, checkTokens, random } from "./check.ts";
import { GPU_DTYPES } from "./harness.ts";
import { describeOnDawn } from "./on-dawn.ts";

const GiB = 2 ** 30;
const MiB = 2 ** 20;
const buffer = {} as GPUBuffer;

/** How a run of bytes is bound. */
function bindable(start: number, end: number) {
  const [{ range, operands }] = bind([{ name: "dst", buffer, start, end, shiftUnit: 1 }], 256);
  return { offset: range.offset, size: range.size, shift: operands[0].shift };
}

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
      const { start, end } = windowBytes({ buffer, byteOffset: 12 }, rowBytes, window);
      const { offset, size, shift } = bindable(start, end);
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
    const { start, end } = windowBytes({ buffer, byteOffset: 4 }, 3072, last);
    expect(start).toBe(4 + last.first * 3072);
    expect(start).toBeGreaterThan(2 ** 32);
    expect(end).toBe(4 + 9 * GiB);
    expect(bindable(start, end)).toEqual({
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
    const limits = { bindingBytes: 128 * MiB, lanes: 256, workgroups: 65535, software: false };
    const groups = (n: number) => spread(n * 256, 1, limits).workgroups;
    expect(groups(1)).toEqual([1, 1, 1]);
    expect(groups(65535)).toEqual([65535, 1, 1]);
    expect(groups(65536)).toEqual([65535, 2, 1]);
    const [x, y] = groups(2 ** 31);
    expect(x * y).toBeGreaterThanOrEqual(2 ** 31);
    expect(y).toBeLessThanOrEqual(65535);
    // Half as many lanes, twice as many groups; never more lanes across a row than a group has.
    expect(spread(65535 * 256, 1, { ...limits, lanes: 128 }).workgroups).toEqual([65535, 2, 1]);
    for (const lanes of [32, 64, 128, 256]) {
      for (const rows of [1, 3, 1000]) {
        const { tile, workgroups } = spread(rows, 4096, { ...limits, lanes });
        expect(2 ** tile).toBeLessThanOrEqual(lanes);
        expect(workgroups[0] * (lanes >> tile)).toBeGreaterThanOrEqual(rows);
      }
    }
  });

  test("bindings of one buffer: apart they stay apart, within one alignment they are one", () => {
    const [a, b] = [{} as GPUBuffer, {} as GPUBuffer];
    const operand = (name: "dst" | "src" | "base", buffer: GPUBuffer, start: number, end: number) => ({
      name,
      buffer,
      start,
      end,
      shiftUnit: 1,
    });
    const bound = (...operands: Parameters<typeof bind>[0]) =>
      bind(operands, 256)
        .map(({ name, range, writable, operands }) => [
          name,
          range.offset,
          range.size,
          writable,
          Object.fromEntries(operands.map((each) => [each.name, each.shift])),
        ])
        .sort();
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

let device: GPUDevice;
const take = (opened: GPUDevice) => {
  device = opened;
};

describeOnDawn("tensors beyond a binding", take, () => {
  beforeAll(() => useCPUBackend("reference"));
  afterAll(() => useCPUBackend(undefined));

  // No device can be asked for less than 128 MiB, so the limit that the library works with is set.
  test.each(GPU_DTYPES)("rows of %s in several bindings", async (dtype) => {
    stateOf(device).limits.bindingBytes = 2048;
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
    stateOf(device).limits.bindingBytes = 2048;
    const base = { dtype, batch: 2, seq: 50, channels: 1, batchFirst: true, readOffset: 3, writeOffset: 4 };
    const masks = { layers: 2, heads: 2, maskBatch: 2, padding: false };
    await checkMasks(device, { ...base, ...masks, kept: 21, seed: 1 });
    await checkMasks(device, { ...base, ...masks, kept: 24, seed: 2 });
  });

  test("at the device's own limit: 147 MB in bindings of 128 MiB", { timeout: 300_000 }, async () => {
    stateOf(device).limits.bindingBytes = device.limits.maxStorageBufferBindingSize;
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

  test.each([-1, 0, 1])("as many rows as a binding holds, and %i", async (more) => {
    stateOf(device).limits.bindingBytes = 4096;
    const base = { batch: 1, batchFirst: true, readOffset: 0, writeOffset: 0, seed: 2 };
    for (const [dtype, channels] of [
      ["float32", 4],
      ["float32", 5],
      ["uint8", 7],
    ] as const) {
      const rowBytes = channels * (dtype === "uint8" ? 1 : 4);
      const held = rowWindows(1e6, rowBytes, 4096)[0].rows;
      const c = { ...base, dtype, channels };
      await checkTokens(device, { ...c, seq: held + more, kept: 50 });
      await checkTokens(device, { ...c, seq: held + 99, kept: held + more });
    }
    // A row itself.
    const rowBytes = columnCuts(1e6, 4096)[0].bytes;
    await checkTokens(device, { ...base, dtype: "uint8", seq: 3, kept: 2, channels: rowBytes + more });
    await checkTokens(device, { ...base, dtype: "float32", seq: 3, kept: 2, channels: rowBytes / 4 + more });
    // Rows of a mask, and of what is made of it.
    const [seq, kept] = [24, 23];
    for (const length of [seq, kept]) {
      const batch = rowWindows(1e6, 4 * length, 4096)[0].rows + more;
      const masks = { batch, maskBatch: batch, layers: 1, heads: 1, padding: true };
      await checkMasks(device, { ...base, ...masks, dtype: "float32", seq, kept, channels: 1 });
    }
  });

  test("a mask's row as long as a binding holds, and one longer", async () => {
    stateOf(device).limits.bindingBytes = 4096;
    const seq = (4096 - 1024) / 4;
    const base = { dtype: "float32", batch: 1, kept: 9, channels: 1, batchFirst: true, seed: 1 } as const;
    const masks = { layers: 1, heads: 2, maskBatch: 1, padding: true, readOffset: 3, writeOffset: 4 };
    await checkMasks(device, { ...base, ...masks, seq });
    await expect(checkMasks(device, { ...base, ...masks, seq: seq + 1 })).rejects.toThrow(
      `"shape" expected at most 3072 bytes a row of a mask or its indices on this device, got`,
    );
  });

  test("a slice of rows that no binding holds", async () => {
    stateOf(device).limits.bindingBytes = 4096;
    for (const [dtype, seq, kept, heads] of [
      ["float32", 2000, 1500, 1],
      ["float32", 2000, 100, 3],
      ["uint8", 9001, 8191, 2],
    ] as const) {
      const mask = random(dtype, [1, heads, 1, seq], 1);
      const x = toGPU(mask, device);
      const out = maskSlice(x, kept);
      expectBytes(bytesOf(await toCPU(out)), bytesOf(maskSlice(mask, kept)), `${seq} to ${kept}`);
      for (const t of [x, out]) dispose(t);
    }
  });

  test.each([-1, 0, 1])("as many workgroups as a dimension has, and %i rows more", async (more) => {
    stateOf(device).limits.bindingBytes = device.limits.maxStorageBufferBindingSize;
    // As with bindings, the limit that the library works with is set: three workgroups of 256 lanes.
    const { limits } = stateOf(device);
    const { workgroups } = limits;
    limits.workgroups = 3;
    try {
      const base = { batch: 1, batchFirst: true, readOffset: 0, writeOffset: 0, seed: 1 };
      const rows = 3 * 256 + more;
      for (const [dtype, channels] of [
        ["float32", 4],
        ["uint8", 3],
        ["uint8", 4],
      ] as const) {
        // In words of 4 bytes, a lane each, where rows share them.
        const across = dtype === "uint8" && channels === 3 ? Math.floor((4 * rows) / 3) : rows;
        await checkTokens(device, { ...base, dtype, channels, seq: across, kept: 50 });
        await checkTokens(device, { ...base, dtype, channels, seq: 2 * across, kept: across });
        await checkTokens(device, { ...base, dtype, channels, seq: 5 * across, kept: 4 * across });
      }
      const masks = { layers: 1, heads: 1, padding: true, seq: 5, kept: 4, channels: 1 };
      for (const dtype of ["float32", "uint8"] as const) {
        for (const batch of [rows, 4 * rows]) {
          await checkMasks(device, { ...base, ...masks, dtype, batch, maskBatch: batch });
        }
      }
    } finally {
      limits.workgroups = workgroups;
    }
  });

  test("65535 workgroups, and a row more", { timeout: 300_000 }, async () => {
    stateOf(device).limits.bindingBytes = device.limits.maxStorageBufferBindingSize;
    const kept = 65535 * 256 + 1; // a lane a row
    const all = random("uint32", [1, kept + 5, 1], 1);
    const part = random("uint32", [1, kept, 1], 2);
    const positions = new Int32Array(kept);
    for (let k = 0; k < kept; k++) positions[k] = k + 5;
    const indices = toGPU(tensor(positions, [1, kept]), device);
    const [x, y] = [all, part].map((t) => toGPU(t, device));
    const gathered = GatherTokens.forward(x, indices);
    expectBytes(bytesOf(await toCPU(gathered)), bytesOf(all).subarray(20), "what is gathered");
    ScatterTokens.forward(x, y, indices, { inPlace: true });
    const scattered = bytesOf(await toCPU(x));
    expectBytes(scattered.subarray(0, 20), bytesOf(all).subarray(0, 20), "what is left");
    expectBytes(scattered.subarray(20), bytesOf(part), "what is scattered");
    for (const t of [x, y, indices, gathered]) dispose(t);
  });

  test.each(["float32", "uint8"] as const)("indices of %s rows in several bindings", async (dtype) => {
    stateOf(device).limits.bindingBytes = 2048; // 512 indices of 4 bytes
    const base = { dtype, readOffset: 3, writeOffset: 4 };
    for (const batchFirst of [true, false]) {
      // 800 indices: within a row of the batch, and over its rows. An even seed has them uploaded, an odd one on the GPU.
      for (const seed of [2, 3]) {
        await checkTokens(device, { ...base, batch: 1, seq: 1000, kept: 800, channels: 3, batchFirst, seed });
        // Rows of 16 or 8 bytes: each window of one tensor meets each of the others', so twice as long takes eight times.
        const channels = dtype === "uint8" ? 8 : 4;
        await checkTokens(device, { ...base, batch: 40, seq: 31, kept: 20, channels, batchFirst, seed });
      }
      // Both sides of what a window takes of a binding, and of a whole one.
      for (const kept of [383, 384, 385, 511, 512, 513]) {
        await checkTokens(device, { ...base, batch: 1, seq: 600, kept, channels: 3, batchFirst, seed: kept });
      }
    }
    // [L,B,K]: 900 indices, or 840 where 4 elements make a lane's.
    for (const [kept, padding, writeOffset] of [
      [30, true, 4],
      [30, false, 4],
      [28, false, 0],
    ] as const) {
      const sizes = { layers: 3, batch: 10, heads: 2, maskBatch: 1, seq: 40, kept, padding, channels: 1 };
      await checkMasks(device, { ...base, ...sizes, writeOffset, batchFirst: true, seed: 1 });
    }
  });

  test("more rows than a dispatch dimension has workgroups", async () => {
    stateOf(device).limits.bindingBytes = device.limits.maxStorageBufferBindingSize;
    const base = { batch: 3, batchFirst: true, readOffset: 0, writeOffset: 0 };
    await checkTokens(device, { ...base, dtype: "float32", seq: 60_000, kept: 40_000, channels: 4, seed: 1 });
    await checkTokens(device, { ...base, dtype: "uint8", seq: 60_000, kept: 40_000, channels: 3, seed: 2 });
  });
});

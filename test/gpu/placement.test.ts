/** Where tensors lie: any byte offset that the contract allows, one buffer for several, views, a caller's buffers. */
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { useCPUBackend } from "../../src/backends/cpu-backend.ts";
import {
  dispose,
  GatherTokens,
  type GPUTensor,
  gpuTensor,
  layerOf,
  maskGather,
  ScatterTokens,
  tensor,
  toCPU,
  toGPU,
} from "../../src/index.ts";
import type { IndexTensor } from "../../src/types.ts";
import { bytesOf, expectBytes, indexTensor, randomBytes } from "../suites/data.ts";
import { type Case, checkMasks, checkTokens, random } from "./check.ts";
import { among, GPU_DTYPES, readAmong } from "./harness.ts";
import { describeOnDawn } from "./on-dawn.ts";

const STORAGE = 0x80;
const COPY = 0x4 | 0x8;

let device: GPUDevice;
const take = (opened: GPUDevice) => {
  device = opened;
};

describeOnDawn("where tensors lie", take, () => {
  beforeAll(() => useCPUBackend("reference"));
  afterAll(() => useCPUBackend(undefined));

  const cases = (dtype: Case["dtype"]) =>
    fc
      .record({
        dtype: fc.constant(dtype),
        batch: fc.integer({ min: 1, max: 3 }),
        seq: fc.integer({ min: 1, max: 30 }),
        kept: fc.nat(),
        channels: fc.oneof(fc.integer({ min: 1, max: 9 }), fc.constantFrom(16, 32, 33, 129, 512)),
        batchFirst: fc.boolean(),
        readOffset: fc.oneof(fc.integer({ min: 0, max: 9 }), fc.constantFrom(63, 64, 127, 257)),
        writeOffset: fc.constantFrom(0, 4, 8, 16, 252, 256, 260),
        seed: fc.nat(),
      })
      .map((c) => ({ ...c, kept: 1 + (c.kept % c.seq) }));

  test.each(GPU_DTYPES)("rows of %s at any offset", async (dtype) => {
    await fc.assert(
      fc.asyncProperty(cases(dtype), (c) => checkTokens(device, c)),
      { numRuns: 25, seed: 11586 },
    );
  });

  test.each(GPU_DTYPES)("masks of %s at any offset", async (dtype) => {
    const more = fc.record({
      layers: fc.integer({ min: 1, max: 3 }),
      heads: fc.integer({ min: 1, max: 3 }),
      shared: fc.boolean(),
      padding: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(cases(dtype), more, (c, { shared, ...m }) =>
        checkMasks(device, { ...c, ...m, maskBatch: shared ? 1 : c.batch }),
      ),
      { numRuns: 25, seed: 11586 },
    );
  });

  test.each([
    ["far apart", [4096, 4096]],
    ["at the next 256 bytes", [256, 256]],
    ["side by side", [4, 4]],
    ["inputs side by side, results apart", [4, 4096]],
    ["inputs apart, results side by side", [4096, 4]],
  ] as const)("one buffer for every tensor of a call, %s", async (_name, [inputs, results]) => {
    for (const [dtype, channels] of [
      ["float32", 64],
      ["float32", 3],
      ["uint8", 5],
    ] as const) {
      const [batch, seq, kept] = [2, 11, 4];
      const parts = [
        random(dtype, [batch, seq, channels], 1), // allActivations, also scattered into
        random(dtype, [batch, kept, channels], 2), // layerActivations
        random(dtype, [batch, seq, channels], 3), // out of a scatter
        random(dtype, [batch, kept, channels], 4), // out of a gather
        indexTensor([batch, kept], seq, "random", 5),
      ];
      let end = 0;
      const places = parts.map((t, i) => {
        const alignment = i === 2 || i === 3 ? results : inputs;
        const place = Math.ceil(end / alignment) * alignment;
        end = place + t.data.byteLength;
        return place;
      });
      const buffer = device.createBuffer({ size: Math.ceil(end / 4) * 4 + 8, usage: STORAGE | COPY });
      const [all, part, out, gathered, indices] = parts.map((t, i) =>
        toGPU(t, device, {
          out: gpuTensor(buffer, t.shape, t.dtype, { device, byteOffset: places[i] }),
        }),
      );
      GatherTokens.forward(all, indices, { out: gathered });
      ScatterTokens.forward(all, part, indices, { out });
      ScatterTokens.forward(all, part, indices, { inPlace: true });
      const expected = [
        ScatterTokens.forward(parts[0], parts[1], parts[4] as IndexTensor),
        parts[1],
        ScatterTokens.forward(parts[0], parts[1], parts[4] as IndexTensor),
        GatherTokens.forward(parts[0], parts[4] as IndexTensor),
        parts[4],
      ];
      const found = [all, part, out, gathered, indices];
      for (const [i, t] of found.entries()) {
        expectBytes(bytesOf(await toCPU(t)), bytesOf(expected[i]), `tensor ${i}`);
      }
      buffer.destroy();
    }
  });

  test("a mask, its indices and the result in one buffer", async () => {
    const mask = random("uint8", [1, 2, 9, 9], 1);
    const indices = indexTensor([1, 3], 9, "random", 2);
    const expected = maskGather(mask, indices);
    const buffer = device.createBuffer({ size: 256, usage: STORAGE | COPY });
    const at = (byteOffset: number, shape: readonly number[], dtype: "uint8" | "int32") =>
      gpuTensor(buffer, shape, dtype, { device, byteOffset });
    const on = toGPU(mask, device, { out: at(0, mask.shape, "uint8") });
    const idx = toGPU(indices, device, { out: at(164, indices.shape, "int32") });
    const out = maskGather(on, idx, { out: at(176, expected.shape, "uint8") });
    expectBytes(bytesOf(await toCPU(out)), bytesOf(expected), "the mask");
    expectBytes(bytesOf(await toCPU(on)), bytesOf(mask), "its source");
    buffer.destroy();
  });

  test("layerOf is a view of the whole upload, and disposing of it frees nothing", async () => {
    const all = random("float32", [2, 9, 8], 1);
    const sampled = indexTensor([4, 2, 3], 9, "random", 2);
    const [x, indices] = [toGPU(all, device), toGPU(sampled, device)];
    for (let l = 0; l < 4; l++) {
      const layer = layerOf(indices, l);
      expect(layer.buffer).toBe(indices.buffer);
      expect(layer.byteOffset).toBe(l * 24);
      const out = GatherTokens.forward(x, layer);
      dispose(layer);
      const expected = GatherTokens.forward(all, layerOf(sampled, l));
      expectBytes(bytesOf(await toCPU(out)), bytesOf(expected), `layer ${l}`);
      dispose(out);
    }
    for (const t of [x, indices]) dispose(t);
    dispose(x); // twice does nothing
  });

  test("a caller's buffer with no usage but STORAGE, and dispose lets go of it only", async () => {
    const data = random("uint8", [1, 5, 7], 1);
    const buffer = device.createBuffer({ size: 40, usage: STORAGE });
    const t = gpuTensor(buffer, [1, 5, 7], "uint8", { device, byteOffset: 4 });
    expect(toGPU(data, device, { out: t })).toBe(t);
    dispose(t);
    const another = gpuTensor(buffer, [1, 5, 7], "uint8", { device, byteOffset: 4 });
    expectBytes(bytesOf(await toCPU(another)), bytesOf(data), "another tensor there");
    buffer.destroy();
  });

  test.each([1, 2, 3, 4, 5, 7, 8, 63, 257])("toGPU and toCPU of %i bytes at every offset", async (n) => {
    for (const byteOffset of [0, 4, 8, 252]) {
      const data = tensor(randomBytes(n, n), [n]);
      const out = among(device, tensor(new Uint8Array(n), [n]), byteOffset);
      toGPU(data, device, { out });
      expectBytes(bytesOf(await readAmong(out)), bytesOf(data), "what was written");
      out.buffer.destroy();
    }
    for (const byteOffset of [1, 2, 3, 5, 255]) {
      const data = tensor(randomBytes(n, n), [n]);
      const t = among(device, data, byteOffset);
      expectBytes(bytesOf(await toCPU(t)), bytesOf(data), "what was read");
      t.buffer.destroy();
    }
  });

  test("an index out of range touches nothing, whatever it holds", async () => {
    for (const [dtype, channels] of [
      ["float32", 64],
      ["float32", 3],
      ["uint8", 5],
      ["uint8", 1],
    ] as const) {
      for (const batchFirst of [true, false]) {
        const [batch, seq, kept] = [2, 7, 6];
        const shape = (tokens: number) => [...(batchFirst ? [batch, tokens] : [tokens, batch]), channels];
        const wild = new Int32Array([-1, 1, 7, 4, 2 ** 31 - 1, -(2 ** 31), 0, 1e9, 3, -7, 6, 8]);
        const bad = toGPU(tensor(wild, [batch, kept]), device);
        const all = random(dtype, shape(seq), 1);
        const part = random(dtype, shape(kept), 2);
        const old = random(dtype, shape(kept), 3);
        const rowBytes = bytesOf(part).length / (batch * kept);
        /** Where a row begins among all, and among the retained ones. */
        const places = (i: number, s: number) => {
          const [b, k] = [Math.floor(i / kept), i % kept];
          return {
            from: (batchFirst ? b * seq + s : s * batch + b) * rowBytes,
            to: (batchFirst ? b * kept + k : k * batch + b) * rowBytes,
          };
        };
        const expected = {
          gather: bytesOf(old).slice(),
          scatter: bytesOf(all).slice(),
          zeros: new Uint8Array(bytesOf(all).length),
          zeroed: bytesOf(all).slice(),
        };
        wild.forEach((s, i) => {
          if (s < 0 || s >= seq) return;
          const { from, to } = places(i, s);
          expected.gather.set(bytesOf(all).subarray(from, from + rowBytes), to);
          expected.scatter.set(bytesOf(part).subarray(to, to + rowBytes), from);
          expected.zeros.set(bytesOf(part).subarray(to, to + rowBytes), from);
          expected.zeroed.fill(0, from, from + rowBytes);
        });
        const layout = { batchFirst };
        const [x, y] = [among(device, all, 4), among(device, part, 8)];
        const gathered = GatherTokens.forward(x, bad, { ...layout, out: among(device, old, 4) });
        const zeros = GatherTokens.backward(y, bad, {
          ...layout,
          seqLength: seq,
          out: among(device, all, 8),
        });
        const copied = ScatterTokens.forward(x, y, bad, { ...layout, out: among(device, all, 12) });
        const grads = {
          allActivationsGrad: among(device, all, 4),
          layerActivationsGrad: among(device, old, 4),
        };
        ScatterTokens.backward(x, bad, { ...layout, out: grads });
        const zeroed = among(device, all, 8);
        ScatterTokens.backward(zeroed, bad, { ...layout, inPlace: true });
        const inPlace = ScatterTokens.forward(x, y, bad, { ...layout, inPlace: true });
        expectBytes(bytesOf(await readAmong(gathered)), expected.gather, "gather");
        expectBytes(bytesOf(await readAmong(zeros)), expected.zeros, "scatter into zeros");
        expectBytes(bytesOf(await readAmong(copied)), expected.scatter, "scatter into a copy");
        expectBytes(bytesOf(await readAmong(inPlace)), expected.scatter, "scatter in place");
        expectBytes(
          bytesOf(await readAmong(grads.allActivationsGrad)),
          expected.zeroed,
          "zeroed rows, copied",
        );
        expectBytes(bytesOf(await readAmong(grads.layerActivationsGrad)), expected.gather, "their gradient");
        expectBytes(bytesOf(await readAmong(zeroed)), expected.zeroed, "zeroed rows, in place");
        if (dtype === "float32") {
          // Onto zeros, a sum is what was added, whatever else the rows hold.
          const grad = random(dtype, shape(kept), 2, true);
          const sum = among(device, tensor(new Float32Array(all.data.length), all.shape), 4);
          GatherTokens.backward(among(device, grad, 8), bad, {
            ...layout,
            seqLength: seq,
            accumulateInto: sum,
          });
          const added = new Uint8Array(bytesOf(all).length);
          wild.forEach((s, i) => {
            if (s < 0 || s >= seq) return;
            const { from, to } = places(i, s);
            added.set(bytesOf(grad).subarray(to, to + rowBytes), from);
          });
          expectBytes(bytesOf(await readAmong(sum)), added, "accumulate");
        }
      }
    }
    for (const [dtype, kept] of [
      ["uint8", 5],
      ["uint8", 8],
      ["float16", 6],
      ["float32", 5],
      ["float32", 8],
    ] as const) {
      const mask = random(dtype, [1, 1, 9, 9], 1);
      const old = random(dtype, [1, 1, kept, kept], 2);
      const wild = [0, -1, 3, 99, 8, 2 ** 31 - 1, 1, 9].slice(0, kept);
      const bad = toGPU(tensor(new Int32Array(wild), [1, kept]), device);
      const at = 4 * mask.data.BYTES_PER_ELEMENT - 1;
      const offset = at - (at % mask.data.BYTES_PER_ELEMENT);
      const out = maskGather(among(device, mask, offset), bad, {
        out: among(device, old, kept === 8 ? 16 : 4),
      });
      const expected = { ...old, data: old.data.slice() };
      wild.forEach((i, row) => {
        wild.forEach((j, column) => {
          if (i < 0 || i >= 9 || j < 0 || j >= 9) return;
          // Moved as bits: a NaN would lose its payload as a number.
          const size = mask.data.BYTES_PER_ELEMENT;
          const element = bytesOf(mask).subarray((i * 9 + j) * size, (i * 9 + j + 1) * size);
          bytesOf(expected).set(element, (row * kept + column) * size);
        });
      });
      expectBytes(bytesOf(await readAmong(out)), bytesOf(expected), `mask gather of ${dtype}`);
    }
  });

  test("48 differing calls in one encoder, submitted once", async () => {
    const encoder = device.createCommandEncoder();
    const checks: (() => Promise<void>)[] = [];
    for (let n = 0; n < 48; n++) {
      const [seq, kept, channels] = [20 + n, 1 + (n % 19), 1 + (n % 9)];
      const all = random(n % 2 ? "uint8" : "float32", [2, seq, channels], n);
      const indices = indexTensor([2, kept], seq, "random", n);
      const x = toGPU(all, device);
      let out: GPUTensor;
      let expected = GatherTokens.forward(all, indices);
      if (n % 3 === 0) {
        out = GatherTokens.forward(x, indices, { encoder });
      } else {
        const part = random(all.dtype, [2, kept, channels], n + 1);
        expected = ScatterTokens.forward(all, part, indices);
        out = ScatterTokens.forward(x, toGPU(part, device), indices, { encoder, inPlace: n % 3 === 1 });
      }
      // Calls that submit themselves, in between, with other indices of the same size.
      dispose(GatherTokens.forward(x, indexTensor([2, kept], seq, "suffix", n + 7)));
      checks.push(async () => expectBytes(bytesOf(await toCPU(out)), bytesOf(expected), `call ${n}`));
    }
    device.queue.submit([encoder.finish()]);
    for (const check of checks) await check();
  });
});

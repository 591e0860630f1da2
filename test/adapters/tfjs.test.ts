/** The token operations on TF.js tensors, on each of its backends, against loops over bytes. */
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import {
  ARRAYS,
  expectBytes,
  indexTensor,
  NAN_BYTES,
  randomBytes,
  randomSource,
  SPREADS,
} from "../suites/data.ts";
import {
  plainGather,
  plainMaskGather,
  plainMaskSlice,
  plainScatter,
  plainScatterZeros,
  plainZeroRows,
  type TokenSizes,
} from "../suites/plain.ts";
import { BACKENDS, CLOSED_WASM, reason, tf, use } from "./tfjs/backends.ts";

const { GatherTokens, ScatterTokens, tfjsOps } = await import("../../src/adapters/tfjs.ts");
const { heapIn } = await import("../../src/adapters/tfjs/heap-rows.ts");

const kernelsOf = (backend: string) =>
  tf.getKernelsForBackend(backend).filter((kernel: any) => kernel.kernelName.startsWith("RandomLTD")).length;
const onImport = kernelsOf("cpu");

test("kernels are registered at the first use, not by the import", async () => {
  expect(onImport).toBe(0);
  await use("cpu");
  const i = tf.tensor([0], [1, 1], "int32");
  for (const t of [GatherTokens.forward(i, i), i]) t.dispose();
  expect(kernelsOf("cpu")).toBe(7);
});

const DTYPES = ["float32", "int32", "bool"] as const;
type DType = (typeof DTYPES)[number];
const arrayOf = (dtype: DType) => ARRAYS[dtype === "bool" ? "uint8" : dtype];

/** A tensor of TF.js with these bytes. */
function put(bytes: Uint8Array, shape: number[], dtype: DType) {
  const Kind = arrayOf(dtype);
  const array = new Kind(bytes.slice().buffer, 0, bytes.length / Kind.BYTES_PER_ELEMENT);
  return tf.tensor(array, shape, dtype);
}

/** The bytes of a tensor of TF.js, which is disposed. */
async function take(t: any): Promise<Uint8Array> {
  const data = await t.data();
  t.dispose();
  if (t.dtype === "bool") return Uint8Array.from(data); // an Int32Array on the GPU
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice();
}

/** Random bytes of a dtype: NaNs with payloads among the floats, 0 and 1 for bool. */
function bytesOf(dtype: DType, n: number, seed: number, backend: string): Uint8Array {
  if (dtype === "bool") return randomBytes(n, seed).map((x) => x & 1);
  if (dtype === "int32") return randomBytes(4 * n, seed);
  if (backend !== "unknown") return NAN_BYTES.float32!(4 * n, seed);
  const random = randomSource(seed);
  return new Uint8Array(Float32Array.from({ length: n }, () => random() / 2 ** 31 - 1).buffer);
}

if (reason !== undefined) test.skip(`on webgpu: ${reason}`, () => {});

describe.each([...BACKENDS, CLOSED_WASM])("on %s", (backend) => {
  beforeAll(() => use(backend));

  let before = 0;
  afterEach(() => {
    if (before > 0) expect(tf.memory().numTensors).toBe(before);
    before = 0;
  });

  const CASES = DTYPES.flatMap((dtype, d) =>
    [true, false].flatMap((batchFirst, f) =>
      [
        { batch: 1, seq: 1, kept: 1, channels: [1] },
        { batch: 2, seq: 9, kept: 4, channels: [3] },
        { batch: 3, seq: 16, kept: 5, channels: [8] },
        { batch: 2, seq: 12, kept: 12, channels: [2, 2, 5] },
        { batch: 2, seq: 33, kept: 17, channels: [68] },
        { batch: 4, seq: 50, kept: 1, channels: [] },
      ].map((sizes, s) => ({ dtype, batchFirst, ...sizes, seed: 100 * d + 50 * f + s })),
    ),
  );

  test.each(CASES)("$dtype [$batch,$seq,$channels], K $kept, batchFirst $batchFirst", async ({
    dtype,
    batchFirst,
    batch,
    seq,
    kept,
    channels,
    seed,
  }) => {
    before = tf.memory().numTensors;
    const row = channels.reduce((x, y) => x * y, 1);
    const z: TokenSizes = { batch, seq, kept, rowBytes: row * (dtype === "bool" ? 1 : 4), batchFirst };
    const shape = (tokens: number) => [...(batchFirst ? [batch, tokens] : [tokens, batch]), ...channels];
    const [all, part] = [seq, kept].map((n, i) => bytesOf(dtype, batch * n * row, seed + i, backend));
    const positions = indexTensor([batch, kept], seq, SPREADS[seed % SPREADS.length], seed);
    const x = put(all, shape(seq), dtype);
    const y = put(part, shape(kept), dtype);
    const own = tf.tensor(positions.data, [batch, kept], "int32");
    const options = { batchFirst };
    for (const indices of [positions, own] as any[]) {
      const gathered = GatherTokens.forward(x, indices, options);
      expect(gathered.shape).toEqual(shape(kept));
      expect(gathered.dtype).toBe(dtype);
      expectBytes(await take(gathered), plainGather(z, all, positions.data), backend);

      const spread = GatherTokens.backward(y, indices, { ...options, seqLength: seq });
      expect(spread.shape).toEqual(shape(seq));
      expectBytes(await take(spread), plainScatterZeros(z, part, positions.data), backend);

      const scattered = ScatterTokens.forward(x, y, indices, options);
      expect(scattered.shape).toEqual(shape(seq));
      expect(scattered.dtype).toBe(dtype);
      expectBytes(await take(scattered), plainScatter(z, all, part, positions.data), backend);

      const grads = ScatterTokens.backward(x, indices, options);
      expectBytes(await take(grads.allActivationsGrad), plainZeroRows(z, all, positions.data), backend);
      expectBytes(await take(grads.layerActivationsGrad), plainGather(z, all, positions.data), backend);
    }
    // What they were made of is as it was.
    expectBytes(await take(x), all, backend);
    expectBytes(await take(y), part, backend);
    own.dispose();
  });

  test.each(
    DTYPES.flatMap((dtype) =>
      [1, 3].flatMap((maskBatch) => [1, 10].map((query) => ({ dtype, maskBatch, query }))),
    ),
  )("a mask of $dtype, batch $maskBatch, query $query", async ({ dtype, maskBatch, query }) => {
    before = tf.memory().numTensors;
    const [batch, heads, seq, kept] = [3, 2, 10, 4];
    const sizes = { maskBatch, heads, query, seq, kept, elementBytes: dtype === "bool" ? 1 : 4 };
    const bytes = bytesOf(dtype, maskBatch * heads * query * seq, 5, "unknown"); // TF.js slices floats one by one
    // and on webgpu integers as floats
    if (dtype === "int32") for (let i = 3; i < bytes.length; i += 4) bytes[i] = 0;
    const indices = indexTensor([batch, kept], seq, "random", 6);
    const mask = put(bytes, [maskBatch, heads, query, seq], dtype);
    const at = tfjsOps.at(indices as any, { seqLength: seq, batchFirst: true, encoder: undefined });
    const gathered = at.gatherMask(mask, "mask");
    const q = query === 1 ? 1 : kept;
    expect(gathered.shape).toEqual([batch, heads, q, kept]);
    const expected = plainMaskGather({ ...sizes, layers: 1, batch }, bytes, indices.data);
    expectBytes(await take(gathered), expected, backend);
    const corner = at.sliceMask(mask, "mask", false);
    expect(corner.shape).toEqual([maskBatch, heads, q, kept]);
    expectBytes(await take(corner), plainMaskSlice(sizes, bytes), backend);
    at.release!();
    mask.dispose();
  });

  test.each([
    ["batch_seq_dim", [3, 7, 2], [3, 4, 2]],
    ["batch_seq_dim", [1, 7, 2], [3, 4, 2]],
    ["seq_batch_dim", [7, 3], [4, 3]],
    ["seq_batch_dim", [7, 1, 4], [4, 3, 4]],
    ["seq_dim", [7], [3, 4]],
    ["seq_dim", [7, 5], [3, 4, 5]],
  ] as const)("along the sequence: %s [%s]", async (layout, shape, expected) => {
    before = tf.memory().numTensors;
    const [batch, seq, kept] = [3, 7, 4];
    const row = shape.slice(layout === "seq_dim" ? 1 : 2).reduce<number>((x, y) => x * y, 1);
    const indices = indexTensor([batch, kept], seq, "random", 8);
    const own = layout === "seq_dim" ? 1 : layout === "batch_seq_dim" ? shape[0] : shape[1];
    const bytes = bytesOf("int32", own * seq * row, 9, backend);
    // A table that all rows share, written out for each.
    const numbers = new Int32Array(bytes.buffer);
    const batchFirst = layout !== "seq_batch_dim";
    const whole = Int32Array.from({ length: batch * seq * row }, (_, i) => {
      const c = i % row;
      const [b, s] = batchFirst
        ? [Math.floor(i / row / seq), Math.floor(i / row) % seq]
        : [Math.floor(i / row) % batch, Math.floor(i / row / batch)];
      const ownB = own === 1 ? 0 : b;
      return numbers[(batchFirst ? ownB * seq + s : s * own + ownB) * row + c];
    });
    const value = put(bytes, [...shape], "int32");
    const at = tfjsOps.at(indices as any, { seqLength: seq, batchFirst, encoder: undefined });
    const gathered = at.gatherAlong(value, layout, "table");
    expect(gathered.shape).toEqual(expected);
    const z = { batch, seq, kept, rowBytes: 4 * row, batchFirst };
    expectBytes(await take(gathered), plainGather(z, new Uint8Array(whole.buffer), indices.data), backend);
    at.release!();
    value.dispose();
  });
});

test.each([
  "cpu",
  "wasm",
])("on %s: indices found right are looked into again for less room or other rows", async (backend) => {
  await use(backend);
  const i = tf.tensor([0, 6, 2, 3], [2, 2], "int32");
  const [whole, half] = [tf.zeros([2, 7, 1]), tf.zeros([2, 6, 1])];
  const one = tf.reshape(i, [1, 4]);
  GatherTokens.forward(whole, i).dispose();
  expect(() => GatherTokens.forward(half, i)).toThrow("positions from 0 to 5, got 6 in row 0");
  expect(() => GatherTokens.backward(tf.zeros([1, 4, 1]), one, { seqLength: 7 })).toThrow("got 2 after 6");
  GatherTokens.forward(whole, i).dispose();
  for (const t of [i, whole, half, one]) t.dispose();
});

test("TF.js's wasm memory is within reach, unless a test closes it", async () => {
  await use("wasm");
  expect(heapIn(tf.backend().wasm)).toBeDefined();
  await use(CLOSED_WASM);
  expect(heapIn(tf.backend().wasm)).toBeUndefined();
  await use("wasm");
});

test.each([
  "wasm",
  CLOSED_WASM,
])("on %s: tensors from another backend, for which the heap grows", async (backend) => {
  await use(backend);
  const { length } = tf.backend().wasm.HEAPU8;
  const z: TokenSizes = { batch: 1, seq: 4, kept: 2, rowBytes: length / 4, batchFirst: true };
  const [all, part] = [4, 2].map((n) => new Uint8Array(n * z.rowBytes).map((_, i) => i >> 8));
  await use("cpu");
  const [x, y] = [put(all, [1, 4, z.rowBytes / 4], "int32"), put(part, [1, 2, z.rowBytes / 4], "int32")];
  const indices = tf.tensor([1, 2], [1, 2], "int32");
  await use(backend);
  expectBytes(await take(ScatterTokens.forward(x, y, indices)), plainScatter(z, all, part, [1, 2]), backend);
  expect(tf.backend().wasm.HEAPU8.length).toBeGreaterThan(length);
  for (const t of [x, y, indices]) t.dispose();
  await use("wasm");
});

test("TF.js's own gather with batchDims is wrong on wasm beyond one row; ours is right", async () => {
  const [batch, seq, kept, channels] = [3, 8, 4, 2];
  const indices = indexTensor([batch, kept], seq, "random", 3);
  const all = new Uint8Array(Float32Array.from({ length: batch * seq * channels }, (_, i) => i).buffer);
  const z: TokenSizes = { batch, seq, kept, rowBytes: 4 * channels, batchFirst: true };
  const expected = plainGather(z, all, indices.data);
  const both = async (backend: string) => {
    await use(backend);
    const x = put(all, [batch, seq, channels], "float32");
    const i = tf.tensor(indices.data, [batch, kept], "int32");
    return { theirs: await take(tf.gather(x, i, 1, 1)), ours: await take(GatherTokens.forward(x, i)) };
  };
  const cpu = await both("cpu"); // the control
  expect(cpu.theirs).toEqual(expected);
  expect(cpu.ours).toEqual(expected);
  const wasm = await both("wasm");
  expect(wasm.theirs).not.toEqual(expected);
  expect(wasm.ours).toEqual(expected);
});

test("TF.js's own tensorScatterUpdate writes into its input on cpu; ours doesn't", async () => {
  await use("cpu");
  const indices = indexTensor([1, 2], 4, "random", 3);
  const pairs = tf.tensor(
    [...indices.data].flatMap((s) => [0, s]),
    [1, 2, 2],
    "int32",
  );
  const [ours, theirs, part] = [tf.zeros([1, 4, 3]), tf.zeros([1, 4, 3]), tf.ones([1, 2, 3])];
  ScatterTokens.forward(ours, part, indices);
  tf.tensorScatterUpdate(theirs, pairs, part);
  const sum = async (t: any) => (await tf.sum(t).data())[0];
  expect(await sum(ours)).toBe(0);
  expect(await sum(theirs)).toBe(6);
});

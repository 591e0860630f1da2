import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import { GatherTokens, gptSampleTokens, layerOf, maskSlice, tensor, tokenSort } from "../src/index.ts";

describe("tensor", () => {
  test("wraps the data without a copy, and takes the shape as it is then", () => {
    const data = new Float32Array(6);
    const shape = [2, 3];
    const t = tensor(data, shape);
    shape[0] = 9;
    expect(t.data).toBe(data);
    expect(t).toEqual({ data, shape: [2, 3], dtype: "float32" });
  });

  test.each([
    [new Float32Array(2), "float32"],
    [new Float64Array(2), "float64"],
    [new Int32Array(2), "int32"],
    [new Uint32Array(2), "uint32"],
    [new Uint8Array(2), "uint8"],
  ] as const)("%o is of dtype %s, said or not", (data, dtype) => {
    expect(tensor(data, [2]).dtype).toBe(dtype);
    expect(tensor(data, [2], dtype).dtype).toBe(dtype);
  });

  test.each([
    "float16",
    "bfloat16",
  ] as const)("a Uint16Array holds the bits of %s where that is said", (dtype) => {
    expect(tensor(new Uint16Array(2), [1, 2], dtype).dtype).toBe(dtype);
  });

  test("one element needs no dimension", () => {
    expect(tensor(new Float32Array(1), []).shape).toEqual([]);
  });
});

test("layerOf is a view of one layer", () => {
  const all = tensor(
    Int32Array.from({ length: 12 }, (_, i) => i),
    [3, 2, 2],
  );
  for (const l of [0, 1, 2]) {
    const view = layerOf(all, l);
    expect(view).toEqual({
      data: Int32Array.of(4 * l, 4 * l + 1, 4 * l + 2, 4 * l + 3),
      shape: [2, 2],
      dtype: "int32",
    });
    expect(view.data.buffer).toBe(all.data.buffer);
  }
});

/** Positions 1 and 3 of four tokens of two elements. */
const gathered = (data: Int32Array | Uint8Array) =>
  GatherTokens.forward(tensor(data as Uint8Array, [1, 4, 2]), tensor(Int32Array.of(1, 3), [1, 2]));

test("data of another realm, in shared memory and in a Buffer", () => {
  const values = [1, 2, 3, 4, 5, 6, 7, 8];
  expect([...gathered(runInNewContext(`new Int32Array([${values}])`)).data]).toEqual([3, 4, 7, 8]);
  const shared = new Int32Array(new SharedArrayBuffer(32));
  shared.set(values);
  expect([...gathered(shared).data]).toEqual([3, 4, 7, 8]);
  expect([...gathered(Buffer.from(values)).data]).toEqual([3, 4, 7, 8]);
});

test("results are new memory, and arguments stay as they were", () => {
  const indices = tensor(Int32Array.of(1, 0), [1, 2]);
  expect(tokenSort(indices, 2).data.buffer).not.toBe(indices.data.buffer);
  const mask = tensor(new Uint8Array(16), [1, 1, 4, 4]);
  const whole = maskSlice(mask, 4);
  expect(whole.data.buffer).not.toBe(mask.data.buffer);
  const options = Object.freeze({ reservedLength: 1, seqLength: 2, batchSize: 1, seed: 1 });
  expect(gptSampleTokens(options).newMask).toBeNull();
});

test("another library's tensor is called that, and nothing else is", () => {
  const gather = (states: unknown) => () =>
    GatherTokens.forward(states as never, tensor(Int32Array.of(1, 4, 0, 3), [2, 2]));
  const shape = [2, 5];
  for (const states of [{ shape }, { shape, data: () => {} }])
    expect(gather(states)).toThrow(/^"activations" expected a tensor, got another library's/);
  for (const states of [{ shape, data: [1] }, { data: () => {} }, {}])
    expect(gather(states)).toThrow(/^"activations" expected a tensor, got (?!another)/);
});

import { expect, test } from "vitest";
import { useCPUBackend } from "../src/backends/cpu-backend.ts";
import { GatherTokens, ScatterTokens, tensor } from "../src/index.ts";
import { CPU_BACKENDS, cpuHarness } from "./suites/cpu.ts";
import { bytesOf, expectBytes } from "./suites/data.ts";
import { accumulateSpecials } from "./suites/token-checks.ts";
import { tokensSuite } from "./suites/tokens.ts";

tokensSuite(cpuHarness("wasm"));
tokensSuite(cpuHarness("reference"), { large: "none" });

test.each(CPU_BACKENDS)("sums of zeros, subnormals and infinities as IEEE 754 has them, %s", (name) => {
  useCPUBackend(name);
  for (const dtype of ["float32", "float64"] as const) {
    const { into, part, sum } = accumulateSpecials(dtype);
    const indices = tensor(new Int32Array([0]), [1, 1]);
    GatherTokens.backward(part, indices, { seqLength: 1, accumulateInto: into });
    expectBytes(bytesOf(into), sum, dtype);
  }
});

test.each(CPU_BACKENDS)("another tensor over the memory of allActivations is allActivations, %s", (name) => {
  useCPUBackend(name);
  const all = tensor(new Int32Array([1, 2, 3]), [1, 3, 1]);
  const again = tensor(all.data.subarray(0), [1, 3, 1]);
  const part = tensor(new Int32Array([9]), [1, 1, 1]);
  const indices = tensor(new Int32Array([1]), [1, 1]);
  expect(ScatterTokens.forward(all, part, indices, { out: again })).toBe(again);
  expect([...all.data]).toEqual([1, 9, 3]);
});

test.each(CPU_BACKENDS)("tensors side by side in one buffer, %s", (name) => {
  useCPUBackend(name);
  const buffer = new ArrayBuffer(32);
  const x = tensor(new Uint8Array(buffer, 1, 12), [1, 4, 3]);
  x.data.set([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
  const out = tensor(new Uint8Array(buffer, 13, 6), [1, 2, 3]);
  const indices = tensor(new Int32Array([1, 3]), [1, 2]);
  GatherTokens.forward(x, indices, { out });
  expect([...new Uint8Array(buffer)]).toEqual([
    ...[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12],
    ...[4, 5, 6, 10, 11, 12],
    ...Array(13).fill(0),
  ]);
});

test.each(CPU_BACKENDS)("what is read may share memory with what else is read, %s", (name) => {
  useCPUBackend(name);
  const data = Int32Array.of(0, 2, 5, 6);
  const [all, part] = [tensor(data, [1, 4]), tensor(data.subarray(1, 3), [1, 2])];
  const indices = tensor(data.subarray(0, 2), [1, 2]);
  expect([...GatherTokens.forward(all, indices).data]).toEqual([0, 5]);
  expect([...ScatterTokens.forward(all, part, indices).data]).toEqual([2, 2, 5, 6]);
  expect([...GatherTokens.backward(part, indices, { seqLength: 4 }).data]).toEqual([2, 0, 5, 0]);
});

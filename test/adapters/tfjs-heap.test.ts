/** Rows within another module's memory, against loops over bytes: no other byte of it changes. */
import { describe, expect, test } from "vitest";
import { type Heap, heapIn } from "../../src/adapters/tfjs/heap-rows.ts";
import { expectBytes, indexTensor, randomBytes, SPREADS } from "../suites/data.ts";
import {
  plainGather,
  plainScatter,
  plainScatterZeros,
  plainZeroRows,
  type TokenSizes,
} from "../suites/plain.ts";

const memories = {
  "its own": () => ({ asm: { memory: new WebAssembly.Memory({ initial: 5 }) } }),
  "its own, bounded": () => ({ asm: { memory: new WebAssembly.Memory({ initial: 5, maximum: 9 }) } }),
  // The most that 32-bit addresses reach, as TF.js's build with threads has it.
  shared: () => ({ wasmMemory: new WebAssembly.Memory({ initial: 5, maximum: 65536, shared: true }) }),
};

/** Puts `inputs` into a memory, and what `run` writes, `size` bytes, at its very end; gives those, all else held. */
function within(
  memory: WebAssembly.Memory,
  inputs: readonly Uint8Array[],
  size: number,
  run: (out: number, ...addresses: number[]) => void,
): Uint8Array {
  const bytes = new Uint8Array(memory.buffer);
  bytes.set(randomBytes(bytes.length, 1));
  let end = 1; // so that nothing is aligned
  const addresses = inputs.map((input) => {
    bytes.set(input, end);
    end += input.length + 1;
    return end - input.length - 1;
  });
  const out = bytes.length - size;
  expect(end).toBeLessThan(out);
  const before = bytes.slice(0, out);
  run(out, ...addresses);
  expectBytes(bytes.slice(0, out), before, "outside");
  return bytes.slice(out);
}

describe.each(Object.entries(memories))("a memory that is %s", (_, make) => {
  const emscripten: Parameters<typeof heapIn>[0] = make();
  const memory = (emscripten.wasmMemory ?? emscripten.asm?.memory)!;
  const heap = heapIn(emscripten) as Heap;

  const LENGTHS = [1, 2, 3, 4, 5, 7, 8, 12, 15, 16, 17, 31, 32, 33, 64, 127, 128, 200, 511, 512, 513, 1030];
  const CASES = LENGTHS.flatMap((rowBytes, seed) => [
    { rowBytes, batchFirst: true, groups: 1, seed },
    { rowBytes, batchFirst: true, groups: 2, seed },
    { rowBytes, batchFirst: false, groups: 1, seed },
  ]);

  test.each(CASES)("rows of $rowBytes bytes, batchFirst $batchFirst, $groups groups", (c) => {
    const { rowBytes, batchFirst, groups, seed } = c;
    const [batch, seq, kept] = [3, 12, seed % 2 ? 5 : 3]; // many rows and few are put in place in other ways
    const indices = indexTensor([batch, kept], seq, SPREADS[seed % SPREADS.length], seed).data;
    const at = new Uint8Array(indices.buffer, indices.byteOffset, indices.byteLength);
    // What the groups of a batch row share, written out for each.
    const z: TokenSizes = { batch: batch * groups, seq, kept, rowBytes, batchFirst };
    const each = Int32Array.from(
      { length: z.batch * kept },
      (_, i) => indices[Math.floor(i / kept / groups) * kept + (i % kept)],
    );
    const [all, part] = [seq, kept].map((n) => randomBytes(z.batch * n * rowBytes, seed + n));
    const sizes = [batch, groups, seq, kept, rowBytes, Number(batchFirst)] as const;
    const check = (inputs: Uint8Array[], expected: Uint8Array, run: Parameters<typeof within>[3]) =>
      expectBytes(within(memory, [at, ...inputs], expected.length, run), expected, "result");
    check([all], plainGather(z, all, each), (out, at, all) => heap.gather(out, all, at, ...sizes, 0));
    check([all, part], plainScatter(z, all, part, each), (out, at, all, part) =>
      heap.scatter(out, all, part, at, ...sizes),
    );
    check([part], plainScatterZeros(z, part, each), (out, at, part) =>
      heap.scatter(out, 0, part, at, ...sizes),
    );
    check([all], plainZeroRows(z, all, each), (out, at, all) => heap.scatter(out, all, 0, at, ...sizes));
  });

  test("rows that the whole batch shares, in groups and in either layout", () => {
    const [batch, groups, seq, kept, rowBytes] = [2, 3, 9, 4, 20];
    const indices = indexTensor([batch, kept], seq, "random", 5).data;
    const at = new Uint8Array(indices.buffer, indices.byteOffset, indices.byteLength);
    const all = randomBytes(groups * seq * rowBytes, 6);
    const rowAt = (row: number) => all.subarray(row * rowBytes, (row + 1) * rowBytes);
    const gathered = (rows: number[], first: boolean, g: number) => {
      const expected = Uint8Array.from(rows.flatMap((row) => [...rowAt(row)]));
      const result = within(memory, [at, all], expected.length, (out, at, all) =>
        heap.gather(out, all, at, batch, g, seq, kept, rowBytes, Number(first), 1),
      );
      expectBytes(result, expected, `batchFirst ${first}`);
    };
    const range = (n: number) => [...Array(n).keys()];
    const inGroups = range(batch).flatMap((b) =>
      range(groups).flatMap((g) => range(kept).map((k) => g * seq + indices[b * kept + k])),
    );
    gathered(inGroups, true, groups);
    const byToken = range(kept).flatMap((k) => range(batch).map((b) => indices[b * kept + k]));
    gathered(byToken, false, 1);
  });

  test("one module serves one memory", () => {
    expect(heapIn(emscripten)).toBe(heap);
    expect(heapIn(make())).not.toBe(heap);
  });
});

test("there is none where the memory is out of reach", () => {
  expect(heapIn({})).toBeUndefined();
  expect(heapIn({ asm: {} })).toBeUndefined();
});

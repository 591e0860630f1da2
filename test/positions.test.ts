import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import { useCPUBackend } from "../src/backends/cpu-backend.ts";
import {
  bertSampleTokens,
  GatherTokens,
  layerOf,
  retainedMask,
  ScatterTokens,
  tensor,
  tokensOfGroups,
} from "../src/index.ts";
import { CPU_BACKENDS } from "./suites/cpu.ts";
import { randomSource } from "./suites/data.ts";

afterEach(() => useCPUBackend(undefined));

const ints = (data: number[], shape: number[]) => tensor(Int32Array.from(data), shape);

describe.each(CPU_BACKENDS)("groups drawn on %s", (backend) => {
  test("their tokens are those whose group was drawn, however the groups lie", () => {
    useCPUBackend(backend);
    const sizes = fc.record({
      groups: fc.integer({ min: 1, max: 9 }),
      size: fc.integer({ min: 1, max: 7 }),
      batchSize: fc.integer({ min: 1, max: 3 }),
      layers: fc.integer({ min: 1, max: 3 }),
      perRow: fc.boolean(),
      ofLayer: fc.boolean(),
      k: fc.nat(),
      seed: fc.nat(),
    });
    fc.assert(
      fc.property(sizes, ({ groups: G, size, batchSize, layers, perRow, ofLayer, k, seed }) => {
        const S = G * size;
        const random = randomSource(seed);
        const order = () => {
          const row = Array.from({ length: S }, (_, i) => i % G);
          for (let i = S - 1; i > 0; i--) {
            const j = random() % (i + 1);
            [row[i], row[j]] = [row[j], row[i]];
          }
          return row;
        };
        const rows = Array.from({ length: perRow ? batchSize : 1 }, order);
        const groups = ints(rows.flat(), perRow ? [batchSize, S] : [S]);
        const reservedLength = 1 + (k % G);
        const call = { reservedLength, seqLength: G, batchSize, layers, seed };
        const all = bertSampleTokens(call).sampledIndices;
        const sampled = ofLayer ? layerOf(all, layers - 1) : all;
        const before = [sampled.data.slice(), groups.data.slice()];
        const tokens = tokensOfGroups(sampled, groups);
        expect(tokens.shape).toEqual([...sampled.shape.slice(0, -1), reservedLength * size]);
        expect(tokens.dtype).toBe("int32");
        const expected: number[] = [];
        for (let row = 0; row < sampled.data.length / reservedLength; row++) {
          const drawn = sampled.data.subarray(row * reservedLength, (row + 1) * reservedLength);
          rows[perRow ? row % batchSize : 0].forEach((group, i) => {
            if (drawn.includes(group)) expected.push(i);
          });
        }
        expect([...tokens.data]).toEqual(expected);
        expect([sampled.data, groups.data]).toEqual(before);
        // Such positions go where sampled indices go.
        const states = tensor(Float32Array.from({ length: batchSize * S }, random), [batchSize, S]);
        const indices = ofLayer ? tokens : layerOf(tokens, 0);
        const part = GatherTokens.forward(states, indices);
        expect(ScatterTokens.forward(states, part, indices)).toEqual(states);
      }),
      { numRuns: 200, seed: 5 },
    );
  });
});

test("groups of one token each are the sampled positions themselves, one group of all every position", () => {
  const sampled = ints([0, 2, 1, 3], [2, 2]);
  expect(tokensOfGroups(sampled, ints([0, 1, 2, 3], [4]))).toEqual(sampled);
  expect(tokensOfGroups(ints([0], [1, 1]), ints([0, 0, 0], [3]))).toEqual(ints([0, 1, 2], [1, 3]));
});

test("retainedMask is 1 at the positions and 0 elsewhere", () => {
  expect(retainedMask(ints([1, 3, 0, 4], [2, 2]), 5)).toEqual(
    tensor(Uint8Array.of(0, 1, 0, 1, 0, 1, 0, 0, 0, 1), [2, 5]),
  );
  const call = { reservedLength: 7, seqLength: 30, batchSize: 3, layers: 4, seed: 1 };
  const { sampledIndices } = bertSampleTokens(call);
  const mask = retainedMask(sampledIndices, 30);
  expect([mask.shape, mask.dtype]).toEqual([[4, 3, 30], "uint8"]);
  const ones = [...mask.data].flatMap((one, i) => (one === 1 ? [i % 30] : []));
  expect(ones).toEqual([...sampledIndices.data]);
  expect(new Set(mask.data)).toEqual(new Set([0, 1]));
  // It is what ScatterTokens makes of ones.
  const layer = layerOf(sampledIndices, 2);
  const [zeros, part] = [tensor(new Uint8Array(90), [3, 30]), tensor(new Uint8Array(21).fill(1), [3, 7])];
  expect(ScatterTokens.forward(zeros, part, layer).data).toEqual(mask.data.subarray(180, 270));
});

describe("bad input", () => {
  const four = () => ints([0, 1, 2, 3], [2, 2]);
  test.each([
    [ints([0, 0, 1, 1, 1], [5]), "over 5 positions, got 2 groups"],
    [ints([0, 0, 0, 1], [4]), "over 4 positions, 2 of 2, got 0 at 2"],
    [ints([0, 2], [2]), "over 2 positions, got 3 groups"],
    [ints([2, 1, 2, 1, 2, 1], [6]), "over 6 positions, 3 of 2, got 2 at 4"],
    [ints([-1, 0], [2]), "over 2 positions, 1 of 2, got -1 at 0"],
    [ints([0, 1, 0, 1, 0, 0], [3, 2]), "over 2 positions, 2 of 1, got 0 at 1 in row 2"],
    [ints([0, 1, 0, 2], [2, 2]), "over 2 positions, 2 of 1, got 2 at 1 in row 1"],
    [ints([0, 2 ** 31 - 1], [2]), "over 2 positions, got 2147483648 groups"],
  ])("groups that differ in size", (groups, message) => {
    const call = () => tokensOfGroups(four(), groups);
    expect(call).toThrow(new RangeError(`"groups" expected groups from 0 on, alike in size, ${message}`));
  });
  test("groups of another rank or dtype", () => {
    const groups = ints([0, 1, 2, 3], [1, 2, 2]);
    expect(() => tokensOfGroups(four(), groups)).toThrow(RangeError);
    expect(() => tokensOfGroups(four(), groups)).toThrow('"groups" expected shape [S] or [B,S]');
    expect(() => tokensOfGroups(four(), ints([0], []))).toThrow('"groups" expected shape [S] or [B,S]');
    const floats = tensor(new Float32Array(4), [4]);
    expect(() => tokensOfGroups(four(), floats)).toThrow(TypeError);
    expect(() => tokensOfGroups(four(), floats)).toThrow('"groups" expected int32');
  });
  test.each([
    [ints([0, 2, 1, 2], [2, 2]), "ascending, distinct positions from 0 to 1, got 2 in row 0"],
    [ints([0, 0], [1, 2]), "ascending, distinct positions from 0 to 1, got 0 after 0 in row 0"],
    [ints([1, 0], [1, 2]), "ascending, distinct positions"],
    [ints([-1, 0], [1, 2]), "ascending, distinct positions"],
    [ints([0, 1, 0], [1, 3]), "with K from 1 to 2"],
    [ints([0, 1], [2]), "int32 [B,K] with K from 1 to 2 or [L,B,K] with K from 1 to 2"],
  ])("sampled groups that are none", (sampled, message) => {
    const call = () => tokensOfGroups(sampled, ints([0, 1, 1, 0], [4]));
    expect(call).toThrow(RangeError);
    expect(call).toThrow(/^"sampledGroups" expected /);
    expect(call).toThrow(message);
  });
  test("groups for another batch: the sampled ones are held to them", () => {
    const groups = ints([0, 1, 1, 0, 0, 1], [3, 2]);
    const call = () => tokensOfGroups(ints([0, 1], [2, 1]), groups);
    expect(call).toThrow(RangeError);
    expect(call).toThrow('"sampledGroups" expected int32 [3,K]');
  });
  test("retainedMask", () => {
    expect(() => retainedMask(four(), 1)).toThrow(
      '"seqLength" expected an integer from 2 to 2147483647, got 1',
    );
    expect(() => retainedMask(four(), 3)).toThrow(
      new RangeError('"sortedIndices" expected ascending, distinct positions from 0 to 2, got 3 in row 1'),
    );
    expect(() => retainedMask(ints([0], [1]), 3)).toThrow('"sortedIndices" expected int32 [B,K]');
    expect(() => retainedMask(ints([0], [1, 1, 1, 1]), 3)).toThrow(RangeError);
    expect(() => retainedMask(tensor(new Uint8Array(1), [1, 1]), 3)).toThrow(TypeError);
    const huge = () => retainedMask(ints([0, 0, 0, 0, 0, 0, 0, 0], [8, 1]), 2 ** 31 - 1);
    expect(huge).toThrow(RangeError);
    expect(huge).toThrow('"seqLength" expected a result that memory holds');
  });
});

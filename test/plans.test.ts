/** What operations would dispatch, as data: no device takes part. */
import { describe, expect, test } from "vitest";
import { type Bytes, columnCuts, type Temporary } from "../src/backends/webgpu/binding-windows.ts";
import type { PlanLimits } from "../src/backends/webgpu/device-state.ts";
import { planMaskGather, planMaskSlice } from "../src/backends/webgpu/mask-plans.ts";
import { type Dispatch, type Step, spread } from "../src/backends/webgpu/plan.ts";
import { apart, indexWindows, planCopy } from "../src/backends/webgpu/row-plans.ts";
import { everyShader, INVERSION, maskShader, rowShader } from "../src/backends/webgpu/shader-choice.ts";
import { planTokens, type TokenOperation } from "../src/backends/webgpu/token-plans.ts";
import type { RowGeometry } from "../src/types.ts";

const limits: PlanLimits = { bindingBytes: 2 ** 27, lanes: 256, workgroups: 65535, software: false };

/** A place in a buffer of its own. */
const at = (label: string, byteOffset = 0): Bytes => ({ buffer: { label } as GPUBuffer, byteOffset });
const dispatchesOf = (steps: readonly Step[]): Dispatch[] => steps.filter((step) => "shader" in step);
/** An operand as its name, its buffer and its bytes. */
const operandsOf = ({ operands }: Dispatch) =>
  Object.fromEntries(operands.map(({ name, buffer, start, end }) => [name, [buffer, start, end]]));

const [dst, src, base, idx] = [at("dst"), at("src"), at("base"), at("idx")];
const g: RowGeometry = { batch: 2, seq: 32, retained: 16, rowBytes: 48, batchFirst: true };

describe("plans of token operations", () => {
  test("a gather is one dispatch", () => {
    expect(planTokens("gather", { dst, src, idx }, g, limits)).toEqual([
      {
        shader: rowShader(["index", "moved", "left"], 16),
        operands: [
          { name: "dst", buffer: dst.buffer, start: 0, end: 2 * 16 * 48, shiftUnit: 16 },
          { name: "idx", buffer: idx.buffer, start: 0, end: 4 * 2 * 16, shiftUnit: 4 },
          { name: "src", buffer: src.buffer, start: 0, end: 2 * 32 * 48, shiftUnit: 16 },
        ],
        params: {
          ...{ rows: 32, row: 3, tile: 2, rest: 0, seq: 32, inner: 16, idx_outer: 16, idx_rest: 1 },
          ...{ all_outer: 32, all_rest: 0, all_step: 1, dst_first: 0, dst_rows: 32, src_first: 0 },
          ...{ src_rows: 64, src_step: 3, idx_first: 0, idx_count: 32 },
        },
        workgroups: [1, 1, 1],
      },
    ]);
  });

  test("the batch as the second dimension changes how rows are numbered, and nothing else", () => {
    const [first] = dispatchesOf(planTokens("gather", { dst, src, idx }, g, limits));
    const [second] = dispatchesOf(
      planTokens("gather", { dst, src, idx }, { ...g, batchFirst: false }, limits),
    );
    expect(second).toEqual({
      ...first,
      params: {
        ...first.params,
        ...{ inner: 2, idx_outer: 1, idx_rest: 16, all_outer: 0, all_rest: 1, all_step: 2 },
      },
    });
  });

  test("a scatter into another tensor makes a map, which is zeroed first, and then writes every row once", () => {
    const [zeroed, inversion, move, ...more] = planTokens("scatter", { dst, src, base, idx }, g, limits);
    expect(more).toEqual([]);
    const map = (zeroed as { zeroed: Temporary }).zeroed;
    expect(map).toEqual({ scratch: "map", bytes: 4 * 64 });
    expect(inversion).toMatchObject({ shader: INVERSION, params: { rows: 32, dst_rows: 64, idx_count: 32 } });
    expect(operandsOf(inversion as Dispatch)).toEqual({ dst: [map, 0, 256], idx: [idx.buffer, 0, 128] });
    // The very same temporary: the recorder tells them by identity.
    expect(operandsOf(inversion as Dispatch).dst[0]).toBe(map);
    expect(operandsOf(move as Dispatch).map[0]).toBe(map);
    expect(move).toMatchObject({
      shader: rowShader(["map", "moved", "copied"], 16),
      params: { rows: 64, rest: 2 },
    });
    expect(Object.keys(operandsOf(move as Dispatch)).sort()).toEqual(["base", "dst", "map", "src"]);
  });

  test.each([
    "scatterInPlace",
    "accumulate",
    "zeroRowsInPlace",
  ] as const)("%s goes over K rows alone", (operation) => {
    const operands = operation === "zeroRowsInPlace" ? { dst, idx } : { dst, src, idx };
    const steps = planTokens(operation, operands, g, limits);
    expect(steps).toHaveLength(1);
    expect(steps[0]).toMatchObject({ params: { rows: 32, rest: 0, dst_rows: 64 } });
  });

  test("the unit is the largest that rows and their places are multiples of", () => {
    const unitOf = (rowBytes: number, byteOffset = 0) =>
      dispatchesOf(
        planTokens("gather", { dst: at("dst", byteOffset), src, idx }, { ...g, rowBytes }, limits),
      )[0].shader.sections;
    expect(unitOf(48)).toContain("unit = 16_bytes");
    expect(unitOf(48, 4)).toContain("unit = 4_bytes");
    expect(unitOf(20)).toContain("work = units");
    expect(unitOf(18)).toContain("work = bytes");
  });

  test.each([
    ["gather", 48],
    ["gather", 5000],
    ["scatter", 48],
    ["scatterZeros", 7],
    ["scatterInPlace", 5000],
  ] as [
    TokenOperation,
    number,
  ][])("%s of rows of %i bytes beyond a binding: every operand fits, every row is written once", (operation, rowBytes) => {
    const small = { ...limits, bindingBytes: 2048 };
    // Of rows that no binding holds each is moved by itself.
    const [seq, retained] = rowBytes > 2048 ? [20, 10] : [400, 200];
    const sizes = { ...g, batch: 3, seq, retained, rowBytes };
    const operands = { dst, src, idx, ...(operation === "scatter" ? { base } : {}) };
    const steps = planTokens(operation, operands, sizes, small);
    const written = new Map<string, number>();
    for (const step of dispatchesOf(steps)) {
      for (const { start, end } of step.operands)
        expect(end - (start - (start % 256))).toBeLessThanOrEqual(2048);
      const params = step.params as Record<string, number>;
      if (step.shader === INVERSION) {
        // Windows of indices follow one another.
        expect(params.idx_first % (params.idx_count || 1)).toBeGreaterThanOrEqual(0);
        continue;
      }
      expect(params.dst_rows * Number(params.row > 0)).toBeGreaterThan(0);
      const [, start] = operandsOf(step).dst as [unknown, number, number];
      // The rest of a window is written with the first of the windows of src, and not again.
      if (params.rest > 0)
        written.set(`${start}`, (written.get(`${start}`) ?? 0) + params.dst_rows * params.row);
    }
    if (operation === "scatter" || operation === "scatterZeros") {
      const units = rowBytes % 16 === 0 ? rowBytes / 16 : rowBytes % 4 === 0 ? rowBytes / 4 : rowBytes;
      expect([...written.values()].reduce((a, b) => a + b)).toBe(3 * seq * units);
    }
    // Every index, once for each window of what is written and read.
    const counts = dispatchesOf(steps).map(({ params }) => (params as Record<string, number>).idx_count ?? 0);
    expect(counts.reduce((a, b) => a + b) % (3 * retained)).toBe(0);
  });

  test("what is written bounds a binding by a quarter, where inputs share its buffer", () => {
    const tight = { ...limits, bindingBytes: 8192 };
    const many = { ...g, seq: 400, retained: 200 };
    const apartFrom = dispatchesOf(planTokens("scatterInPlace", { dst, src, idx }, many, tight));
    const shared = { buffer: dst.buffer, byteOffset: 2 ** 20 };
    const together = dispatchesOf(planTokens("scatterInPlace", { dst, src: shared, idx }, many, tight));
    const largest = (dispatches: Dispatch[]) =>
      Math.max(...dispatches.flatMap(({ operands }) => operands.map(({ start, end }) => end - start)));
    expect(largest(apartFrom)).toBeGreaterThan(4096);
    expect(
      largest(together.map((each) => ({ ...each, operands: each.operands.filter((o) => o.name !== "idx") }))),
    ).toBeLessThanOrEqual(2048);
  });

  test("indices that share the buffer of what is written are copied, others are not", () => {
    expect(apart(idx, 128, dst, limits)).toEqual({ idx, steps: [] });
    const shared = { buffer: dst.buffer, byteOffset: 4096 };
    const { idx: copy, steps } = apart(shared, 128, dst, limits);
    expect(copy).toEqual({ buffer: { scratch: "idx", bytes: 128 }, byteOffset: 0 });
    expect(steps).toEqual(planCopy(copy, shared, 128, limits));
    expect(operandsOf(dispatchesOf(steps)[0])).toEqual({
      dst: [copy.buffer, 0, 128],
      src: [dst.buffer, 4096, 4224],
    });
  });

  test("uploaded indices are one temporary, however many dispatches read it", () => {
    const buffer = { upload: new Uint8Array(4 * 600) };
    const small = { ...limits, bindingBytes: 2048 };
    const sizes = { ...g, batch: 3, seq: 400, retained: 200 };
    const steps = dispatchesOf(
      planTokens("gather", { dst, src, idx: { buffer, byteOffset: 0 } }, sizes, small),
    );
    expect(steps.length).toBeGreaterThan(10);
    for (const step of steps) expect(operandsOf(step).idx[0]).toBe(buffer);
  });

  test("half the lanes to a workgroup, twice the workgroups", () => {
    for (const [rows, length] of [
      [65535 * 256, 1],
      [100_000, 64],
    ]) {
      const whole = spread(rows, length, limits);
      const half = spread(rows, length, { ...limits, lanes: 128 });
      expect(half.tile).toBe(whole.tile);
      const count = ([x, y]: readonly number[]) => x * y;
      expect(count(half.workgroups)).toBeGreaterThanOrEqual(2 * count(whole.workgroups) - 1);
    }
  });
});

describe("plans of mask operations", () => {
  const mask = { maskBatch: 1, heads: 2, query: 32, seq: 32, retained: 16, elementBytes: 4 };

  test("a gather: 4 elements a lane where rows and their place allow and no buffer is shared", () => {
    const shaderOf = (more: object, out = dst, of = src) =>
      dispatchesOf(planMaskGather(out, of, idx, { ...mask, layers: 1, batch: 2, ...more }, limits))[0].shader;
    expect(shaderOf({})).toEqual(maskShader(4, true, false));
    expect(shaderOf({}, at("dst", 4))).toEqual(maskShader(4, false, false));
    expect(shaderOf({}, dst, { ...dst, byteOffset: 2 ** 16 })).toEqual(maskShader(4, false, false));
    expect(shaderOf({ retained: 15 })).toEqual(maskShader(4, false, false));
    expect(shaderOf({ elementBytes: 2 })).toEqual(maskShader(2, false, false));
    expect(shaderOf({ elementBytes: 1, retained: 15 })).toEqual(maskShader(1, false, true));
  });

  test("its sizes are params by their names", () => {
    const [{ params }] = dispatchesOf(
      planMaskGather(dst, src, idx, { ...mask, layers: 3, batch: 2 }, limits),
    );
    expect(params).toEqual({
      ...{ rows: 3 * 2 * 2 * 16, units: 4, tile: 2 },
      ...{ seq: 32, retained: 16, query: 32, out_query: 16, heads: 2, batch: 2, mask_batch: 1 },
      ...{ dst_first: 0, dst_rows: 192, src_first: 0, src_rows: 64, idx_first: 0, idx_count: 6 },
    });
  });

  test("a corner has its own fields, and none of the indices'", () => {
    const [{ params, shader }] = dispatchesOf(planMaskSlice(dst, src, mask, limits));
    expect(shader).toEqual(rowShader(["corner", "moved", "left"], 16));
    expect(params).toMatchObject({ plane_rows: 16, src_plane_rows: 32, row: 4, src_step: 8, rows: 32 });
    for (const field of ["seq", "inner", "all_outer", "idx_outer"]) expect(params).not.toHaveProperty(field);
  });
});

test("every shader that a plan chooses is one of those that are prepared", () => {
  const prepared = everyShader().map((shader) => JSON.stringify(shader));
  expect(new Set(prepared).size).toBe(prepared.length);
  const chosen = new Set<string>();
  const take = (steps: Step[]) => {
    for (const { shader } of dispatchesOf(steps)) chosen.add(JSON.stringify(shader));
  };
  for (const rowBytes of [16, 4, 3]) {
    const sizes = { ...g, rowBytes };
    take(planTokens("gather", { dst, src, idx }, sizes, limits));
    take(planTokens("scatterZeros", { dst, src, idx }, sizes, limits));
    take(planTokens("scatter", { dst, src, base, idx }, sizes, limits));
    take(planTokens("scatterInPlace", { dst, src, idx }, sizes, limits));
    take(planTokens("zeroRows", { dst, base, idx }, sizes, limits));
    take(planTokens("zeroRowsInPlace", { dst, idx }, sizes, limits));
    take(planCopy(dst, src, rowBytes, limits));
    if (rowBytes !== 3) take(planTokens("accumulate", { dst, src, idx }, sizes, limits));
  }
  for (const elementBytes of [1, 2, 4]) {
    for (const retained of [5, 8]) {
      const mask = { maskBatch: 1, heads: 1, query: 9, seq: 9, retained, elementBytes, layers: 1, batch: 1 };
      take(planMaskGather(dst, src, idx, mask, limits));
    }
  }
  expect([...chosen].sort()).toEqual([...prepared].sort());
});

test("indices are cut into what a binding holds, whole pieces at a time", () => {
  const [pieces, together, bindingBytes] = [1000, 10, 4096];
  const windows = indexWindows(idx, pieces, together, { ...limits, bindingBytes });
  let next = 0;
  for (const { first, rows, operand } of windows) {
    expect(first).toBe(next);
    expect([operand.start, operand.end]).toEqual([4 * together * first, 4 * together * (first + rows)]);
    expect(operand.end - operand.start).toBeLessThanOrEqual(bindingBytes);
    next += rows;
  }
  expect(next).toBe(pieces);
  expect(windows.length).toBe(12); // 89 pieces of 40 bytes in 4096, less 512 for alignment
});

test.each([1024, 1276, 1280])("a row is cut at multiples of 256 bytes, for bindings of %i", (budget) => {
  let next = 0;
  for (const { start, bytes } of columnCuts(10_000, budget)) {
    expect(start).toBe(next);
    expect(start % 256).toBe(0);
    expect(bytes).toBeLessThanOrEqual(budget - 512);
    next += bytes;
  }
  expect(next).toBe(10_000);
});

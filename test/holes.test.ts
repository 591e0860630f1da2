/** Rules that held while a change of them went unseen: one case for each, and the change that it notices. */
import { describe, expect, test } from "vitest";
import { useCPUBackend } from "../src/backends/cpu-backend.ts";
import {
  type CPUTensor,
  convertToRandomLTD,
  GatherTokens,
  gptSampleTokens,
  LayerTokenLRSchedule,
  RandomLayerTokenDrop,
  RandomLTDScheduler,
  ScatterTokens,
  tensor,
  tokenSort,
} from "../src/index.ts";
import { makeScheduler } from "./routing/settings.ts";
import { CPU_BACKENDS } from "./suites/cpu.ts";
import { selectInjected, testingCore } from "./suites/testing-core.ts";

const floats = (...shape: number[]): CPUTensor<Float32Array> =>
  tensor(
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i + 1),
    shape,
  );
const ints = (values: readonly number[], ...shape: number[]) => tensor(Int32Array.from(values), shape);
const indices = () => ints([1, 4, 0, 3], 2, 2);

describe.each(CPU_BACKENDS)("tokenSort on the %s backend", (backend) => {
  test("the first position of a row may be the bad one, in long rows too", () => {
    useCPUBackend(backend);
    try {
      for (const [bad, seq] of [
        [-1, 8],
        [8, 8],
        [-1, 5000],
        [5000, 5000],
      ]) {
        // prettier-ignore
        expect(() => tokenSort(ints([1, 2, bad, 3], 2, 2), seq)).toThrow(new RegExp(`got ${bad} in row 1`));
        expect(() => tokenSort(ints([bad, 2, 1, 3], 2, 2), seq)).toThrow(new RegExp(`got ${bad} in row 0`));
      }
      // Rows longer than the core marks at once.
      const n = 300_000;
      const data = Int32Array.from({ length: n }, (_, i) => n - 1 - i);
      expect(tokenSort(tensor(data, [1, n]), n).data.every((position, i) => position === i)).toBe(true);
      data[n - 1] = data[0]; // in the last piece, what the first one has
      const repeated = new RegExp(`^"indices" expected distinct positions .* got ${n - 1} in row 0$`);
      expect(() => tokenSort(tensor(data, [1, n]), n)).toThrow(repeated);
      const far = 2 ** 25 + 1; // beyond the longest bitmap
      expect(tokenSort(ints([far - 1, 5, 2 ** 25 - 1], 1, 3), far).data).toEqual(
        Int32Array.of(5, 2 ** 25 - 1, far - 1),
      );
      // And so many in it that a bitmap would pay, if the core had room for one.
      const many = Int32Array.from({ length: 2 ** 20 }, (_, i) => 2 ** 26 - 1 - 64 * i);
      expect(tokenSort(tensor(many, [1, 2 ** 20]), 2 ** 26).data.every((p, i) => p === 64 * i + 63)).toBe(
        true,
      );
    } finally {
      useCPUBackend(undefined);
    }
  });
});

test("backward is not in place unless told", () => {
  const grad = floats(2, 5, 3);
  const { allActivationsGrad } = ScatterTokens.backward(grad, indices());
  expect(allActivationsGrad).not.toBe(grad);
  expect(grad).toEqual(floats(2, 5, 3));
  const layer = new RandomLayerTokenDrop<CPUTensor>(
    { forward: (h) => h, backward: (g) => g },
    makeScheduler({ ids: [0], model_mask_name: null }),
    0,
  );
  const wide = floats(1, 12, 2);
  layer.forward(floats(1, 12, 2));
  expect(layer.backward(wide)).not.toBe(wide);
  expect(wide).toEqual(floats(1, 12, 2));
});

test("the linear schedule divides first, in doubles", () => {
  const scheduler = makeScheduler({ ids: [0], min: 1, max: 23, steps: 22 });
  scheduler.updateSeq(15); // 15 / 22 * 22 is 15 less a bit, so K is 15 and not 16
  expect(scheduler.getCurrentSeq()).toBe(15);
});

test("a custom schedule is asked for each step, by getTotalLayerTokens and by getSeqValues", () => {
  const config = {
    total_layer_num: 2,
    random_ltd_layer_num: 1,
    random_ltd_layer_id: [1],
    global_batch_size: 3,
    random_ltd_schedule: {
      min_value: 1,
      max_value: 10,
      schedule_type: "custom",
      schedule_config: { require_steps: 4 },
    },
  } as const;
  const lengths = [5, 9, 5, 2, 7, 1];
  const scheduler = new RandomLTDScheduler(config, { schedule: (step) => lengths[step] ?? 10 });
  expect(scheduler.getTotalLayerTokens(3)).toBe(3 * (5 + 9 + 5 + 3 * 10));
  expect(scheduler.getSeqValues()).toEqual([2, 5, 7, 9]); // steps 0 to require_steps
  scheduler.updateSeq(3);
  expect(scheduler.getSeqValues()).toEqual([2, 7]);
  scheduler.updateSeq(5); // beyond require_steps, the step itself
  expect(scheduler.getSeqValues()).toEqual([1]);
});

describe("each half of a shape by itself", () => {
  const run = (kwargs: object, options: object) => {
    const layer = new RandomLayerTokenDrop<CPUTensor>(
      (h) => h,
      makeScheduler({ ids: [0], min: 16, max: 64, model_mask_name: null }),
      0,
      options,
    );
    return () => layer.forward(floats(2, 64, 3), kwargs as never);
  };

  test("B and S", () => {
    const named = { alongSequence: ["ids"] };
    expect(run({ ids: floats(3, 64) }, named)).toThrow(/^"ids" expected shape \[B,S,\.\.\.\]/);
    expect(run({ ids: floats(2, 63) }, named)).toThrow(/^"ids" expected shape \[B,S,\.\.\.\]/);
    expect(run({ ids: floats(2, 64) }, named)).not.toThrow();
    expect(run({ ids: floats(64, 2) }, named)).toThrow(/^"ids" expected shape \[B,S,\.\.\.\]/); // [S,2] with B 2
  });

  const axes = { seqAxis: 2, batchAxis: 1 };
  test.each([
    [
      "seq_batch_dim",
      [
        [64, 2],
        [64, 1, 3],
      ],
      [[64, 3], [63, 2], [64]],
    ],
    ["seq_dim", [[64], [64, 3]], [[63], [63, 64]]],
    [
      "mask",
      [
        [2, 1, 64, 64],
        [1, 3, 1, 64],
      ],
      [
        [3, 1, 64, 64],
        [2, 1, 63, 64],
        [2, 1, 64, 63],
        [2, 64, 64],
      ],
    ],
    [
      "mask_rows",
      [
        [2, 1, 64, 5],
        [1, 2, 64, 9],
      ],
      [
        [3, 1, 64, 5],
        [2, 1, 63, 5],
        [2, 64, 64],
      ],
    ],
    [
      axes,
      [
        [3, 2, 64],
        [3, 1, 64, 2],
      ],
      [
        [3, 3, 64],
        [3, 2, 63],
        [3, 2],
      ],
    ],
    [
      { ...axes, batchAxis: null },
      [[3, 2, 64]],
      [
        [3, 2, 63],
        [64, 64],
      ],
    ],
  ] as const)("of the layout %j", (layout, fitting, others) => {
    const named = { alongSequence: { ids: layout } };
    for (const shape of fitting) expect(run({ ids: floats(...shape) }, named), `[${shape}]`).not.toThrow();
    for (const shape of others)
      expect(run({ ids: floats(...shape) }, named), `[${shape}]`).toThrow(/^"ids" expected shape/);
  });

  test("of boundaries", () => {
    const named = { alongSequence: { cu: "boundaries" } };
    expect(run({ cu: ints([0, 10, 64], 3) }, named)).not.toThrow();
    expect(run({ cu: ints([0, 64, 0, 64], 2, 2) }, named)).not.toThrow();
    expect(run({ cu: ints([0, 64, 0, 64, 0, 64], 3, 2) }, named)).toThrow(/^"cu" expected shape/);
    expect(run({ cu: ints([0], 1) }, named)).toThrow(/^"cu" expected shape/);
  });
});

test("ScatterTokens.forward: inPlace with another out, and a view of allActivations as the part", () => {
  const all = floats(2, 5, 3);
  const part = floats(2, 2, 3);
  expect(() => ScatterTokens.forward(all, part, indices(), { inPlace: true, out: floats(2, 5, 3) })).toThrow(
    /^"out" expected no out beside inPlace/,
  );
  const view = tensor(all.data.subarray(6, 18), [2, 2, 3]);
  expect(() => ScatterTokens.forward(all, view, indices(), { out: all })).toThrow(RangeError);
  expect(() => ScatterTokens.forward(all, view, indices(), { out: all })).toThrow(/^"out" expected memory/);
  expect(() => ScatterTokens.forward(all, view, indices(), { inPlace: true })).toThrow(/^"layerActivations"/);
  expect(all).toEqual(floats(2, 5, 3));
});

test("ScatterTokens.backward: out and inPlace as forward takes them", () => {
  const grad = floats(2, 5, 3);
  const other = { allActivationsGrad: floats(2, 5, 3) };
  expect(() => ScatterTokens.backward(grad, indices(), { inPlace: true, out: other })).toThrow(
    /^"out" expected no out beside inPlace/,
  );
  // A tensor of the same memory is the tensor itself; one of the same bytes and another shape is not.
  const again = { allActivationsGrad: tensor(grad.data, [2, 5, 3]) };
  expect(ScatterTokens.backward(grad, indices(), { inPlace: true, out: again }).allActivationsGrad).toBe(
    again.allActivationsGrad,
  );
  const flat = { allActivationsGrad: tensor(grad.data, [2, 15]) };
  expect(() => ScatterTokens.backward(grad, indices(), { out: flat })).toThrow(/^"out" expected shape/);
  const part = { layerActivationsGrad: tensor(grad.data.subarray(0, 12), [2, 2, 3]) };
  expect(() => ScatterTokens.backward(grad, indices(), { inPlace: true, out: part })).toThrow(
    /^"out" expected memory/,
  );
});

test.each(CPU_BACKENDS)("the place of the entry that slice can't take, on the %s backend", (backend) => {
  useCPUBackend(backend);
  try {
    const [B, H, S] = [3, 2, 6];
    for (const [b, h, i, j] of [
      [0, 0, 0, 1],
      [0, 1, 2, 2],
      [1, 0, 5, 0],
      [2, 1, 4, 5],
    ]) {
      // prettier-ignore
      const attnMask = tensor(new Float32Array(B * H * S * S), [B, H, S, S]);
      attnMask.data[((b * H + h) * S + i) * S + j] = 1;
      const options = { reservedLength: 3, seqLength: S, batchSize: B, seed: 1, attnMask };
      let message = "";
      try {
        gptSampleTokens(options);
      } catch (error) {
        message = (error as Error).message;
      }
      // The first entry of a sign stands for the others: where it is the odd one, the next is named.
      expect(message).toContain(
        i === 0 ? "another entry at [0,0,0,2]" : `another entry at [${b},${h},${i},${j}]`,
      );
    }
  } finally {
    useCPUBackend(undefined);
  }
});

test("a dtype goes with its own carrier only", () => {
  const fits: Record<string, string[]> = {
    Float32Array: ["float32"],
    Float64Array: ["float64"],
    Int32Array: ["int32"],
    Uint32Array: ["uint32"],
    Uint8Array: ["uint8"],
    Uint16Array: ["float16", "bfloat16"],
  };
  const dtypes = Object.values(fits).flat();
  for (const [array, own] of Object.entries(fits)) {
    const data = new (globalThis as any)[array](4);
    for (const dtype of dtypes) {
      const make = () => tensor(data, [2, 2], dtype as never);
      if (own.includes(dtype)) expect(make().dtype).toBe(dtype);
      else expect(make).toThrow(/^"dtype" expected/);
      const use = () => GatherTokens.forward({ data, shape: [2, 2], dtype } as never, ints([0, 0], 2, 1));
      if (own.includes(dtype)) expect(use).not.toThrow();
      else expect(use).toThrow(/^"activations" expected/);
    }
  }
});

test("an encoder without a mask is refused", () => {
  const options = {
    reservedLength: 2,
    seqLength: 4,
    batchSize: 1,
    seed: 1,
    encoder: {} as GPUCommandEncoder,
  };
  expect(() => gptSampleTokens(options)).toThrow(/^"encoder" expected no encoder with CPU tensors/);
});

test("the floor of a learning rate may be the rate, and no more", () => {
  const schedule = (floor: number) => new LayerTokenLRSchedule({ total_layer_tokens: 9 }, { lr: 2, floor });
  expect(schedule(2).getLR(5)).toBe(2);
  expect(() => schedule(2 + 1e-9)).toThrow(/^"floor"/);
});

test("states of rank 2 are dropped from, and backward wants a gradient", () => {
  const layer = new RandomLayerTokenDrop<CPUTensor>(
    { forward: (h) => h, backward: (g) => g },
    makeScheduler({ ids: [0], model_mask_name: null }),
    0,
  );
  const states = floats(2, 12);
  expect(layer.forward(states)).toEqual(states);
  expect(() => layer.backward(undefined as never)).toThrow(/^"outGrad" expected a tensor/);
  expect(() => layer.forward(floats(12))).toThrow(/^"hiddenStates" expected at least two dimensions/);
});

test("backward asks a framework whether it is given a tensor before it asks for the shape", () => {
  const ops = {
    isTensor: (value: unknown): value is { shape: number[] } => typeof value === "object",
    shapeOf: (t?: { shape: number[] }) => t?.shape ?? [],
    at: () => expect.fail("nothing is dropped"),
  };
  const identity = { forward: (h: object) => h, backward: (g: object) => g };
  const layer = new RandomLayerTokenDrop(identity, makeScheduler({ ids: [0] }), 0, { ops: ops as never });
  layer.eval();
  const states = { shape: [2, 12] };
  expect(layer.forward(states)).toBe(states);
  expect(layer.backward(states)).toBe(states);
  expect(() => layer.backward(undefined as never)).toThrow(/^"outGrad" expected a tensor/);
});

test("the upper bounds of layerOrdinal and keepPrefix", () => {
  const make = (ordinal: number, keepPrefix: number) => () =>
    new RandomLayerTokenDrop((h: CPUTensor) => h, makeScheduler({ ids: [0] }), ordinal, { keepPrefix });
  expect(make(2 ** 32 - 1, 2 ** 31 - 1)).not.toThrow();
  expect(make(2 ** 32, 0)).toThrow(/^"layerOrdinal"/);
  expect(make(0, 2 ** 31)).toThrow(/^"keepPrefix"/);
});

test("names that are no strings", () => {
  const stack = (alongSequence: unknown) => () =>
    convertToRandomLTD([(h: CPUTensor) => h], makeScheduler({ layers: 1, ids: [0] }), {
      alongSequence,
    } as never);
  for (const name of [1, null, {}, ["ids"]]) expect(stack([name])).toThrow(/^"alongSequence" expected/);
});

test("as many equal keys as no list of candidates holds", async () => {
  const keys = new Uint32Array(200_000).fill(0x40000000);
  const wasm = await testingCore();
  for (const kept of [1, 50_000, 199_999]) {
    const found = selectInjected(wasm, keys, kept)!;
    expect(found.length).toBe(kept);
    expect(found.every((position, i) => position === i)).toBe(true);
  }
});

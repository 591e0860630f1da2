/** What is refused, under which name, as which error; and that nothing is written then. CONTRACT: bad input. */
import { describe, expect, test } from "vitest";
import {
  bertSampleTokens,
  type CPUTensor,
  GatherTokens,
  gptSampleTokens,
  ScatterTokens,
  tensor,
} from "../src/index.ts";
import {
  type Args,
  accumulate,
  bert,
  CALLS,
  type Call,
  gatherBackward,
  gatherForward,
  gatherMask,
  gpt,
  layer,
  make,
  scatterBackward,
  scatterBackwardInPlace,
  scatterForward,
  scatterInPlace,
  sliceMask,
  sort,
} from "./suites/calls.ts";
import { WRONG_VALUES } from "./suites/wrong-values.ts";

/** Every typed array among the arguments, to be held against what it was. */
function contents(value: unknown): string {
  if (typeof value !== "object" || value === null || Object.keys(value).length === 0) return "";
  if (ArrayBuffer.isView(value)) return String(value);
  return Object.values(value)
    .map((inner) => (inner === value ? "" : contents(inner)))
    .join(";");
}

/** Expects `fn` to throw just this kind of error, in the one form, and to leave `args` alone. */
function expectRefusal(fn: () => unknown, kind: typeof TypeError, name: string, args: unknown): void {
  const before = contents(args);
  let error: Error | undefined;
  try {
    fn();
  } catch (thrown) {
    error = thrown as Error;
  }
  expect(error, `a refusal of "${name}"`).toBeInstanceOf(Error);
  expect(error!.message).toMatch(new RegExp(`^"${name}" expected [\\s\\S]+, got [\\s\\S]+$`));
  expect(error!.constructor, error!.message).toBe(kind);
  expect(error!.message.length, error!.message).toBeLessThan(500);
  expect(contents(args), "what the arguments hold").toBe(before);
}

/** Expects the call with these arguments in place of the control's to be refused under `name`. */
function refuses(call: Call, kind: typeof TypeError, name: string, other: Args): void {
  const args = { ...call.args(), ...other };
  expectRefusal(() => call.call(args), kind, name, args);
}

/** Expects the call with these arguments in place of the control's to go through. */
function takes(call: Call, other: Args): void {
  expect(() => call.call({ ...call.args(), ...other })).not.toThrow();
}

const ints = (values: readonly number[], shape: readonly number[]) => tensor(Int32Array.from(values), shape);
const floats = (shape: readonly number[]) =>
  tensor(new Float32Array(shape.reduce((a, b) => a * b, 1)), shape);
const bytes = (shape: readonly number[], one = -1, value = 1) =>
  tensor(
    new Uint8Array(shape.reduce((a, b) => a * b, 1)).map((_, i) => (i === one ? value : 0)),
    shape,
  );

/** The same tensor, its memory gone elsewhere. */
function detached(t: CPUTensor): CPUTensor {
  const copy = { ...t, data: t.data.slice() };
  structuredClone(copy.data.buffer, { transfer: [copy.data.buffer as ArrayBuffer] });
  expect(copy.data.length).toBe(0);
  return copy;
}

/** Has all that tells a GPU tensor apart. */
const onGPU = (t: CPUTensor) => ({
  buffer: {},
  byteOffset: 0,
  shape: t.shape,
  dtype: t.dtype,
  device: {},
  operations: {},
});

describe.each(CALLS.map((call) => [call.name, call] as const))("%s", (_name, call) => {
  const names = Object.keys(call.kinds);

  test("takes the control", () => takes(call, {}));

  test.each(names)("%s: every wrong kind of value is a TypeError", (name) => {
    const kinds = call.kinds[name];
    let tried = 0;
    for (const { what, value, kinds: itsKinds = [] } of WRONG_VALUES) {
      if (itsKinds.some((kind) => kinds.includes(kind))) continue;
      tried++;
      const args = { ...call.args(), [name]: value };
      try {
        expectRefusal(() => call.call(args), TypeError, name, args);
      } catch (error) {
        throw new Error(`with ${what}: ${(error as Error).message}`);
      }
    }
    expect(tried).toBeGreaterThan(10);
  });

  const tensors = names.filter((name) => call.kinds[name].includes("tensor"));

  if (tensors.length > 0)
    test("a detached tensor is a TypeError", () => {
      for (const name of tensors) refuses(call, TypeError, name, { [name]: detached(call.args()[name]) });
    });

  if (tensors.length > 0)
    test("a tensor of a wrong length, or with a dimension below 1, is a RangeError", () => {
      for (const name of tensors) {
        const { data, shape, dtype } = call.args()[name] as CPUTensor;
        for (const bad of [
          { data: data.slice(1), shape, dtype },
          { data, shape: [...shape, 2], dtype },
          { data, shape: shape.map((length, i) => (i === 0 ? length + 0.5 : length)), dtype },
          { data, shape: shape.map((length, i) => (i === 0 ? Number.NaN : length)), dtype },
          { data, shape: shape.map((length, i) => (i === 0 ? -length : length)), dtype },
          { data: data.slice(0, 0), shape: shape.map((length, i) => (i === 0 ? 0 : length)), dtype },
        ]) {
          refuses(call, RangeError, name, { [name]: bad });
        }
      }
    });

  const integers = names.filter((name) => call.kinds[name].includes("integer"));

  if (integers.length > 0)
    test("NaN, infinities and fractions are RangeErrors", () => {
      for (const name of integers) {
        for (const value of [Number.NaN, Infinity, -Infinity, 1.5, 2 ** 53, -1, 1 + Number.EPSILON]) {
          refuses(call, RangeError, name, { [name]: value });
        }
      }
    });

  if ("encoder" in call.kinds)
    test("an encoder doesn't go with CPU tensors", () => {
      for (const encoder of [{}, { beginComputePass() {} }, null, false]) {
        refuses(call, TypeError, "encoder", { encoder });
      }
    });
});

/** Functions that take options, what comes before them, and whether they can do without. */
const OPTIONS: readonly [string, (options: any) => unknown, boolean][] = [
  ["gptSampleTokens", (o) => gpt.call(o), false],
  ["bertSampleTokens", (o) => bert.call(o), false],
  ...[gatherForward, scatterForward, scatterBackward].map((call): [string, (o: any) => unknown, boolean] => {
    const { activations, allActivations, layerActivations, outGrad, sortedIndices } = call.args();
    if (call === gatherForward)
      return [call.name, (o) => GatherTokens.forward(activations, sortedIndices, o), true];
    if (call === scatterBackward)
      return [call.name, (o) => ScatterTokens.backward(outGrad, sortedIndices, o), true];
    return [
      call.name,
      (o) => ScatterTokens.forward(allActivations, layerActivations, sortedIndices, o),
      true,
    ];
  }),
];

test.each(OPTIONS)("%s: options of a wrong kind are a TypeError", (_name, call, optional) => {
  for (const { value, kinds = [] } of WRONG_VALUES) {
    if (kinds.includes("object") || (optional && kinds.includes("optional"))) continue;
    expectRefusal(() => call(value), TypeError, "options", undefined);
  }
});

describe.each([gpt, bert].map((call) => [call.name, call] as const))("%s", (_name, call) => {
  const bare = { keepPrefix: 0, keepMask: undefined, paddingMask: undefined, attnMask: undefined };

  test("the message in full", () => {
    const args = { ...call.args(), ...bare, seqLength: 2048, reservedLength: 4096 };
    expect(() => call.call(args)).toThrow(
      new RangeError('"reservedLength" expected an integer from 1 to 2048, got 4096'),
    );
  });

  test("reservedLength is 1 to S", () => {
    for (const reservedLength of [0, 9, -1]) refuses(call, RangeError, "reservedLength", { reservedLength });
    takes(call, { ...bare, reservedLength: 1 });
    takes(call, { reservedLength: 8 });
  });

  test("seqLength is 1 to at least 2^24", () => {
    for (const seqLength of [0, 2 ** 32]) refuses(call, RangeError, "seqLength", { seqLength });
    takes(call, { ...bare, seqLength: 1, reservedLength: 1 });
  });

  test("batchSize and layers are at least 1", () => {
    refuses(call, RangeError, "batchSize", { ...bare, batchSize: 0 });
    refuses(call, RangeError, "batchSize", { ...bare, batchSize: 2 ** 32 + 1 });
    refuses(call, RangeError, "layers", { layers: 0 });
    refuses(call, RangeError, "layers", { layers: 2 ** 32 + 1 });
    takes(call, { ...bare, batchSize: 1, layers: 1 });
  });

  test("step and the offsets are unsigned 32-bit, and rows are counted to 2^32", () => {
    refuses(call, RangeError, "step", { step: 2 ** 32 });
    takes(call, { step: 2 ** 32 - 1 });
    refuses(call, RangeError, "batchOffset", { batchOffset: 2 ** 32 - 1 }); // two rows
    takes(call, { batchOffset: 2 ** 32 - 2 });
    takes(call, { ...bare, batchSize: 1, batchOffset: 2 ** 32 - 1 });
    refuses(call, RangeError, "layerOffset", { layerOffset: 2 ** 32 });
    takes(call, { layers: 1, layerOffset: 2 ** 32 - 1 });
  });

  test("the seed is an unsigned 64-bit number, as a number a safe one", () => {
    for (const seed of [-1, 0.5, Number.NaN, Infinity, 2 ** 53, -1n, 2n ** 64n, 2n ** 65n]) {
      refuses(call, RangeError, "seed", { seed });
    }
    for (const seed of [0, 2 ** 53 - 1, 0n, 2n ** 64n - 1n]) takes(call, { seed });
  });

  test("more kept tokens than K: keepPrefix if it alone exceeds K, else keepMask", () => {
    refuses(call, RangeError, "keepPrefix", { keepPrefix: 5 });
    refuses(call, RangeError, "keepPrefix", {
      keepPrefix: 5,
      keepMask: tensor(new Uint8Array(16).fill(1), [2, 8]),
    });
    refuses(call, RangeError, "keepPrefix", { keepPrefix: 9, keepMask: undefined });
    takes(call, { keepPrefix: 4, keepMask: undefined });
    refuses(call, RangeError, "keepMask", { keepPrefix: 4 }); // position 2 lies in it, and in row 1 position 7 doesn't
    takes(call, { keepPrefix: 3 });
    const five = tensor(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 0, 0, 0), [2, 8]);
    refuses(call, RangeError, "keepMask", { keepPrefix: 0, keepMask: five });
    takes(call, { keepPrefix: 0, keepMask: five, reservedLength: 5 });
  });

  test("keepMask and paddingMask are uint8 [B,S] of 0 and 1", () => {
    for (const name of ["keepMask", "paddingMask"]) {
      for (const shape of [[1, 8], [8, 2], [16], [2, 8, 1], [1, 16], [2, 7]]) {
        refuses(call, RangeError, name, { [name]: bytes(shape) });
      }
      for (let at = 0; at < 16; at++) {
        for (const value of [2, 3, 128, 255])
          refuses(call, RangeError, name, { [name]: bytes([2, 8], at, value) });
      }
      refuses(call, TypeError, name, { [name]: ints(Array(16).fill(1), [2, 8]) });
      refuses(call, TypeError, name, { [name]: floats([2, 8]) });
      refuses(call, TypeError, name, { [name]: onGPU(bytes([2, 8])) });
      takes(call, { [name]: bytes([2, 8], 3) });
    }
    // Not on whole words, and of an odd length.
    const shifted = (value: number) => {
      const data = new Uint8Array(16).subarray(1);
      data[14] = value;
      return { ...bare, batchSize: 1, seqLength: 15, paddingMask: tensor(data, [1, 15]) };
    };
    refuses(call, RangeError, "paddingMask", shifted(2));
    takes(call, shifted(1));
  });

  test("attnMask is [B,H,S,S] or [B,H,1,S], its batch 1 or B", () => {
    for (const shape of [
      [8, 8],
      [1, 8, 8],
      [3, 1, 8, 8],
      [2, 1, 7, 7],
      [2, 1, 2, 8],
      [2, 1, 8, 7],
      [2, 1, 1, 8, 8],
    ]) {
      refuses(call, RangeError, "attnMask", { attnMask: floats(shape) });
    }
    for (const shape of [
      [1, 1, 8, 8],
      [2, 3, 8, 8],
      [1, 1, 1, 8],
      [2, 1, 1, 8],
    ]) {
      takes(call, { attnMask: floats(shape) });
    }
  });
});

test("gptSampleTokens: maskMode is one of three", () => {
  for (const maskMode of ["", "Slice", "gathered", "unchecked"])
    refuses(gpt, RangeError, "maskMode", { maskMode });
  for (const maskMode of ["slice", "gather", "slice-unchecked"]) takes(gpt, { maskMode });
});

test("gptSampleTokens: a mask that the corner would get wrong", () => {
  const attnMask = floats([2, 1, 8, 8]);
  attnMask.data[0] = 1;
  refuses(gpt, RangeError, "attnMask", { attnMask });
  takes(gpt, { attnMask, maskMode: "gather" });
  takes(gpt, { attnMask, maskMode: "slice-unchecked" });
  takes(bert, { attnMask });
});

/** Indices that no operation on 2 rows of 5 tokens takes, and why. */
const BAD_INDICES: readonly [string, CPUTensor][] = [
  ["unsorted", ints([1, 4, 3, 0], [2, 2])],
  ["repeated", ints([1, 4, 3, 3], [2, 2])],
  ["repeated in the first row", ints([0, 0, 0, 3], [2, 2])],
  ["S itself", ints([1, 4, 3, 5], [2, 2])],
  ["S in the first row", ints([1, 5, 0, 3], [2, 2])],
  ["-1", ints([-1, 4, 0, 3], [2, 2])],
  ["the least int32", ints([1, 4, -(2 ** 31), 3], [2, 2])],
  ["the most int32", ints([1, 4, 0, 2 ** 31 - 1], [2, 2])],
  ["of one row", ints([1, 4], [1, 2])],
  ["of three rows", ints([1, 4, 1, 4, 1, 4], [3, 2])],
  ["[B]", ints([1, 4], [2])],
  ["of rank 4", ints([1, 4, 0, 3], [1, 1, 2, 2])],
  ["more than S", ints([0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5], [2, 6])],
];

const indexed = [gatherForward, gatherBackward, accumulate, scatterForward, scatterInPlace, scatterBackward];
describe.each(
  [...indexed, scatterBackwardInPlace, gatherMask].map((call) => [call.name, call] as const),
)("%s", (_name, call) => {
  test.each(BAD_INDICES)("sortedIndices %s are a RangeError", (_what, sortedIndices) => {
    refuses(call, RangeError, "sortedIndices", { sortedIndices });
  });

  test("sortedIndices are int32, and on the CPU with CPU tensors", () => {
    for (const data of [new Uint32Array(4), new Float32Array(4), new Float64Array(4), new Uint8Array(4)]) {
      refuses(call, TypeError, "sortedIndices", { sortedIndices: tensor(data, [2, 2]) });
    }
    refuses(call, TypeError, "sortedIndices", { sortedIndices: onGPU(ints([0, 1, 0, 1], [2, 2])) });
    takes(call, { sortedIndices: ints([0, 1, 0, 4], [2, 2]) });
    takes(call, { sortedIndices: ints([3, 4, 1, 2], [2, 2]) });
  });

  if (call !== gatherMask)
    test("sortedIndices of rank 3 are a RangeError", () => {
      refuses(call, RangeError, "sortedIndices", { sortedIndices: ints([1, 4, 0, 3], [1, 2, 2]) });
    });
});

test("indices that are held to a retained gradient have its K", () => {
  for (const call of [gatherBackward, accumulate]) {
    refuses(call, RangeError, "sortedIndices", { sortedIndices: ints([1, 2], [2, 1]) });
    refuses(call, RangeError, "sortedIndices", { sortedIndices: ints([1, 2, 3, 1, 2, 3], [2, 3]) });
    refuses(call, RangeError, "seqLength", { seqLength: 1 });
    refuses(call, RangeError, "seqLength", { seqLength: 2 ** 31 });
    refuses(call, RangeError, "sortedIndices", { seqLength: 4 }); // 4 is a position
    refuses(call, TypeError, "seqLength", { seqLength: undefined });
  }
  refuses(gatherBackward, RangeError, "out", { seqLength: 6 });
  refuses(accumulate, RangeError, "accumulateInto", { seqLength: 6 });
});

test("tensors of tokens have two dimensions at least", () => {
  refuses(gatherForward, RangeError, "activations", { activations: floats([10]) });
  refuses(gatherBackward, RangeError, "retainedGrad", { retainedGrad: floats([4]) });
  refuses(scatterForward, RangeError, "allActivations", { allActivations: floats([10]) });
  refuses(scatterBackward, RangeError, "outGrad", { outGrad: floats([10]) });
  takes(gatherForward, { activations: floats([2, 5]), out: floats([2, 2]) });
});

/** Calls with an output, its argument and its shape. */
const OUTPUTS: readonly [Call, string, readonly number[]][] = [
  [gatherForward, "out", [2, 2, 3]],
  [gatherBackward, "out", [2, 5, 3]],
  [accumulate, "accumulateInto", [2, 5, 3]],
  [scatterForward, "out", [2, 5, 3]],
  [gatherMask, "out", [2, 1, 2, 2]],
  [sliceMask, "out", [2, 1, 2, 2]],
];

test.each(
  OUTPUTS.map((output) => [output[0].name, ...output] as const),
)("%s: its output has the result's shape, dtype and place", (_name, call, name, shape) => {
  const n = shape.reduce((a, b) => a * b, 1);
  const others = [
    [n],
    [...shape, 1],
    [1, ...shape],
    shape.slice(0, -1),
    shape.map((d) => d + 1),
    [...shape].reverse(),
  ];
  for (const other of others) refuses(call, RangeError, name, { [name]: floats(other) });
  for (const data of [new Float64Array(n), new Int32Array(n), new Uint32Array(n)]) {
    refuses(call, TypeError, name, { [name]: tensor(data, shape) });
  }
  refuses(call, TypeError, name, { [name]: onGPU(floats(shape)) });
  takes(call, { [name]: floats(shape) });
});

test("ScatterTokens.backward: out has the gradients' shapes, dtypes and places", () => {
  const out = (allActivationsGrad: unknown, layerActivationsGrad: unknown) => ({
    out: { allActivationsGrad, layerActivationsGrad },
  });
  const [all, part] = [floats([2, 5, 3]), floats([2, 2, 3])];
  for (const bad of [floats([5, 2, 3]), floats([30]), floats([2, 5, 4])]) {
    refuses(scatterBackward, RangeError, "out", out(bad, part));
    refuses(scatterBackward, RangeError, "out", out(all, bad));
    refuses(scatterBackward, RangeError, "out", out(undefined, bad));
  }
  for (const bad of [ints(Array(30).fill(0), [2, 5, 3]), onGPU(all), null, 1, {}, detached(all)]) {
    refuses(scatterBackward, TypeError, "out", out(bad, part));
    refuses(scatterBackward, TypeError, "out", out(bad, undefined));
  }
  for (const bad of [ints(Array(12).fill(0), [2, 2, 3]), onGPU(part), null, 1, {}, detached(part)]) {
    refuses(scatterBackward, TypeError, "out", out(all, bad));
    refuses(scatterBackward, TypeError, "out", out(undefined, bad));
  }
  takes(scatterBackward, out(undefined, part));
  takes(scatterBackward, out(all, undefined));
  takes(scatterBackward, { out: {} });
  // What would never be written: one of the two alone, and another name.
  refuses(scatterBackward, TypeError, "out", { out: all });
  refuses(scatterBackward, TypeError, "out", { out: { allActivationGrad: all, layerActivationsGrad: part } });
});

/** A tensor over a part of `buffer`, in floats from `start` on. */
const at = (buffer: ArrayBuffer, start: number, shape: readonly number[]) =>
  tensor(
    new Float32Array(
      buffer,
      4 * start,
      shape.reduce((a, b) => a * b, 1),
    ),
    shape,
  );

describe("memory that is shared", () => {
  const buffer = () => new ArrayBuffer(4 * 200);

  test.each([
    [gatherForward, "activations", [2, 5, 3], "out", [2, 2, 3]],
    [gatherBackward, "retainedGrad", [2, 2, 3], "out", [2, 5, 3]],
    [accumulate, "retainedGrad", [2, 2, 3], "accumulateInto", [2, 5, 3]],
    [scatterForward, "layerActivations", [2, 2, 3], "out", [2, 5, 3]],
    [scatterForward, "allActivations", [2, 5, 3], "out", [2, 5, 3]],
    [gatherMask, "mask", [2, 1, 5, 5], "out", [2, 1, 2, 2]],
    [sliceMask, "mask", [2, 1, 5, 5], "out", [2, 1, 2, 2]],
  ] as const)("$1 and $3, by one element at either end", (call, input, shape, output, outShape) => {
    const [n, m] = [shape, outShape].map((s) => (s as readonly number[]).reduce((a, b) => a * b, 1));
    const memory = buffer();
    const given = { [input]: at(memory, 60, shape) };
    for (const start of [60 - m + 1, 60 + n - 1, 61]) {
      refuses(call, RangeError, output, { ...given, [output]: at(memory, start, outShape) });
    }
    for (const start of [60 - m, 60 + n]) takes(call, { ...given, [output]: at(memory, start, outShape) });
  });

  test("by one byte", () => {
    const memory = new Uint8Array(40);
    const part = (start: number, shape: readonly number[]) =>
      tensor(memory.subarray(start, start + shape.reduce((a, b) => a * b, 1)), shape);
    const activations = part(12, [2, 5, 1]);
    for (const start of [9, 21])
      refuses(gatherForward, RangeError, "out", { activations, out: part(start, [2, 2, 1]) });
    for (const start of [8, 22]) takes(gatherForward, { activations, out: part(start, [2, 2, 1]) });
  });

  test("out over the indices", () => {
    const sortedIndices = ints([1, 4, 0, 3], [2, 2]);
    const states = ints(Array(10).fill(7), [2, 5]);
    const over = tensor(sortedIndices.data, [2, 2]);
    refuses(gatherForward, RangeError, "out", { activations: states, sortedIndices, out: over });
    const long = new Int32Array(20);
    long.set([1, 4, 0, 3]);
    const shared = tensor(long.subarray(0, 4), [2, 2]);
    const out = tensor(long.subarray(3, 13), [2, 5]);
    const grad = ints([7, 7, 7, 7], [2, 2]);
    refuses(gatherBackward, RangeError, "out", { retainedGrad: grad, sortedIndices: shared, out });
    const scatter = { allActivations: states, layerActivations: grad, sortedIndices: shared };
    refuses(scatterForward, RangeError, "out", { ...scatter, out });
    const free = tensor(long.subarray(4, 14), [2, 5]);
    takes(scatterForward, { ...scatter, out: free });
  });

  test("in place, the others are held to the states", () => {
    const memory = buffer();
    const allActivations = at(memory, 20, [2, 5, 3]);
    const over = at(memory, 49, [2, 2, 3]);
    refuses(scatterInPlace, RangeError, "layerActivations", { allActivations, layerActivations: over });
    takes(scatterInPlace, { allActivations, layerActivations: at(memory, 50, [2, 2, 3]) });

    const long = new Int32Array(20);
    long.set([1, 4, 0, 3]);
    const sortedIndices = tensor(long.subarray(0, 4), [2, 2]);
    const states = tensor(long.subarray(3, 13), [2, 5]);
    const layerActivations = ints([7, 7, 7, 7], [2, 2]);
    refuses(scatterInPlace, RangeError, "sortedIndices", {
      allActivations: states,
      layerActivations,
      sortedIndices,
    });
    refuses(scatterBackwardInPlace, RangeError, "sortedIndices", { outGrad: states, sortedIndices });
    const apart = tensor(long.subarray(4, 14), [2, 5]);
    takes(scatterInPlace, { allActivations: apart, layerActivations, sortedIndices });
  });

  test("ScatterTokens.backward: either output over an input, or over the other", () => {
    const memory = buffer();
    const outGrad = at(memory, 60, [2, 5, 3]);
    const out = (all: number | undefined, part: number | undefined) => ({
      outGrad,
      out: {
        allActivationsGrad: all === undefined ? undefined : at(memory, all, [2, 5, 3]),
        layerActivationsGrad: part === undefined ? undefined : at(memory, part, [2, 2, 3]),
      },
    });
    for (const all of [31, 61, 89]) refuses(scatterBackward, RangeError, "out", out(all, undefined));
    for (const part of [49, 60, 70, 89]) refuses(scatterBackward, RangeError, "out", out(undefined, part));
    for (const part of [89 + 1, 119, 100]) refuses(scatterBackward, RangeError, "out", out(90, part));
    takes(scatterBackward, out(90, 48));
    takes(scatterBackward, out(90, 120));
    const part = at(memory, 89, [2, 2, 3]);
    refuses(scatterBackwardInPlace, RangeError, "out", { outGrad, out: { layerActivationsGrad: part } });
  });
});

test("accumulateInto: float32 and float64 alone, and no out beside it", () => {
  refuses(accumulate, TypeError, "out", { out: floats([2, 5, 3]) });
  refuses(accumulate, TypeError, "accumulateInto", {
    accumulateInto: tensor(new Float64Array(30), [2, 5, 3]),
  });
  takes(accumulate, {
    retainedGrad: tensor(new Float64Array(12), [2, 2, 3]),
    accumulateInto: tensor(new Float64Array(30), [2, 5, 3]),
  });
  for (const [dtype, grad, into] of [
    ["int32", new Int32Array(12), new Int32Array(30)],
    ["uint32", new Uint32Array(12), new Uint32Array(30)],
    ["uint8", new Uint8Array(12), new Uint8Array(30)],
    ["float16", new Uint16Array(12), new Uint16Array(30)],
    ["bfloat16", new Uint16Array(12), new Uint16Array(30)],
  ] as const) {
    refuses(accumulate, TypeError, "accumulateInto", {
      retainedGrad: tensor(grad, [2, 2, 3], dtype),
      accumulateInto: tensor(into, [2, 5, 3], dtype),
    });
  }
});

test("layerActivations have the states' dtype, place and shape, but for K", () => {
  for (const shape of [
    [2, 5, 3],
    [2, 3, 3],
    [2, 2, 2],
    [1, 2, 3],
    [2, 2],
    [2, 2, 3, 1],
    [12],
    [2, 2, 1, 3],
  ]) {
    refuses(scatterForward, RangeError, "layerActivations", { layerActivations: floats(shape) });
  }
  const other = tensor(new Float64Array(12), [2, 2, 3]);
  refuses(scatterForward, TypeError, "layerActivations", { layerActivations: other });
  refuses(scatterForward, TypeError, "layerActivations", { layerActivations: onGPU(floats([2, 2, 3])) });
  const half = tensor(new Uint16Array(30), [2, 5, 3], "float16");
  const brain = tensor(new Uint16Array(12), [2, 2, 3], "bfloat16");
  refuses(scatterForward, TypeError, "layerActivations", {
    allActivations: half,
    layerActivations: brain,
    out: undefined,
  });
});

test("the other layout holds the same arguments to other shapes", () => {
  const sortedIndices = ints([1, 4, 0, 3], [2, 2]);
  takes(gatherForward, { activations: floats([5, 2, 3]), sortedIndices, batchFirst: false });
  // Two tokens of five rows.
  refuses(gatherForward, RangeError, "sortedIndices", { sortedIndices, batchFirst: false });
  takes(gatherBackward, { batchFirst: false, out: floats([5, 2, 3]) });
  refuses(gatherBackward, RangeError, "out", { batchFirst: false });
  refuses(scatterForward, RangeError, "layerActivations", {
    allActivations: floats([5, 2, 3]),
    layerActivations: floats([2, 5, 3]),
    out: undefined,
    batchFirst: false,
  });
});

test("maskGather and maskSlice: what a mask is", () => {
  for (const call of [gatherMask, sliceMask]) {
    for (const shape of [
      [5, 5],
      [1, 5, 5],
      [2, 1, 2, 5],
      [2, 1, 5, 4],
      [2, 1, 1, 5, 5],
    ]) {
      refuses(call, RangeError, "mask", { mask: floats(shape) });
    }
  }
  takes(gatherMask, { mask: floats([1, 1, 5, 5]) });
  takes(gatherMask, { mask: floats([2, 1, 1, 5]), out: floats([2, 1, 1, 2]) });
  takes(gatherMask, { sortedIndices: ints([1, 4, 0, 3], [1, 2, 2]), out: floats([1, 2, 1, 2, 2]) });
  refuses(gatherMask, RangeError, "sortedIndices", { mask: floats([3, 1, 5, 5]) });
  refuses(gatherMask, RangeError, "out", { sortedIndices: ints([1, 4, 0, 3], [1, 2, 2]) });
  for (const reservedLength of [0, 6]) refuses(sliceMask, RangeError, "reservedLength", { reservedLength });
  takes(sliceMask, { reservedLength: 5, out: undefined });
  takes(sliceMask, { reservedLength: 1, out: undefined });
});

test("tokenSort: distinct positions below seqLength, on the CPU", () => {
  for (const row of [
    [1, 1],
    [0, 5],
    [-1, 0],
    [5, 0],
  ]) {
    refuses(sort, RangeError, "indices", { indices: ints([0, 1, ...row], [2, 2]) });
  }
  refuses(sort, RangeError, "indices", { indices: ints([3], []) });
  refuses(sort, RangeError, "seqLength", { seqLength: 1 });
  refuses(sort, RangeError, "seqLength", { seqLength: 2 ** 31 });
  refuses(sort, RangeError, "indices", { seqLength: 4 }); // 4 is a position
  refuses(sort, TypeError, "indices", { indices: tensor(new Uint32Array(4), [2, 2]) });
  refuses(sort, TypeError, "indices", { indices: onGPU(ints([0, 1], [2])) });
  takes(sort, { seqLength: 2 ** 31 - 1 });
});

test("tensor: a length that doesn't fit, and dtypes that data don't carry", () => {
  for (const shape of [
    [6, 0],
    [0],
    [-2, -3],
    [2.5, 2],
    [Number.NaN],
    [2, 2],
    [2, 3, 2],
    [],
    [Infinity],
    [2 ** 60],
  ]) {
    refuses(make, RangeError, "shape", { shape });
  }
  for (const shape of [["2", 3], [2, null], [true, 6], [6n], [undefined], [[6]]]) {
    refuses(make, TypeError, "shape", { shape });
  }
  for (const dtype of ["float32", "uint8", "uint16", "float64", "", "toString", "FLOAT16"]) {
    refuses(make, TypeError, "dtype", { dtype });
  }
  refuses(make, TypeError, "dtype", { data: new Float32Array(6), dtype: "int32" });
  refuses(make, TypeError, "dtype", { data: new Uint8Array(6), dtype: "bfloat16" });
  const gone = new Uint16Array(6);
  structuredClone(gone.buffer, { transfer: [gone.buffer] });
  refuses(make, TypeError, "data", { data: gone });
  takes(make, { dtype: "float16" });
  takes(make, { shape: [6] });
  takes(make, { shape: [1], data: new Uint16Array(1) });
});

test("layerOf: a layer that is there, of int32 [L,B,K]", () => {
  refuses(layer, RangeError, "l", { l: 3 });
  takes(layer, { l: 0 });
  refuses(layer, RangeError, "sampledIndices", { sampledIndices: ints([1, 2], [1, 2]) });
  refuses(layer, RangeError, "sampledIndices", { sampledIndices: ints([1, 2], [1, 1, 1, 2]) });
  refuses(layer, TypeError, "sampledIndices", { sampledIndices: floats([1, 1, 2]) });
});

test("a result that memory has no room for: the argument that makes it large is named", () => {
  refuses(gatherBackward, RangeError, "seqLength", { seqLength: 2 ** 31 - 1, out: undefined });
  // Longer than an array of bytes, not than one of floats.
  const grad = tensor(new Float32Array(4), [1, 4, 1]);
  expect(() => GatherTokens.backward(grad, ints([0, 1, 2, 3], [1, 4]), { seqLength: 2 ** 31 - 1 })).toThrow(
    /^"seqLength" expected a result that memory holds/,
  );
  const [seqLength, batchSize] = [1024, 2 ** 15];
  const attnMask = tensor(new Uint8Array(seqLength ** 2), [1, 1, seqLength, seqLength]);
  const options = { reservedLength: seqLength, seqLength, batchSize, seed: 1, attnMask };
  expect(() => bertSampleTokens(options)).toThrow(/^"attnMask" expected a result that memory holds/);
});

test("more indices than an array holds are refused before anything is drawn, by what is too many alone", () => {
  const options = {
    reservedLength: 2 ** 20,
    seqLength: 2 ** 20,
    batchSize: 2 ** 20,
    layers: 2 ** 20,
    seed: 1,
  };
  expectRefusal(() => gptSampleTokens(options), RangeError, "batchSize", options);
  const fits = { ...options, batchSize: 2 ** 10 };
  expectRefusal(() => gptSampleTokens(fits), RangeError, "layers", fits);
});

describe("an option that is not known is a TypeError of its name, with the nearest known one", () => {
  const call = gpt;
  test.each(OPTIONS)("%s", (name, call) => {
    const options: object =
      name === "gptSampleTokens" ? gpt.args() : name === "bertSampleTokens" ? bert.args() : {};
    for (const [wrong, value] of [
      ["encodr", undefined],
      ["constructor", 1],
      ["a".repeat(1e6), 1],
    ] as const) {
      const given = { ...options, [wrong]: value };
      expectRefusal(() => call(given), TypeError, wrong.slice(0, 40), undefined);
    }
    expect(() => call({ ...options, encodr: 1 })).toThrow(
      '"encodr" expected a known option (did you mean "encoder"?), got 1',
    );
  });

  test("the sampling functions: each option misspelt, and maskMode with bertSampleTokens", () => {
    for (const [wrong, right] of [
      ["reservedLen", "reservedLength"],
      ["keepmask", "keepMask"],
      ["pading_mask", "paddingMask"],
      ["layer", "layers"],
    ]) {
      const given = { ...call.args(), [wrong]: 1 };
      expect(() => call.call(given)).toThrow(`"${wrong}" expected a known option (did you mean "${right}"?)`);
    }
    expect(() => bert.call({ ...bert.args(), maskMode: "gather" } as never)).toThrow(/^"maskMode" expected/);
  });
});

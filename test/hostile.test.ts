/**
 * Arguments that are made to deceive: subclasses with a species of their own, getters that answer something else the
 * second time, memory that goes away in between. Each case is one that got through once.
 */
import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import { useCPUBackend } from "../src/backends/cpu-backend.ts";
import {
  bertSampleTokens,
  type CPUTensor,
  GatherTokens,
  gptSampleTokens,
  layerOf,
  maskGather,
  maskSlice,
  ScatterTokens,
  tensor,
  tokenSort,
} from "../src/index.ts";
import { CPU_BACKENDS } from "./suites/cpu.ts";

const FORM = /^"[^"]+" expected [\s\S]+, got [\s\S]+$/;

/** The error of a call that must refuse. */
function refusal(call: () => unknown): Error {
  let error: unknown;
  try {
    call();
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toBeInstanceOf(Error);
  expect((error as Error).message).toMatch(FORM);
  return error as Error;
}

/** `value` with `key` answered by `answers` in turn, the last of them ever after. */
function changing<T extends object>(value: T, key: keyof T, ...answers: unknown[]): T {
  let asked = 0;
  return Object.defineProperty({ ...value }, key, {
    enumerable: true,
    get: () => answers[Math.min(asked++, answers.length - 1)],
  });
}

/** A subclass whose subarray, slice and map make arrays over other memory. */
function withSpecies<T extends typeof Int32Array | typeof Float32Array | typeof Uint8Array>(array: T): T {
  const species = class extends (array as typeof Int32Array) {
    static get [Symbol.species](): typeof Int32Array {
      return class extends (array as typeof Int32Array) {
        constructor(..._anything: unknown[]) {
          super(64);
        }
      } as never;
    }
    override get length(): number {
      return 3; // and lies
    }
  };
  return species as unknown as T;
}

const Ints = withSpecies(Int32Array);
const Floats = withSpecies(Float32Array);
const Bytes = withSpecies(Uint8Array);

const floats = (...shape: number[]): CPUTensor<Float32Array> =>
  tensor(
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i + 1),
    shape,
  );
const ints = (values: number[], ...shape: number[]) => tensor(Int32Array.from(values), shape);
const as = (array: any, t: CPUTensor): CPUTensor<any> => tensor(array.from(t.data), t.shape);

describe.each(CPU_BACKENDS)("on the %s backend", (backend) => {
  const on = (name: string, run: () => void) =>
    test(name, () => {
      useCPUBackend(backend);
      try {
        run();
      } finally {
        useCPUBackend(undefined);
      }
    });

  on("subclasses with a species of their own answer as their memory has it", () => {
    const unsorted = ints([3, 1, 0, 4], 2, 2);
    expect(tokenSort(as(Ints, unsorted), 5)).toEqual(tokenSort(unsorted, 5));
    expect(tokenSort(as(Ints, unsorted), 5000)).toEqual(tokenSort(unsorted, 5000));
    const [mask, indices] = [floats(2, 1, 5, 5), ints([1, 4, 0, 3], 2, 2)];
    expect(maskGather(as(Floats, mask), as(Ints, indices))).toEqual(maskGather(mask, indices));
    expect(maskSlice(as(Floats, mask), 2)).toEqual(maskSlice(mask, 2));
    const [all, part] = [floats(2, 5, 3), floats(2, 2, 3)];
    expect(GatherTokens.forward(as(Floats, all), as(Ints, indices))).toEqual(
      GatherTokens.forward(all, indices),
    );
    expect(ScatterTokens.forward(as(Floats, all), as(Floats, part), as(Ints, indices))).toEqual(
      ScatterTokens.forward(all, part, indices),
    );
    const three = ints([0, 1, 2, 3, 4, 5], 3, 1, 2);
    expect(layerOf(as(Ints, three), 1)).toEqual(layerOf(three, 1));
    const keepMask = tensor(Uint8Array.of(0, 0, 0, 1, 0, 0, 1, 0), [2, 4]);
    const options = { reservedLength: 2, seqLength: 4, batchSize: 2, seed: 1 };
    expect(bertSampleTokens({ ...options, keepMask: as(Bytes, keepMask) })).toEqual(
      bertSampleTokens({ ...options, keepMask }),
    );
  });

  on("a CPU tensor may have a property called operations", () => {
    const indices = ints([1, 4, 0, 3], 2, 2);
    for (const operations of [undefined, {}, null]) {
      const all = { ...floats(2, 5, 3), operations };
      expect(GatherTokens.forward(all, { ...indices, operations } as CPUTensor<Int32Array>)).toEqual(
        GatherTokens.forward(floats(2, 5, 3), indices),
      );
      expect(tokenSort({ ...indices, operations } as CPUTensor, 5)).toEqual(tokenSort(indices, 5));
    }
  });

  on("what was checked is what is used", () => {
    const indices = ints([1, 4, 0, 3], 2, 2);
    const bad = new Int32Array([-(2 ** 31), 4, 0, 3]);
    const right = GatherTokens.forward(floats(2, 5, 3), indices);
    expect(GatherTokens.forward(floats(2, 5, 3), changing(indices, "data", indices.data, bad))).toEqual(
      right,
    );
    expect(GatherTokens.forward(changing(floats(2, 5, 3), "shape", [2, 5, 3], [2, 500, 3]), indices)).toEqual(
      right,
    );
    expect(tokenSort(changing(indices, "shape", [2, 2], [4, 0]), 5).data).toEqual(Int32Array.of(1, 4, 0, 3));
    const all = floats(2, 5, 3);
    const once = {
      get inPlace() {
        delete (this as any).inPlace;
        return false;
      },
    }; // prettier-ignore
    ScatterTokens.forward(all, floats(2, 2, 3), indices, once);
    expect(all).toEqual(floats(2, 5, 3));
    const out = floats(2, 2, 3);
    const elsewhere = floats(9);
    expect(GatherTokens.forward(floats(2, 5, 3), indices, changing({ out }, "out", out, elsewhere))).toBe(
      out,
    );
    expect(elsewhere).toEqual(floats(9));
  });

  on("a getter may change the indices only before they are looked into", () => {
    const indices = ints([1, 4, 0, 3], 2, 2);
    const out = floats(2, 2, 3);
    const spoil = {
      ...out,
      get dtype() {
        indices.data[0] = -(2 ** 31);
        return "float32" as const;
      },
    }; // prettier-ignore
    expect(refusal(() => GatherTokens.forward(floats(2, 5, 3), indices, { out: spoil })).name).toBe(
      "RangeError",
    );
    expect(out).toEqual(floats(2, 2, 3));
  });

  on("memory that goes away while arguments are read is refused, and nothing is written", () => {
    const indices = ints([1, 4, 0, 3], 2, 2);
    const gone = (t: CPUTensor, then: CPUTensor): CPUTensor<any> =>
      Object.defineProperty({ ...then }, "shape", {
        enumerable: true,
        get() {
          if (t.data.length > 0) structuredClone(t.data.buffer, { transfer: [t.data.buffer as ArrayBuffer] });
          return then.shape;
        },
      });
    const x = () => floats(2, 5, 3);
    for (const call of [
      (a: CPUTensor) => GatherTokens.forward(a, gone(a, indices)),
      (a: CPUTensor) => GatherTokens.forward(a, indices, { out: gone(a, floats(2, 2, 3)) }),
      (a: CPUTensor) => GatherTokens.backward(floats(2, 2, 3), gone(a, indices), { seqLength: 5, out: a }),
      (a: CPUTensor) =>
        GatherTokens.backward(floats(2, 2, 3), gone(a, indices), { seqLength: 5, accumulateInto: a }),
      (a: CPUTensor) => ScatterTokens.forward(a, gone(a, floats(2, 2, 3)), indices, { inPlace: true }),
      (a: CPUTensor) => ScatterTokens.forward(x(), floats(2, 2, 3), gone(a, indices), { out: a }),
      (a: CPUTensor) => ScatterTokens.backward(a, gone(a, indices)),
      (a: CPUTensor) => ScatterTokens.backward(x(), gone(a, indices), { out: { allActivationsGrad: a } }),
    ]) {
      refusal(() => call(x()));
    }
    const mask = () => floats(2, 1, 5, 5);
    refusal(() => {
      const m = mask();
      maskGather(m, gone(m, indices));
    }); // prettier-ignore
    refusal(() => {
      const m = mask();
      maskSlice(m, 2, { out: gone(m, floats(2, 1, 2, 2)) });
    }); // prettier-ignore
    const keep = tensor(new Uint8Array(10), [2, 5]);
    const options = { reservedLength: 2, seqLength: 5, batchSize: 2, seed: 1 };
    refusal(() =>
      bertSampleTokens({
        ...options,
        keepMask: keep,
        paddingMask: gone(keep, tensor(new Uint8Array(10), [2, 5])),
      }),
    ); // prettier-ignore
  });
});

test("no shape is taken at its word: iterators of its own, holes, symbols, endless lengths", () => {
  const own = Object.assign([2, 5, 3], {
    *[Symbol.iterator]() {
      yield 2;
    },
  }); // prettier-ignore
  expect(tensor(new Float32Array(30), own).shape).toEqual([2, 5, 3]);
  expect(GatherTokens.forward({ ...floats(2, 5, 3), shape: own }, ints([0, 1], 2, 1)).shape).toEqual([
    2, 1, 3,
  ]);
  const hole = [2, 5, 3];
  delete hole[1];
  const symbol = [2, Symbol("five"), 3] as number[];
  const endless = new Proxy([], { get: (_, key) => (key === "length" ? Infinity : 1) });
  const nothing = Proxy.revocable([], {});
  nothing.revoke();
  for (const shape of [hole, symbol, endless, nothing.proxy]) {
    refusal(() => tensor(new Float32Array(30), shape));
    refusal(() => GatherTokens.forward({ ...floats(2, 5, 3), shape }, ints([0, 1], 2, 1)));
  }
});

test("revoked proxies are refused wherever an object is wanted", () => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  const gone = proxy as never;
  const [x, indices] = [floats(2, 5, 3), ints([0, 1], 2, 1)];
  for (const call of [
    () => gptSampleTokens(gone),
    () => tensor(gone, [1]),
    () => tokenSort(gone, 5),
    () => layerOf(gone, 0),
    () => maskGather(gone, indices),
    () => maskSlice(floats(1, 1, 2, 2), 1, gone),
    () => GatherTokens.forward(gone, indices),
    () => GatherTokens.forward(x, gone),
    () => GatherTokens.forward(x, indices, gone),
    () => GatherTokens.forward(x, indices, { out: gone }),
    () => GatherTokens.forward(x, indices, { encoder: gone }),
    () => ScatterTokens.backward(x, indices, { out: gone }),
    () => ScatterTokens.backward(x, indices, { out: { allActivationsGrad: gone } }),
    () => GatherTokens.forward({ ...x, data: gone }, indices),
  ]) {
    expect(refusal(call).name).toBe("TypeError");
  }
});

test("arrays of another realm, and arrays over shared and resizable memory, are as good as any", () => {
  const other = runInNewContext("Int32Array.of(3, 1, 0, 4)") as Int32Array;
  expect(tokenSort({ data: other, shape: [2, 2], dtype: "int32" }, 5).data).toEqual(
    Int32Array.of(1, 3, 0, 4),
  );
  const shared = new Int32Array(new SharedArrayBuffer(16));
  shared.set([1, 4, 0, 3]);
  expect(GatherTokens.forward(floats(2, 5, 3), tensor(shared, [2, 2]))).toEqual(
    GatherTokens.forward(floats(2, 5, 3), ints([1, 4, 0, 3], 2, 2)),
  );
});

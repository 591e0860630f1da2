/** Values that are made to break things, and ways to spoil a right argument: everything from one seeded source. */
import { runInNewContext } from "node:vm";
import type { CPUTensor } from "../../src/index.ts";

/** Unsigned 32-bit numbers. */
export type Random = () => number;

export const pick = <T>(random: Random, list: readonly T[]): T => list[random() % list.length];

/** What a caller's own getter throws: that passes through. */
export class OwnError extends Error {}

function revoked(target: object): object {
  const { proxy, revoke } = Proxy.revocable(target, {});
  revoke();
  return proxy;
}

function throwing(): object {
  const hands = () => {
    throw new OwnError("hands off");
  };
  return new Proxy({}, { get: hands, ownKeys: hands, has: hands, getPrototypeOf: hands });
}

const endless = () => new Proxy([], { get: (_, key) => (key === "length" ? Infinity : 1) });

/** Another realm's own. */
const realm = runInNewContext("({ Object, Array, Map, ArrayBuffer })") as typeof globalThis;

/** Makers of values of every kind; objects are new each time, for a call may write into them. */
const VALUES: readonly (() => unknown)[] = [
  () => undefined,
  () => null,
  () => true,
  () => false,
  () => 0,
  () => -0,
  () => 1,
  () => 2,
  () => 3,
  () => -1,
  () => 0.5,
  () => Number.NaN,
  () => Infinity,
  () => -Infinity,
  () => 2 ** 31,
  () => 2 ** 32,
  () => 2 ** 53,
  () => 0n,
  () => 2n ** 64n - 1n,
  () => 2n ** 64n,
  () => -1n,
  () => "",
  () => "1",
  () => "slice",
  () => "__proto__",
  () => "x".repeat(10_000),
  () => Symbol("s"),
  () => Symbol.iterator,
  () => () => 1,
  () => class {},
  () => [],
  () => [1, 2],
  () => new Array(3),
  () => [Symbol("s")],
  () => ({}),
  () => Object.create(null),
  () => new Map(),
  () => new Set([1]),
  () => new Date(0),
  () => Promise.resolve(),
  () => new WeakMap(),
  () => new ArrayBuffer(8),
  () => new DataView(new ArrayBuffer(8)),
  () => Object(1),
  () => Object("s"),
  () => new Int32Array(4),
  () => new Float32Array(0),
  () => new BigInt64Array(2),
  () => new Uint8ClampedArray(2),
  () => ({ data: undefined, shape: [1], dtype: "int32" }),
  () => ({ data: [1], shape: [1], dtype: "int32" }),
  () => ({ data: new Int32Array(1), shape: [1], dtype: "toString" }),
  () => ({ data: new Int32Array(1), shape: [1n], dtype: "int32" }),
  () => ({ operations: {}, buffer: {}, shape: [1], dtype: "int32" }),
  () => ({ operations: undefined, buffer: {}, shape: [1], dtype: "int32", device: {} }),
  () => ({ toString: () => "int32" }),
  () => ({ valueOf: () => 1 }),
  () => ({ [Symbol.toPrimitive]: () => 1 }),
  () => revoked({}),
  () => revoked([]),
  throwing,
  endless,
  () => new realm.Object(),
  () => realm.Array.of(1, 2),
  () => new realm.Map(),
];

export const anyValue = (random: Random): unknown => pick(random, VALUES)();

/** `value` with `key` answering something else from the second time on. */
export function changing(value: object, key: PropertyKey, later: () => unknown): object {
  let asked = 0;
  const first = (value as Record<PropertyKey, unknown>)[key];
  return Object.defineProperty({ ...value }, key, {
    configurable: true,
    enumerable: true,
    get: () => (asked++ === 0 ? first : later()),
  });
}

function speciesOf(data: CPUTensor["data"]): CPUTensor["data"] {
  const Plain = data.constructor as typeof Int32Array;
  const Lying = class extends Plain {
    static get [Symbol.species]() {
      return class extends Plain {
        constructor() {
          super(1);
        }
      } as unknown as typeof Int32Array;
    }
    override subarray(): Int32Array<ArrayBuffer> {
      return new Plain(1);
    }
  };
  return new Lying(data.buffer as ArrayBuffer, data.byteOffset, data.length) as CPUTensor["data"];
}

function copyOver(data: CPUTensor["data"], buffer: ArrayBufferLike): CPUTensor["data"] {
  const Plain = data.constructor as typeof Int32Array;
  const copy = new Plain(buffer as ArrayBuffer, 0, data.length) as CPUTensor["data"];
  copy.set(data);
  return copy;
}

/** Has a getter run when `t`'s shape is read, after its data. */
const whenRead = (t: CPUTensor, act: () => void): CPUTensor =>
  Object.defineProperty({ ...t }, "shape", {
    configurable: true,
    enumerable: true,
    get() {
      act();
      return t.shape;
    },
  });

export function detach(data: CPUTensor["data"]): void {
  if (data.length > 0 && data.buffer instanceof ArrayBuffer) {
    structuredClone(data.buffer, { transfer: [data.buffer] });
  }
}

/** A tensor that is another one to look at and the same to use: a call must answer as it does with `t`. */
export function disguised(random: Random, t: CPUTensor): CPUTensor {
  const { data } = t;
  switch (random() % 8) {
    case 0:
      return { ...t, data: speciesOf(data) };
    case 1:
      return { ...t, data: copyOver(data, new SharedArrayBuffer(data.byteLength)) };
    case 2: {
      const resizable = new (ArrayBuffer as any)(data.byteLength, { maxByteLength: data.byteLength + 64 });
      return { ...t, data: copyOver(data, resizable) };
    }
    case 3: {
      return { ...t, data: copyOver(data, new realm.ArrayBuffer(data.byteLength)) };
    }
    case 4:
      return changing(t, "shape", () => [1 + (random() % 9), Infinity]) as CPUTensor;
    case 5:
      return changing(t, "data", () => new Int32Array([-(2 ** 31)])) as CPUTensor;
    case 6:
      return changing(t, "dtype", () => "float64") as CPUTensor;
    default:
      return { ...t, operations: undefined, buffer: null } as CPUTensor;
  }
}

/** A tensor that no call may take, or that takes the memory of another away as it is read. */
export function spoilt(random: Random, t: CPUTensor, other: CPUTensor): unknown {
  const { data, shape } = t;
  const at = random() % Math.max(1, shape.length);
  const others = (length: unknown) => shape.map((own, i) => (i === at ? length : own));
  switch (random() % 12) {
    case 0:
      return { ...t, shape: others(anyValue(random)) };
    case 1:
      return { ...t, dtype: anyValue(random) };
    case 2:
      return { ...t, data: anyValue(random) };
    case 3: {
      const gone = copyOver(data, new ArrayBuffer(data.byteLength));
      detach(gone);
      return { ...t, data: gone };
    }
    case 4: {
      const shrunk = new (ArrayBuffer as any)(data.byteLength, { maxByteLength: data.byteLength });
      const copy = copyOver(data, shrunk);
      shrunk.resize(0);
      return { ...t, data: copy };
    }
    case 5:
      return whenRead(t, () => detach(other.data));
    case 6:
      return whenRead(t, () => detach(data));
    case 7:
      return { ...t, shape: pick(random, [endless, () => revoked([]), () => new Array(shape.length)])() };
    case 8:
      return { ...t, shape: [...shape, 2] };
    case 9:
      return { ...t, data: data.slice(1) };
    case 10: {
      const copy = data.slice(); // contents out of range, for indices and masks
      copy[random() % Math.max(1, copy.length)] = pick(random, [-1, 255, 2 ** 30, Number.NaN]);
      return { ...t, data: copy };
    }
    default:
      return anyValue(random);
  }
}

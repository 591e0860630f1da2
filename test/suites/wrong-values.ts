/** One list of values that public functions are fed where they expect something else. */

class NotPlain {
  shape = [1];
}

class Hostile {
  get dtype(): never {
    throw new Error("hands off");
  }
}

const cyclic: unknown[] = [];
cyclic.push(cyclic);

/** What it is, the value, and its kinds: what an argument of such a kind takes, or refuses as a RangeError instead. */
export const WRONG_VALUES: readonly { what: string; value: unknown; kinds?: readonly Kind[] }[] = [
  { what: "undefined", value: undefined, kinds: ["optional"] },
  { what: "null", value: null },
  { what: "true", value: true, kinds: ["boolean"] },
  { what: "false", value: false, kinds: ["boolean"] },
  { what: "1", value: 1, kinds: ["integer", "seed"] },
  { what: "NaN", value: Number.NaN, kinds: ["integer", "seed"] },
  { what: "1n", value: 1n, kinds: ["seed"] },
  { what: "an empty string", value: "", kinds: ["choice"] },
  { what: "a numeric string", value: "1", kinds: ["choice"] },
  { what: "a long string", value: "x".repeat(1000), kinds: ["choice"] },
  { what: "a symbol", value: Symbol("s") },
  { what: "a long symbol", value: Symbol("s".repeat(1000)) },
  { what: "a large bigint", value: 10n ** 1000n, kinds: ["seed"] },
  { what: "a function", value: () => 1 },
  { what: "a class", value: NotPlain },
  { what: "an array", value: [1, 2], kinds: ["shape"] },
  { what: "an array that holds itself", value: cyclic },
  { what: "a plain object", value: {}, kinds: ["object"] },
  { what: "an object without a prototype", value: Object.create(null), kinds: ["object"] },
  { what: "an instance", value: new NotPlain(), kinds: ["object"] },
  { what: "a boxed number", value: Object(1), kinds: ["object"] },
  { what: "an object that throws when looked into", value: new Hostile(), kinds: ["object", "tensor"] },
  { what: "a date", value: new Date(0), kinds: ["object"] },
  { what: "a map", value: new Map(), kinds: ["object"] },
  { what: "a promise", value: Promise.resolve(1), kinds: ["object"] },
  { what: "a buffer", value: new ArrayBuffer(8), kinds: ["object"] },
  { what: "a view of a buffer", value: new DataView(new ArrayBuffer(8)), kinds: ["object"] },
  { what: "bare int32 data", value: new Int32Array(4), kinds: ["object", "data"] },
  { what: "bare float32 data", value: new Float32Array(4), kinds: ["object", "data"] },
  { what: "data of no dtype, Int8Array", value: new Int8Array(4), kinds: ["object"] },
  { what: "data of no dtype, BigInt64Array", value: new BigInt64Array(4), kinds: ["object"] },
  { what: "data of no dtype, Uint8ClampedArray", value: new Uint8ClampedArray(4), kinds: ["object"] },
  {
    what: "a tensor without data",
    value: { data: undefined, shape: [1], dtype: "int32" },
    kinds: ["object"],
  },
  { what: "a tensor without a shape", value: { data: new Int32Array(1), dtype: "int32" }, kinds: ["object"] },
  {
    what: "a tensor without a dtype",
    value: { data: new Int32Array(1), shape: [1] },
    kinds: ["object"],
  },
  {
    what: "a tensor of an unknown dtype",
    value: { data: new Int32Array(1), shape: [1], dtype: "int64" },
    kinds: ["object"],
  },
  {
    what: "a tensor whose data don't carry its dtype",
    value: { data: new Int32Array(1), shape: [1], dtype: "float32" },
    kinds: ["object"],
  },
  {
    what: "a tensor with a shape of strings",
    value: { data: new Int32Array(1), shape: ["1"], dtype: "int32" },
    kinds: ["object"],
  },
  {
    what: "a tensor of an array",
    value: { data: [1], shape: [1], dtype: "int32" },
    kinds: ["object"],
  },
];

/** What arguments take: an argument that need not be given is "optional" too. */
export type Kind =
  | "optional"
  | "boolean"
  | "integer"
  | "seed"
  | "choice"
  | "object"
  | "shape"
  | "data"
  | "tensor"
  | "encoder";

/** Deterministic contents for tests, tensors between guard bytes, and comparison by bits. */
import { expect } from "vitest";
import { type CPUTensor, type DType, type Tensor, type TensorData, tensor } from "../../src/index.ts";
import type { Harness } from "./harness.ts";

/** The plainest array of each dtype, and so the bytes of an element. */
export const ARRAYS: Readonly<
  Record<
    DType,
    { new (buffer: ArrayBuffer, start: number, length: number): TensorData; BYTES_PER_ELEMENT: number }
  >
> = {
  float32: Float32Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  float64: Float64Array,
  int32: Int32Array,
  uint32: Uint32Array,
  uint8: Uint8Array,
};

/** A source of unsigned 32-bit numbers that depends on `seed` alone (mulberry32). */
export function randomSource(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  };
}

let pool = new Uint8Array(0);

/** `n` bytes of every value, so of every bit pattern that a dtype has: cut from a pool where `seed` says. */
export function randomBytes(n: number, seed: number): Uint8Array {
  if (pool.length < 2 * n) {
    const random = randomSource(2211);
    const words = new Uint32Array(Math.max(n, 2 ** 20));
    // Six times as fast as Uint32Array.from, for which large tensors waited.
    for (let i = 0; i < words.length; i++) words[i] = random();
    pool = new Uint8Array(words.buffer);
  }
  const start = Math.imul(seed, 0x9e3779b1) >>> 0;
  const from = start % (pool.length - n);
  return pool.slice(from, from + n);
}

/** Infinities, quiet and signalling NaNs with payloads, zeros of both signs and subnormals, as words. */
const NAN_WORDS = {
  float32: [
    0x7f800001, 0xff800001, 0x7fa00000, 0xffbfffff, 0x7fc00000, 0xffc12345, 0x7fffffff, 0x7f800000,
    0x80000000, 0x00000001, 0x807fffff, 0,
  ],
  float16: [0x7c01, 0xfc01, 0x7dff, 0x7e00, 0xfe01, 0x7fff, 0xffff, 0x7c00, 0x8000, 0x0001, 0x83ff, 0],
  bfloat16: [0x7f81, 0xff81, 0x7fbf, 0x7fc0, 0xffc1, 0x7fff, 0xffff, 0x7f80, 0x8000, 0x0001, 0x807f, 0],
  // As pairs of words, low word first.
  float64: [
    0x00000001, 0x7ff00000, 0xffffffff, 0xfff7ffff, 0x89abcdef, 0x7ff80000, 0, 0xfff00000, 0, 0x80000000,
    0x00000001, 0,
  ],
};

/** `n` bytes of a dtype's patterns over and over, from another one for each seed. */
function repeated(words: readonly number[], size: 2 | 4): (n: number, seed: number) => Uint8Array {
  return (n, seed) => {
    const data = size === 2 ? new Uint16Array(n / 2) : new Uint32Array(n / 4);
    const start = 2 * (seed % 6);
    for (let i = 0; i < data.length; i++) data[i] = words[(i + start) % words.length];
    return new Uint8Array(data.buffer);
  };
}

/** Contents for tensors of the dtypes that have NaNs. */
export const NAN_BYTES: Partial<Record<DType, (n: number, seed: number) => Uint8Array>> = {
  float32: repeated(NAN_WORDS.float32, 4),
  float16: repeated(NAN_WORDS.float16, 2),
  bfloat16: repeated(NAN_WORDS.bfloat16, 2),
  float64: repeated(NAN_WORDS.float64, 4),
};

/** How retained positions are spread over a row. */
export type Spread = "random" | "prefix" | "suffix" | "runs" | "even";
export const SPREADS: readonly Spread[] = ["random", "prefix", "suffix", "runs", "even"];

/** `kept` ascending, distinct positions of `seq`. */
export function positions(seq: number, kept: number, spread: Spread, random: () => number): number[] {
  if (spread === "prefix") return Array.from({ length: kept }, (_, i) => i);
  if (spread === "suffix") return Array.from({ length: kept }, (_, i) => seq - kept + i);
  if (spread === "even") return Array.from({ length: kept }, (_, i) => Math.floor((i * seq) / kept));
  const found: number[] = [];
  let taking = false;
  for (let i = 0; i < seq && found.length < kept; i++) {
    const [wanted, left] = [kept - found.length, seq - i];
    const again = spread === "random" || random() % 5 === 0; // runs go on until they are drawn anew
    if (again) taking = random() % left < wanted;
    if (taking || wanted === left) found.push(i);
  }
  return found;
}

/** int32 `shape`, whose last dimension is K: each row its own positions of `seq`. */
export function indexTensor(
  shape: readonly number[],
  seq: number,
  spread: Spread,
  seed: number,
): CPUTensor<Int32Array> {
  const random = randomSource(seed);
  const kept = shape[shape.length - 1];
  const rows = shape.slice(0, -1).reduce((a, b) => a * b, 1);
  const data = new Int32Array(rows * kept);
  for (let row = 0; row < rows; row++) data.set(positions(seq, kept, spread, random), row * kept);
  return tensor(data, shape);
}

const GUARD_BYTES = 64;
const GUARD = 0xa5;

/** A tensor of these bytes, `shift` elements off a 64-byte line, with guard bytes on both sides. */
export function guarded(dtype: DType, shape: readonly number[], bytes: Uint8Array, shift = 0): CPUTensor {
  const size = ARRAYS[dtype].BYTES_PER_ELEMENT;
  const start = GUARD_BYTES + shift * size;
  const buffer = new ArrayBuffer(start + bytes.length + GUARD_BYTES);
  const all = new Uint8Array(buffer).fill(GUARD);
  all.set(bytes, start);
  return tensor(new ARRAYS[dtype](buffer, start, bytes.length / size), shape, dtype);
}

/** A tensor to be written, full of what must not be there afterwards. */
export function garbage(dtype: DType, shape: readonly number[], shift = 0): CPUTensor {
  const n = shape.reduce((a, b) => a * b, 1) * ARRAYS[dtype].BYTES_PER_ELEMENT;
  return guarded(dtype, shape, randomBytes(n, 0xbad), shift);
}

/** The bytes of a tensor's elements. */
export function bytesOf(t: CPUTensor): Uint8Array {
  return new Uint8Array(t.data.buffer, t.data.byteOffset, t.data.byteLength);
}

/** Expects equal bytes. Arrays of megabytes: told by the first difference, not printed whole. */
export function expectBytes(actual: Uint8Array, expected: Uint8Array, what: string): void {
  expect(actual.length, `bytes of ${what}`).toBe(expected.length);
  // First by words, a quarter of the time.
  const [words, wanted] = [actual, expected].map(
    (bytes) => new Int32Array(bytes.slice(0, bytes.length & ~3).buffer),
  );
  let at = 0;
  while (at < words.length && words[at] === wanted[at]) at++;
  at *= 4;
  while (at < actual.length && actual[at] === expected[at]) at++;
  if (at < actual.length) expect(actual[at], `byte ${at} of ${actual.length} of ${what}`).toBe(expected[at]);
}

/** Expects that nothing was written beside a guarded tensor. */
function expectGuards(t: CPUTensor, what: string): void {
  const all = new Uint8Array(t.data.buffer);
  const start = t.data.byteOffset;
  const end = start + t.data.byteLength;
  const touched = [all.subarray(0, start), all.subarray(end)].some((guard) =>
    guard.some((byte) => byte !== GUARD),
  );
  expect(touched, `whether anything was written beside ${what}`).toBe(false);
}

/** Expects a result of this dtype and shape, and just these bytes. */
export async function expectTensor(
  harness: Harness,
  result: Tensor,
  dtype: DType,
  shape: readonly number[],
  bytes: Uint8Array,
  what: string,
): Promise<void> {
  const t = await harness.get(result);
  const got = [t.dtype, ...t.shape, "as", ...result.shape].join();
  expect(got, `dtype and shape of ${what}`).toBe([dtype, ...shape, "as", ...shape].join());
  expectBytes(bytesOf(t), bytes, what);
}

/** The tensors of one case on a harness: afterwards inputs must be what they were, and guards whole. */
export class Held {
  readonly #harness: Harness;
  readonly #inputs: { name: string; on: Tensor; bytes: Uint8Array }[] = [];
  readonly #guarded: { name: string; t: CPUTensor }[] = [];

  constructor(harness: Harness) {
    this.#harness = harness;
  }

  input(name: string, t: CPUTensor): Tensor {
    const on = this.#harness.put(t);
    this.#inputs.push({ name, on, bytes: bytesOf(t).slice() });
    return on;
  }

  /** A tensor that the call may write: `t` is one that `guarded` or `garbage` made. */
  output(name: string, t: CPUTensor): Tensor {
    this.#guarded.push({ name, t });
    return this.#harness.put(t);
  }

  async check(): Promise<void> {
    for (const { name, t } of this.#guarded) expectGuards(t, name);
    // All at once: on a device each is a wait of its own.
    const reads = this.#inputs.map(async ({ name, on, bytes }) =>
      expectBytes(bytesOf(await this.#harness.get(on)), bytes, `the input ${name}`),
    );
    await Promise.all(reads);
  }
}

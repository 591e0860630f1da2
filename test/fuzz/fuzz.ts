/** One call at a time, right or wrong, from a number alone: what must hold of it whatever it is. */
import { useCPUBackend } from "../../src/backends/cpu-backend.ts";
import type { CPUTensor } from "../../src/index.ts";
import { type Args, makeCall } from "./calls.ts";
import { makeAround } from "./routing.ts";
import { anyValue, disguised, OwnError, pick, type Random, spoilt } from "./values.ts";

/** mulberry32: all that a call is follows from the number that it has. */
function randomSource(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  };
}

const FORM = /^"[\s\S]{1,200}" expected [\s\S]+, got [\s\S]+$/;

function isTensor(value: unknown): value is CPUTensor {
  try {
    return ArrayBuffer.isView((value as CPUTensor).data) && "shape" in (value as object);
  } catch {
    return false; // nothing, or an object that throws
  }
}

const bytesOf = ({ buffer, byteOffset, byteLength }: CPUTensor["data"]) =>
  Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength);

/** The typed arrays of right arguments, which alone are held against what they were. */
function memories(args: Args): { name: string; data: CPUTensor["data"]; was: Buffer }[] {
  return Object.entries(args).flatMap(([name, value]) => {
    const tensors = isTensor(value)
      ? [value]
      : name === "out" && value
        ? Object.values(value).filter(isTensor)
        : [];
    return tensors.map(({ data }) => ({ name, data, was: Buffer.from(bytesOf(data)) }));
  });
}

/** Arguments of their own memory. */
function copied(args: Args): Args {
  const copy = (value: unknown): unknown =>
    isTensor(value) ? { ...value, data: value.data.slice() } : value;
  return Object.fromEntries(
    Object.entries(args).map(([name, value]) => {
      const isOut = name === "out" && typeof value === "object" && value !== null && !isTensor(value);
      return [
        name,
        isOut ? Object.fromEntries(Object.entries(value).map(([key, t]) => [key, copy(t)])) : copy(value),
      ];
    }),
  );
}

/** What `inPlace` writes into, where a hostile turn sets it. */
const IN_PLACE: readonly string[] = ["allActivations", "outGrad"];

/** A result in words that are equal where it is. */
function told(result: unknown): string {
  if (isTensor(result)) return `${result.dtype} [${result.shape}] ${bytesOf(result.data).toString("hex")}`;
  if (typeof result === "object" && result !== null) {
    return Object.entries(result)
      .map(([key, value]) => `${key}: ${told(value)}`)
      .join("; ");
  }
  return String(result);
}

/** Puts something else in the place of an argument. */
function spoil(random: Random, args: Args, name: string): void {
  // A getter that an earlier turn put there is left unread: the call is to have its first answer.
  const plain = (of: string): unknown => Object.getOwnPropertyDescriptor(args, of)?.value;
  const value = plain(name);
  const tensors = Object.keys(args).map(plain).filter(isTensor);
  const set = (to: PropertyDescriptor, key = name) =>
    Object.defineProperty(args, key, { configurable: true, enumerable: true, ...to });
  if (isTensor(value) && random() % 4 > 0) {
    set({ value: spoilt(random, value, pick(random, tensors)) });
  } else if (random() % 12 === 0) set({ value: anyValue(random) }, `unknown${random() % 3}`);
  else if (random() % 8 === 0) {
    let asked = 0;
    set({ get: () => (asked++ === 0 ? value : anyValue(random)) });
  } else set({ value: anyValue(random) });
}

/** What was found wrong of the call with this number, or undefined. */
export function fuzz(seed: number): string | undefined {
  const random = randomSource(seed);
  const right = random() % 3 === 0;
  const around = random() % 4 === 0;
  const made = around ? makeAround(random) : makeCall(random);
  const { name, args, written } = made;
  const own = memories(args);
  const plain = right ? copied(args) : args;
  const must = right && name !== "setCoreModule";
  const mayWrite = (held: string) =>
    written.includes(held) ||
    (Object.getOwnPropertyDescriptor(args, "inPlace")?.value === true && IN_PLACE.includes(held));

  if (!right) {
    const names = new Set([pick(random, Object.keys(args)), pick(random, Object.keys(args))]);
    for (const name of names) spoil(random, args, name);
  } else if (!around && name !== "tensor") {
    for (const key of Object.keys(args)) {
      // What is written and given back must be found in the memory at hand, so those stay as they are.
      if (isTensor(args[key]) && !written.includes(key) && random() % 3 === 0)
        args[key] = disguised(random, args[key]);
    }
  }
  let result: unknown;
  try {
    result = made.call(args);
  } catch (error) {
    if (error instanceof OwnError) return undefined;
    const { message } = error as Error;
    // A class where a function is called for: what a caller's own function throws passes through.
    if (message.startsWith("Class constructor")) return undefined;
    const kind = (error as Error).constructor;
    if (kind !== TypeError && kind !== RangeError && name !== "setCoreModule")
      return `${name} threw ${error}`;
    if (!FORM.test(message)) return `${name} threw ${(error as Error).stack}`;
    if (message.length > 700) return `${name}: a message of ${message.length} characters`;
    if (must) return `${name}, a right call, threw ${message}`;
    for (const { name: held, data, was } of own) {
      if (data.length > 0 && !bytesOf(data).equals(was))
        return `${name} wrote into ${held} and threw ${message}`;
    }
    return undefined;
  }
  for (const { name: held, data, was } of own) {
    if (data.length > 0 && !mayWrite(held) && !bytesOf(data).equals(was)) return `${name} wrote into ${held}`;
  }
  if (!right || around) return undefined;
  useCPUBackend("reference");
  try {
    const [found, expected] = [told(result), told(made.call(plain))];
    return found === expected
      ? undefined
      : `${name} answered ${found.slice(0, 300)}, the reference ${expected.slice(0, 300)}`;
  } finally {
    useCPUBackend(undefined);
  }
}

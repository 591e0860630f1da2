/** Moves rows of tokens within the memory of TF.js's wasm backend, by a module of our own that imports it. */
import { bytesOfText } from "../../core/text.ts";
import { heapText, sharedHeapText } from "./heap-rows-bytes.ts";

type Sizes = [
  batch: number,
  groups: number,
  seq: number,
  retained: number,
  bytes: number,
  batchFirst: number,
];

/** The exports of assembly/heap-rows.ts. Addresses are in bytes, and so is a row's length. */
export type Heap = {
  gather(part: number, all: number, indices: number, ...sizes: [...Sizes, shared: number]): void;
  /** `base` or `part` 0 stands for zeros. */
  scatter(all: number, base: number, part: number, indices: number, ...sizes: Sizes): void;
};

/** What emscripten exposes of TF.js's WASM: memory shared by threads as `wasmMemory`, any other memory in `asm`. */
export interface Emscripten {
  readonly wasmMemory?: WebAssembly.Memory;
  readonly asm?: { readonly memory?: WebAssembly.Memory };
}

const heaps = new WeakMap<WebAssembly.Memory, Heap | undefined>();

/**
 * The module that works in TF.js's memory. Undefined if that memory can't be reached, or if the runtime can't compile
 * the module because it has no SIMD or its policy forbids compiling.
 */
export function heapIn({ wasmMemory, asm }: Emscripten): Heap | undefined {
  const memory = wasmMemory ?? asm?.memory;
  if (memory === undefined) return undefined;
  if (!heaps.has(memory)) heaps.set(memory, start(memory));
  return heaps.get(memory);
}

function start(memory: WebAssembly.Memory): Heap | undefined {
  // A module must declare whether the memory it imports is shared.
  const own = memory.buffer instanceof ArrayBuffer;
  try {
    const module = new WebAssembly.Module(bytesOfText(own ? heapText : sharedHeapText));
    return new WebAssembly.Instance(module, { env: { memory } }).exports as Heap;
  } catch (error) {
    if (error instanceof WebAssembly.CompileError || error instanceof EvalError) return undefined;
    throw error;
  }
}

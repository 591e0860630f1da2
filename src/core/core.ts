import { compileCore, coreModule } from "#core-module";
import { isObject, wrongType } from "../check.ts";
import type { WASMMemory, WASMModule } from "../platform.ts";

/**
 * The exports of assembly/index.ts. Addresses and lengths are in bytes unless said otherwise. Held to them by a test, as
 * WebAssembly says only that exports have names.
 */
export type Core = {
  readonly memory: WASMMemory;
  /** Grows the memory to hold `end` bytes; 0 where it can't. */
  ensure(end: number): number;
  inAddress(): number;
  outAddress(): number;
  stageBytes(): number;
  planAddress(): number;
  listAddress(): number;

  setSeed(low: number, high: number, step: number): void;
  begin(seqLength: number, reserved: number): number;
  classify(first: number, n: number, keep: number, real: number, prefix: number): void;
  settleClasses(reserved: number): number;
  sampleRows(layerOrdinal: number, row: number, rows: number, seqLength: number): void;
  select(layerOrdinal: number, row: number): void;
  emit(first: number, n: number, out: number): number;
  clear(seqLength: number): number;
  mark(positions: number, n: number): number;

  moveRows(to: number, from: number, list: number, n: number, bytes: number, scatter: number): void;

  planColumns(columns: number, n: number, elementBytes: number, plan: number): number;
  packRows(
    to: number,
    from: number,
    stride: number,
    list: number,
    n: number,
    base: number,
    plan: number,
    entries: number,
  ): void;
  firstOffPattern(rows: number, bytes: number, n: number, pattern: number, elementBytes: number): number;
};

let instance: Core | undefined;
let view: Uint8Array | undefined;

/** The core, started at the first call. */
export function core(): Core {
  instance ??= start(coreModule());
  return instance;
}

function start(module: WASMModule): Core {
  return new WebAssembly.Instance(module).exports as Core;
}

/**
 * Runs the core from a module that you compiled, for runtimes and bundlers in which the package can't load it itself.
 * It may be called at any time, as the core keeps nothing between calls.
 *
 * @param module The file `random-ltd/core.wasm`, compiled.
 * @throws TypeError where `module` is no WebAssembly.Module; WebAssembly.LinkError where it is another one.
 * @example
 * setCoreModule(await WebAssembly.compileStreaming(fetch("/assets/core.wasm")));
 */
export function setCoreModule(module: WASMModule): void {
  if (!isObject(module) || Object.prototype.toString.call(module) !== "[object WebAssembly.Module]") {
    wrongType("module", "a WebAssembly.Module", module);
  }
  let started: Core;
  try {
    started = start(module);
  } catch (error) {
    // It only claims to be a module, or it has imports, which this core does not.
    if (error instanceof TypeError) wrongType("module", "the core of random-ltd", module, "another module");
    throw error;
  }
  if (typeof started.sampleRows !== "function") {
    throw new WebAssembly.LinkError('"module" expected the core of random-ltd, got another module');
  }
  instance = started;
}

/**
 * Compiles and starts the core without holding up the page. Only a browser that compiles nothing so large on its main
 * thread at once needs it, Chromium below 115: the plain reference serves there until this is done.
 *
 * @param module The file `random-ltd/core.wasm`, compiled, instead of the core in the package.
 * @throws By rejecting, where the runtime does not compile it.
 * @example
 * await loadCore();
 */
export async function loadCore(module?: WASMModule): Promise<void> {
  const { exports } = await WebAssembly.instantiate(module ?? (await compileCore()));
  instance = exports as Core;
}

/** Whether the core runs already. */
export function isCoreStarted(): boolean {
  return instance !== undefined;
}

/** The core's memory as bytes. If a later call grows the memory, this view is detached: get a new one. */
export function coreBytes(): Uint8Array {
  const { memory } = core();
  if (view?.buffer !== memory.buffer) view = new Uint8Array(memory.buffer);
  return view;
}

/** Why this runtime can't run the core, or undefined if it can. Errors other than a refusal to compile are rethrown. */
export function whyNoWasm(): string | undefined {
  if (typeof WebAssembly !== "object") return "there is no WebAssembly";
  try {
    core();
    return undefined;
  } catch (error) {
    if (error instanceof WebAssembly.CompileError || error instanceof EvalError) return error.message;
    // Chromium before version 115 compiles no more than 4 KB at once on a page's main thread.
    if (error instanceof RangeError && /main thread/.test(error.message)) return error.message;
    throw error;
  }
}

import { coreHex } from "./core-bytes.ts";

/** The exports of assembly/index.ts. Addresses and lengths are in bytes unless said otherwise. */
export interface Core {
  readonly memory: WebAssembly.Memory;
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
  sampleRows(layer: number, row: number, rows: number, seqLength: number): void;
  select(layer: number, row: number): void;
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
}

let instance: Core | undefined;
let view: Uint8Array | undefined;

/** The core, compiled at the first call. Synchronous: browsers allow that for a module this small. */
export function core(): Core {
  if (!instance) {
    // Hexadecimal keeps bytes apart, and so compresses to 0.9 KB less than base64.
    const bytes = Uint8Array.from({ length: coreHex.length / 2 }, (_, i) =>
      Number.parseInt(coreHex.slice(2 * i, 2 * i + 2), 16),
    );
    instance = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports as unknown as Core;
  }
  return instance;
}

/** The core's memory as bytes. A later call that grows it detaches the view: ask anew. */
export function coreBytes(): Uint8Array {
  const { memory } = core();
  if (view?.buffer !== memory.buffer) view = new Uint8Array(memory.buffer);
  return view;
}

/** Whether this runtime lets the core be compiled. Anything but a refusal to compile is thrown on. */
export function wasmAvailable(): boolean {
  if (typeof WebAssembly !== "object") return false;
  try {
    core();
    return true;
  } catch (error) {
    if (error instanceof WebAssembly.CompileError || error instanceof EvalError) return false;
    throw error;
  }
}

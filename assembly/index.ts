/**
 * The binary interface of the core; src/wasm/core.ts types it. Addresses are bytes in the exported memory, whose regions
 * the host asks for. No function keeps anything from one operation to the next.
 */
import { BITMAPS, IN, KEYS, OUT, STAGE } from "./memory";
import { select } from "./select";
import { emit } from "./sort";

export { ensure } from "./memory";
export { setSeed } from "./philox";
export { begin, classify, settleClasses } from "./classes";
export { select } from "./select";
export { clear, emit, mark } from "./sort";
export { moveRows } from "./rows";
export { firstOffPattern, packRows, planColumns } from "./mask";

/** Where the host puts data in and takes data out: STAGE bytes each, and 64 that may be overwritten. */
export function inAddress(): usize {
  return IN;
}
export function outAddress(): usize {
  return OUT;
}
export function stageBytes(): usize {
  return STAGE;
}

/** Scratch that masks use for their plan, and beyond it for positions. */
export function planAddress(): usize {
  return KEYS;
}
export function listAddress(): usize {
  return BITMAPS;
}

/** Draws `rows` rows from `row` on into OUT, which must hold them: int32 [rows][K]. Their classes are alike. */
export function sampleRows(layer: u32, row: u32, rows: i32, seqLength: i32): void {
  let out: usize = OUT;
  for (let i = 0; i < rows; ++i) {
    select(layer, row + i);
    out = emit(0, seqLength, out);
  }
}

/** The part of the binary interface that sampling needs: the core of the entry random-ltd/webgpu. */
import { IN, OUT, STAGE } from "./memory";
import { select } from "./select";
import { emit } from "./sort";

export { setSeed } from "./philox";
export { begin, classify, settleClasses } from "./classes";
export { select } from "./select";
export { emit } from "./sort";

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

/** Draws `rows` rows from `row` on into OUT, which must have room: int32 [rows][K]. All have the same classes. */
export function sampleRows(layerOrdinal: u32, row: u32, rows: i32, seqLength: i32): void {
  let out: usize = OUT;
  for (let i = 0; i < rows; ++i) {
    select(layerOrdinal, row + i);
    out = emit(0, seqLength, out);
  }
}

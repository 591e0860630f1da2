/** Copies positions out of the core. */
import { core } from "../../core/core.ts";

/** Throws where the core could not grow its memory, to 14 MiB for the longest rows. */
export function must(grown: number): void {
  if (!grown) throw new RangeError("WebAssembly memory for rows so long can't be had");
}

/** `n` int32 that the core has put out. */
export function view(n: number): Int32Array {
  return new Int32Array(core().memory.buffer, core().outAddress(), n);
}

/** Takes the selected positions of one row out, in pieces that fit the stage. */
export function emitRow(out: Int32Array, at: number, seqLength: number): void {
  const wasm = core();
  const address = wasm.outAddress();
  const piece = wasm.stageBytes() >> 2; // as many positions as could all be selected
  for (let first = 0; first < seqLength; first += piece) {
    const n = (wasm.emit(first, Math.min(piece, seqLength - first), address) - address) >> 2;
    out.set(view(n), at);
    at += n;
  }
}

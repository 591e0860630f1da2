/** Copies positions out of the core. */
import { core, coreBytes } from "../../core/core.ts";

/** Throws where the core could not grow its memory, to 14 MiB for the longest rows. */
export function must(grown: number): void {
  if (!grown) throw new RangeError("WebAssembly memory for rows so long can't be had");
}

/** Copies `n` int32 out of the core. */
export function take(out: Int32Array, at: number, address: number, n: number): void {
  out.set(new Int32Array(coreBytes().buffer, address, n), at);
}

/** Takes the selected positions of one row out, in pieces that fit the stage. */
export function emitRow(out: Int32Array, at: number, seqLength: number): void {
  const wasm = core();
  const address = wasm.outAddress();
  const piece = wasm.stageBytes() >> 2; // as many positions as could all be selected
  for (let first = 0; first < seqLength; first += piece) {
    const n = (wasm.emit(first, Math.min(piece, seqLength - first), address) - address) >> 2;
    take(out, at, address, n);
    at += n;
  }
}

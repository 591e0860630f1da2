import { core, coreBytes } from "../../core/core.ts";
import type { SampleRequest, SamplingBackend } from "../../types.ts";
import { emitRow, must, view } from "./emit.ts";

/** Notes the classes of one row of the batch; 0 where too many tokens are forced. */
function classifyRow(request: SampleRequest, row: number): number {
  const wasm = core();
  const { seqLength, reservedLength, keepMask, paddingMask, keepPrefix } = request;
  must(wasm.begin(seqLength, reservedLength));
  const [memory, keep, real] = [coreBytes(), wasm.inAddress(), wasm.outAddress()];
  const piece = wasm.stageBytes();
  for (let first = 0; first < seqLength; first += piece) {
    const n = Math.min(piece, seqLength - first);
    const start = row * seqLength + first;
    if (keepMask) memory.set(keepMask.subarray(start, start + n), keep);
    if (paddingMask) memory.set(paddingMask.subarray(start, start + n), real);
    wasm.classify(first, n, keepMask ? keep : 0, paddingMask ? real : 0, keepPrefix);
  }
  return wasm.settleClasses(reservedLength);
}

function sample(request: SampleRequest, zeros: () => Int32Array): Int32Array | number {
  const wasm = core();
  const { layers, batchSize, seqLength, reservedLength, layerOffset, batchOffset, keepPrefix } = request;
  wasm.setSeed(request.seed.low, request.seed.high, request.step);
  must(wasm.begin(seqLength, reservedLength));
  const masked = request.keepMask || request.paddingMask;
  const fitting = Math.floor(wasm.stageBytes() / 4 / reservedLength);
  // Rows that are drawn by one call have the same classes.
  const atOnce = masked ? 1 : Math.max(fitting, 1);
  let out: Int32Array | undefined;
  for (let row = 0; row < batchSize; row += atOnce) {
    if ((masked || (keepPrefix && !row)) && !classifyRow(request, row)) return row;
    const n = Math.min(atOnce, batchSize - row);
    for (let layer = 0; layer < layers; layer++) {
      const at = (layer * batchSize + row) * reservedLength;
      if (fitting) {
        wasm.sampleRows(layerOffset + layer, batchOffset + row, n, seqLength);
        const drawn = view(n * reservedLength);
        // Of 128 positions this takes 0.6 us, where a copy into zeros takes 0.9.
        if (n === layers * batchSize) return drawn.slice();
        out ??= zeros();
        out.set(drawn, at);
      } else {
        out ??= zeros();
        wasm.select(layerOffset + layer, batchOffset + row);
        emitRow(out, at, seqLength);
      }
    }
  }
  return out!;
}

/** Sampling in the WASM core. */
export const wasmSampling: SamplingBackend = { sample };

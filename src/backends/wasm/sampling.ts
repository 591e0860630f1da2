import { core, coreBytes } from "../../core/core.ts";
import type { SampleRequest, SamplingBackend } from "../../types.ts";
import { emitRow, must, take } from "./emit.ts";

/** Notes the classes of one row of the batch; false where too many tokens are forced. */
function classifyRow(request: SampleRequest, row: number): boolean {
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
  return wasm.settleClasses(reservedLength) !== 0;
}

function sample(out: Int32Array, request: SampleRequest): number {
  const wasm = core();
  const { layers, batchSize, seqLength, reservedLength, layerOffset, batchOffset } = request;
  wasm.setSeed(request.seedLow, request.seedHigh, request.step);
  const masked = request.keepMask || request.paddingMask;
  if (!masked && !request.keepPrefix) must(wasm.begin(seqLength, reservedLength));
  const address = wasm.outAddress();
  const fitting = Math.floor(wasm.stageBytes() / 4 / reservedLength);
  // Rows that are drawn by one call have the same classes.
  const atOnce = masked ? 1 : Math.max(fitting, 1);
  for (let row = 0; row < batchSize; row += atOnce) {
    if ((masked || (request.keepPrefix && row === 0)) && !classifyRow(request, row)) return row;
    const n = Math.min(atOnce, batchSize - row);
    for (let layer = 0; layer < layers; layer++) {
      const at = (layer * batchSize + row) * reservedLength;
      if (fitting > 0) {
        wasm.sampleRows(layerOffset + layer, batchOffset + row, n, seqLength);
        take(out, at, address, n * reservedLength);
      } else {
        wasm.select(layerOffset + layer, batchOffset + row);
        emitRow(out, at, seqLength);
      }
    }
  }
  return -1;
}

/** Sampling in the WASM core. */
export const wasmSampling: SamplingBackend = { sample };

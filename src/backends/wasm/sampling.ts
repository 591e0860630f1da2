import { core, coreBytes } from "../../wasm/core.ts";
import type { SampleRequest, SamplingBackend } from "../backend.ts";

/** Copies `n` int32 out of the core. */
function take(out: Int32Array, at: number, address: number, n: number): void {
  out.set(new Int32Array(coreBytes().buffer, address, n), at);
}

/** Takes the selected positions of one row out, in pieces that fit the stage. */
function emitRow(out: Int32Array, at: number, seqLength: number): void {
  const wasm = core();
  const address = wasm.outAddress();
  const piece = wasm.stageBytes() >> 2; // as many positions as could all be selected
  for (let first = 0; first < seqLength; first += piece) {
    const n = (wasm.emit(first, Math.min(piece, seqLength - first), address) - address) >> 2;
    take(out, at, address, n);
    at += n;
  }
}

/** Notes the classes of one row of the batch; false where too many tokens are kept. */
function classifyRow(request: SampleRequest, row: number): boolean {
  const wasm = core();
  const { seqLength, reservedLength, keepMask, paddingMask, keepPrefix } = request;
  wasm.begin(seqLength, reservedLength);
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
  if (request.keepMask || request.paddingMask) {
    for (let row = 0; row < batchSize; row++) {
      if (!classifyRow(request, row)) return row;
      for (let layer = 0; layer < layers; layer++) {
        wasm.select(layerOffset + layer, batchOffset + row);
        emitRow(out, (layer * batchSize + row) * reservedLength, seqLength);
      }
    }
    return -1;
  }
  if (request.keepPrefix) classifyRow(request, 0);
  else wasm.begin(seqLength, reservedLength);
  const address = wasm.outAddress();
  const rows = Math.floor(wasm.stageBytes() / 4 / reservedLength);
  for (let layer = 0; layer < layers; layer++) {
    for (let row = 0; row < batchSize; row += Math.max(rows, 1)) {
      const at = (layer * batchSize + row) * reservedLength;
      if (rows > 0) {
        const n = Math.min(rows, batchSize - row);
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

/** Longest row whose bitmap is used for sorting: the memory of longer ones isn't had. */
const MAX_MARKED = 2 ** 25;

function sort(out: Int32Array, positions: Int32Array, rows: number, kept: number, seqLength: number): number {
  const wasm = core();
  // Emission reads every position of a row: for few among many, sorting those is less work.
  if (seqLength > MAX_MARKED || kept * 64 < seqLength) return sortFew(out, positions, rows, kept, seqLength);
  const address = wasm.inAddress();
  const piece = wasm.stageBytes() >> 2;
  for (let row = 0; row < rows; row++) {
    const start = row * kept;
    wasm.clear(seqLength);
    const memory = new Int32Array(coreBytes().buffer, address, piece);
    for (let first = 0; first < kept; first += piece) {
      const n = Math.min(piece, kept - first);
      memory.set(positions.subarray(start + first, start + first + n));
      const bad = wasm.mark(address, n);
      if (bad >= 0) return start + first + bad;
    }
    emitRow(out, start, seqLength);
  }
  return -1;
}

function sortFew(
  out: Int32Array,
  positions: Int32Array,
  rows: number,
  kept: number,
  seqLength: number,
): number {
  for (let row = 0; row < rows; row++) {
    const sorted = out.subarray(row * kept, (row + 1) * kept);
    sorted.set(positions.subarray(row * kept, (row + 1) * kept));
    sorted.sort();
    const bad = sorted.findIndex((p, i) => p < 0 || p >= seqLength || p === sorted[i - 1]);
    if (bad >= 0) return positions.lastIndexOf(sorted[bad], (row + 1) * kept - 1);
  }
  return -1;
}

/** Sampling in the WASM core. */
export const wasmSampling: SamplingBackend = { sample, sort };

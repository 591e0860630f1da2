/** Operations on rows of tokens: planned, then recorded. */
import { sameMemory } from "../../tensor.ts";
import type { GPUTensor, RowGeometry, Tensor, TokenOperations } from "../../types.ts";
import { checkRowCount, liveStateOf } from "./checks.ts";
import { planTokens, type TokenOperation } from "./token-plans.ts";
import { recordWithIndices } from "./with-indices.ts";

function run(
  operation: TokenOperation,
  dst: GPUTensor,
  from: { readonly src?: GPUTensor; readonly base?: GPUTensor },
  indices: Tensor,
  g: RowGeometry,
  encoder: GPUCommandEncoder | undefined,
): void {
  const state = liveStateOf(dst.device);
  checkRowCount(g.batch * g.seq);
  recordWithIndices(state, dst, indices, encoder, (idx, limits) =>
    planTokens(operation, { dst, ...from, idx }, g, limits),
  );
}

/** Token operations by WebGPU. */
export const webgpuTokens: TokenOperations<GPUTensor> = {
  gather(out, src, indices, g, encoder) {
    run("gather", out, { src }, indices, g, encoder);
  },

  scatterZeros(out, src, indices, g, encoder) {
    run("scatterZeros", out, { src }, indices, g, encoder);
  },

  accumulate(into, src, indices, g, encoder) {
    run("accumulate", into, { src }, indices, g, encoder);
  },

  scatter(out, base, src, indices, g, encoder) {
    if (sameMemory(out, base)) run("scatterInPlace", out, { src }, indices, g, encoder);
    else run("scatter", out, { src, base }, indices, g, encoder);
  },

  zeroRows(out, base, indices, g, encoder) {
    if (sameMemory(out, base)) run("zeroRowsInPlace", out, {}, indices, g, encoder);
    else run("zeroRows", out, { base }, indices, g, encoder);
  },
};

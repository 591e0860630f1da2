/** Operations on rows of tokens, as what moves them. */
import { sameMemory } from "../../tensor.ts";
import type { GPUTensor, RowGeometry, Tensor, TokenOperations } from "../../types.ts";
import { Call } from "./call.ts";
import { indicesOf, type Move, moveRows } from "./rows.ts";

/** Moves rows between all tokens and the retained ones. */
function move(
  from: Move["from"],
  [retain, rest]: readonly [Move["retain"], Move["rest"]?],
  dst: GPUTensor,
  { src, base }: { src?: GPUTensor; base?: GPUTensor },
  indices: Tensor,
  { batch, seq, retained, rowBytes, batchFirst }: RowGeometry,
  encoder: GPUCommandEncoder | undefined,
): void {
  const call = new Call(dst.device, encoder, dst, [src, base, indices]);
  const [all, some] = [batch * seq, batch * retained];
  call.checkRows(all);
  const idx = indicesOf(call, indices, dst);
  const [dstRows, srcRows] = from === "index" ? [some, all] : [all, some];
  const layout = batchFirst
    ? ([seq, retained, retained, 1, seq, 0, 1] as const)
    : ([seq, batch, 1, retained, 0, 1, batch] as const);
  moveRows(call, { from, retain, rest, rowBytes, dst, dstRows, src, srcRows, base, idx, layout });
  call.end();
}

/** Token operations by WebGPU. */
export const webgpuTokens: TokenOperations<GPUTensor> = {
  gather(out, src, indices, g, encoder) {
    move("index", ["src"], out, { src }, indices, g, encoder);
  },

  scatterZeros(out, src, indices, g, encoder) {
    move("map", ["src", "zero"], out, { src }, indices, g, encoder);
  },

  accumulate(into, src, indices, g, encoder) {
    move("named", ["add"], into, { src }, indices, g, encoder);
  },

  scatter(out, base, src, indices, g, encoder) {
    if (sameMemory(out, base)) move("named", ["src"], out, { src }, indices, g, encoder);
    else move("map", ["src", "base"], out, { src, base }, indices, g, encoder);
  },

  zeroRows(out, base, indices, g, encoder) {
    if (sameMemory(out, base)) move("named", ["zero"], out, {}, indices, g, encoder);
    else move("map", ["zero", "base"], out, { base }, indices, g, encoder);
  },
};

/** Attention masks on the GPU. Shapes and units: gpu/masks/masks.wgsl, and of slices gpu/rows/rows.wgsl. */
import type { GPUTensor, MaskOperations } from "../../types.ts";
import { Call } from "./call.ts";
import type { Files } from "./kernels.ts";
import { indexWindows, indicesOf, moveRows } from "./rows.ts";
import { rowWindows, windowBytes } from "./windows.ts";

/** Mask operations by WebGPU. */
export const webgpuMasks: MaskOperations<GPUTensor> = {
  maskGather(out, mask, indices, g, encoder) {
    const call = new Call(out.device, encoder, out, [mask, indices]);
    const { layers, batch, heads, query, seq, retained, maskBatch, elementBytes } = g;
    const outQuery = query === 1 ? 1 : retained;
    const [outRow, maskRow] = [retained * elementBytes, seq * elementBytes];
    const [outRows, maskRows] = [layers * batch * heads * outQuery, maskBatch * heads * query];
    call.checkRows(Math.max(outRows, maskRows), Math.max(maskRow, 4 * retained));
    const idx = indicesOf(call, indices, out);
    const odd = outRow % 4 > 0;
    // Where they share a buffer, one may come to lie within the other's binding, whose elements have one type.
    const quads =
      elementBytes === 4 && (outRow % 16) + (out.byteOffset % 16) === 0 && out.buffer !== mask.buffer;
    const unitBytes = quads ? 16 : 4;
    const work: Files = quads ? ["quads"] : elementBytes === 4 ? ["words"] : ["store", odd ? "odd" : "parts"];
    const units = outRow / unitBytes;
    for (const dst of rowWindows(outRows, outRow, call.budget)) {
      const target = windowBytes(out, outRow, dst);
      // Of rows that share words, every word that they touch.
      const rows = odd ? Math.ceil(target.end / 4) - Math.floor(target.start / 4) : dst.rows;
      const lanes = odd ? 1 : units;
      for (const src of rowWindows(maskRows, maskRow, call.budget)) {
        for (const at of indexWindows(call, idx, layers * batch, retained)) {
          call.dispatch({
            files: ["masks", ...work],
            unitBytes,
            elementBytes,
            operands: [
              { name: "dst", ...target },
              { name: "src", ...windowBytes(mask, maskRow, src) },
              at.operand,
            ],
            rows,
            lanes,
            params: (tile, shift) => [
              ...[rows, Math.floor(units), tile],
              ...[seq, retained, query, outQuery, heads, batch, maskBatch],
              ...[dst.first, dst.rows, shift("dst"), src.first, src.rows, shift("src")],
              ...[at.first, at.rows, shift("idx") / 4],
            ],
          });
        }
      }
    }
    call.end();
  },

  maskSlice(out, mask, { maskBatch, heads, query, seq, retained, elementBytes }, encoder) {
    const call = new Call(out.device, encoder, out, [mask]);
    const [planes, outQuery] = [maskBatch * heads, query === 1 ? 1 : retained];
    call.checkRows(planes * query);
    moveRows(call, {
      from: "corner",
      retain: "src",
      rowBytes: retained * elementBytes,
      dst: out,
      dstRows: planes * outQuery,
      src: mask,
      srcRows: planes * query,
      srcRowBytes: seq * elementBytes,
      layout: [0, outQuery, 0, 0, query, 0, 0],
    });
    call.end();
  },
};

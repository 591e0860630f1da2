/** Attention masks on the GPU. Shapes and units: gpu/masks.wgsl, and of slices gpu/rows.wgsl. */
import type { GPUTensor } from "../../tensor.ts";
import type { MaskGeometry, MaskOperations } from "../backend.ts";
import { Call } from "./call.ts";
import { rowParams } from "./params.ts";
import { rowWindows, windowBytes } from "./windows.ts";

/** Bytes that a lane moves at once: 16 or 4 where every row begins at a multiple of it, else 0, byte by byte. */
function unitBytes(lengths: readonly number[]): 0 | 4 | 16 {
  const fits = (unit: number) => lengths.every((length) => length % unit === 0);
  return fits(16) ? 16 : fits(4) ? 4 : 0;
}

function whole(bytes: number): { start: number; bytes: number } {
  return { start: 0, bytes };
}

/** Mask operations by WebGPU. */
export const webgpuMasks: MaskOperations<GPUTensor> = {
  maskGather(out, mask, indices, g, encoder) {
    const call = new Call(out.device, encoder, out, [mask, indices]);
    const { layers, batch, heads, query, seq, kept, maskBatch, elementBytes } = g;
    const outQuery = query === 1 ? 1 : kept;
    const [outRow, maskRow] = [kept * elementBytes, seq * elementBytes];
    call.checkRows(
      Math.max(layers * batch * heads * outQuery, maskBatch * heads * query),
      Math.max(maskRow, 4 * kept),
    );
    const idx = call.indices("sortedIndices", indices, out);
    const even = outRow % 4 === 0;
    // Where they share a buffer, one may come to lie within the other's binding, whose elements have one type.
    const quads =
      elementBytes === 4 && kept % 4 === 0 && out.byteOffset % 16 === 0 && out.buffer !== mask.buffer;
    const lanes = outRow / (quads ? 16 : 4);
    for (const dst of rowWindows(layers * batch * heads * outQuery, outRow, call.budget)) {
      for (const src of rowWindows(maskBatch * heads * query, maskRow, call.budget)) {
        for (const at of call.indexWindows(idx, kept)) {
          call.dispatch({
            kernel: quads ? "maskQuads" : elementBytes === 4 ? "maskWords" : even ? "maskParts" : "maskOdd",
            variant: { unitBytes: 4, elementBytes },
            operands: [
              { name: "dst", buffer: out.buffer, ...windowBytes(out.byteOffset, outRow, dst, whole(outRow)) },
              {
                name: "src",
                buffer: mask.buffer,
                ...windowBytes(mask.byteOffset, maskRow, src, whole(maskRow)),
              },
              at.operand,
            ],
            params: (shift) => [
              dst.rows,
              Math.floor(lanes),
              even ? call.tile(lanes, dst.rows) : 0,
              seq,
              kept,
              query,
              outQuery,
              heads,
              batch,
              maskBatch,
              dst.first,
              dst.rows,
              shift("dst"),
              src.first,
              src.rows,
              shift("src"),
              at.first,
              at.count,
              shift("idx") / 4,
            ],
            groups: (shift) =>
              even
                ? call.rowGroups(dst.rows, lanes)
                : call.flatGroups(Math.ceil(((shift("dst") % 4) + dst.rows * outRow) / 4)),
          });
        }
      }
    }
    call.end();
  },

  maskSlice(out: GPUTensor, mask: GPUTensor, g: MaskGeometry, encoder?: GPUCommandEncoder) {
    const call = new Call(out.device, encoder, out, [mask]);
    const { maskBatch, heads, query, seq, kept, elementBytes } = g;
    const outQuery = query === 1 ? 1 : kept;
    const [outRow, maskRow] = [kept * elementBytes, seq * elementBytes];
    const unit = unitBytes([outRow, maskRow, out.byteOffset, mask.byteOffset]);
    const lanes = Math.max(1, Math.floor(outRow / (unit || 4)));
    call.checkRows(maskBatch * heads * query, maskRow);
    for (const dst of rowWindows(maskBatch * heads * outQuery, outRow, call.budget)) {
      for (const src of rowWindows(maskBatch * heads * query, maskRow, call.budget)) {
        call.dispatch({
          kernel: unit === 0 ? "sliceBytes" : "slice",
          variant: { unitBytes: unit || 4 },
          operands: [
            { name: "dst", buffer: out.buffer, ...windowBytes(out.byteOffset, outRow, dst, whole(outRow)) },
            {
              name: "src",
              buffer: mask.buffer,
              ...windowBytes(mask.byteOffset, maskRow, src, whole(maskRow)),
            },
          ],
          params: (shift) => {
            const by = unit || 1;
            return rowParams({
              rows: dst.rows,
              row: outRow / by,
              tile: call.tile(lanes, dst.rows),
              inner: outQuery,
              allOuter: query,
              allStep: maskRow / by,
              dstFirst: dst.first,
              dstRows: dst.rows,
              dstShift: shift("dst") / by,
              srcFirst: src.first,
              srcRows: src.rows,
              srcShift: shift("src") / by,
            });
          },
          groups: () => call.rowGroups(dst.rows, lanes),
        });
      }
    }
    call.end();
  },
};

/** Plans of masks: gathered at the retained tokens by gpu/masks.wgsl, or their corners, which move as rows. */
import type { MaskGeometry } from "../../types.ts";
import { type Bytes, rowWindows, windowBytes } from "./binding-windows.ts";
import type { PlanLimits } from "./device-state.ts";
import { bindingBudget, type Step, spread } from "./plan.ts";
import { indexWindows, planRows, windowParams } from "./row-plans.ts";
import { maskShader } from "./shader-choice.ts";

/** `out` `[L,B,H,Qk,K]` of a mask and indices `[L,B,K]`, which share no buffer with it. */
export function planMaskGather(
  out: Bytes,
  mask: Bytes,
  idx: Bytes,
  g: MaskGeometry & { readonly layers: number; readonly batch: number },
  limits: PlanLimits,
): Step[] {
  const { layers, batch, heads, query, seq, retained, maskBatch, elementBytes } = g;
  const outQuery = query === 1 ? 1 : retained;
  const [outRow, maskRow] = [retained * elementBytes, seq * elementBytes];
  const [outRows, maskRows] = [layers * batch * heads * outQuery, maskBatch * heads * query];
  const budget = bindingBudget(limits, out, [mask]);
  const odd = outRow % 4 > 0;
  // Where they share a buffer, both may end up in one binding, whose elements have one type.
  const quads =
    elementBytes === 4 && (outRow % 16) + (out.byteOffset % 16) === 0 && out.buffer !== mask.buffer;
  const shader = maskShader(elementBytes, quads, odd);
  const units = Math.floor(outRow / (quads ? 16 : 4));
  const steps: Step[] = [];
  for (const dst of rowWindows(outRows, outRow, budget)) {
    const target = windowBytes(out, outRow, dst);
    // Of rows that share words, every word that they touch.
    const rows = odd ? Math.ceil(target.end / 4) - Math.floor(target.start / 4) : dst.rows;
    const { tile, workgroups } = spread(rows, odd ? 1 : units, limits);
    for (const src of rowWindows(maskRows, maskRow, budget)) {
      for (const at of indexWindows(idx, layers * batch, retained, limits)) {
        steps.push({
          shader,
          operands: [
            { name: "dst", shiftUnit: 1, ...target },
            { name: "src", shiftUnit: 1, ...windowBytes(mask, maskRow, src) },
            at.operand,
          ],
          params: {
            rows,
            units,
            tile,
            seq,
            retained,
            query,
            out_query: outQuery,
            heads,
            batch,
            mask_batch: maskBatch,
            ...windowParams(dst, src, at),
          },
          workgroups,
        });
      }
    }
  }
  return steps;
}

/** `out` `[Bm,H,Qk,K]`, the corner of a mask. */
export function planMaskSlice(
  out: Bytes,
  mask: Bytes,
  { maskBatch, heads, query, seq, retained, elementBytes }: MaskGeometry,
  limits: PlanLimits,
): Step[] {
  const [planes, outQuery] = [maskBatch * heads, query === 1 ? 1 : retained];
  return planRows(
    {
      way: ["corner", "moved", "left"],
      rowBytes: retained * elementBytes,
      dst: out,
      dstRows: planes * outQuery,
      src: mask,
      srcRows: planes * query,
      srcRowBytes: seq * elementBytes,
      numbering: { plane_rows: outQuery, src_plane_rows: query },
    },
    limits,
  );
}

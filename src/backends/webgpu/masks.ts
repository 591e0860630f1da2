/** Operations on attention masks: planned, then recorded. */
import type { GPUTensor, MaskOperations } from "../../types.ts";
import { checkRowBytes, checkRowCount, liveStateOf } from "./checks.ts";
import { planMaskGather, planMaskSlice } from "./mask-plans.ts";
import { bindingBudget } from "./plan.ts";
import { record } from "./recorder.ts";
import { recordWithIndices } from "./with-indices.ts";

/** Mask operations by WebGPU. */
export const webgpuMasks: MaskOperations<GPUTensor> = {
  maskGather(out, mask, indices, g, encoder) {
    const state = liveStateOf(out.device);
    const { layers, batch, heads, query, seq, retained, maskBatch, elementBytes } = g;
    const outRows = layers * batch * heads * (query === 1 ? 1 : retained);
    checkRowCount(Math.max(outRows, maskBatch * heads * query));
    checkRowBytes(Math.max(seq * elementBytes, 4 * retained), bindingBudget(state.limits, out, [mask]));
    recordWithIndices(state, out, indices, encoder, (idx, limits) =>
      planMaskGather(out, mask, idx, g, limits),
    );
  },

  maskSlice(out, mask, g, encoder) {
    const state = liveStateOf(out.device);
    checkRowCount(g.maskBatch * g.heads * g.query);
    record(state, planMaskSlice(out, mask, g, state.limits), encoder);
  },
};

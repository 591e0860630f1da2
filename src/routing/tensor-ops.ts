/** The library's own tensors under the layer wrapper: CPU and GPU ones alike, the operations dispatch themselves. */

import { cpuMasks, cpuTokens } from "../backends/cpu.ts";
import { checkIndices } from "../indices.ts";
import {
  checkMask,
  checkSliceable,
  isSliceable,
  type MaskGather,
  type MaskSlice,
  maskGatherOn,
  maskSliceOn,
} from "../masks.ts";
import { checkTensor, isGPUTensor, isTensor } from "../tensor.ts";
import { type GatherOperations, gatherTokensOn, type ScatterOperations, scatterTokensOn } from "../tokens.ts";
import type { IndexTensor, Tensor } from "../types.ts";
import { boundariesAmong } from "./along/boundaries.ts";
import { checkBeside, rowsAlong } from "./along/rows.ts";
import type { FrameworkOps } from "./framework-ops.ts";

const GatherTokens: GatherOperations = /* @__PURE__ */ gatherTokensOn(cpuTokens);
const ScatterTokens: ScatterOperations = /* @__PURE__ */ scatterTokensOn(cpuTokens);
const maskGather: MaskGather = /* @__PURE__ */ maskGatherOn(cpuMasks);
const maskSlice: MaskSlice = /* @__PURE__ */ maskSliceOn(cpuMasks);

/**
 * {@link FrameworkOps} for CPU and GPU tensors of this library, the default of `RandomLayerTokenDrop`. Nothing is consumed.
 *
 * @example
 * const layer = new RandomLayerTokenDrop(block, scheduler, 0, { ops: tensorOps });
 */
export const tensorOps: FrameworkOps<Tensor> = {
  isTensor,

  shapeOf: (t, name = "tensor") => checkTensor(name, t).shape,

  at(sampledIndices, options) {
    const indices = sampledIndices as IndexTensor;
    const { seqLength, batchFirst, encoder } = options;
    /** Commands are recorded only for tensors on the GPU: a CPU mask may come with GPU states. */
    const recorded = (t: Tensor) => (isGPUTensor(t) ? { encoder } : {});
    const retained = indices.shape[1];
    let looked = false;
    /** Indices of the caller's, before rows are looked up by them. */
    const checked = () => {
      if (!looked) checkIndices("sortedIndices", indices, indices, undefined, seqLength, [2]);
      looked = true;
      return indices;
    };
    return {
      gather: (states) => GatherTokens.forward(states, indices, { batchFirst, encoder }),
      scatter: (states, part, inPlace) =>
        ScatterTokens.forward(states, part, indices, { batchFirst, inPlace, encoder }),
      gatherAlong: (value, layout, name) =>
        rowsAlong(name, checkTensor(name, value), checked(), layout, options),
      gatherBoundaries: (value, name) =>
        boundariesAmong(name, checkTensor(name, value), checked(), seqLength, recorded(value).encoder),
      gatherMask(mask, name) {
        checkBeside(name, checkTensor(name, mask), indices);
        return maskGather(mask, indices, recorded(mask));
      },
      isCornerRight: (mask, name) =>
        !isGPUTensor(mask) && isSliceable(cpuMasks, name, mask, { ...checkMask(name, mask).g, retained }),
      sliceMask(mask, name, check) {
        if (check && !isGPUTensor(mask))
          checkSliceable(cpuMasks, name, mask, { ...checkMask(name, mask).g, retained });
        return maskSlice(mask, retained, recorded(mask));
      },
    };
  },
};

/** The library's own tensors under the layer wrapper. CPU and GPU need no distinction, as the operations make it. */

import { checkIndices } from "../indices.ts";
import { checkMask, checkSliceable, isSliceable, maskGatherOn, maskSliceOn } from "../masks.ts";
import { checkTensor, isGPUTensor, isTensor } from "../tensor.ts";
import { gatherTokensOn, scatterTokensOn } from "../tokens.ts";
import type { CPUMasks, CPUTokens, IndexTensor, Tensor } from "../types.ts";
import { boundariesAmong } from "./along/boundaries.ts";
import { checkBeside, rowsAlong } from "./along/rows.ts";
import type { FrameworkOps } from "./framework-ops.ts";

/** What the layer wrapper calls states and their gradient. */
const STATES = ["hiddenStates", "outGrad"];

/** `tensorOps` of an entry whose tensors in CPU memory `cpuTokens` and `cpuMasks` move. Nothing is consumed. */
export function tensorOpsOn(cpuTokens: CPUTokens, cpuMasks: CPUMasks): FrameworkOps<Tensor> {
  const GatherTokens = gatherTokensOn<Tensor>(cpuTokens);
  const ScatterTokens = scatterTokensOn<Tensor>(cpuTokens);
  const maskGather = maskGatherOn<Tensor>(cpuMasks);
  const maskSlice = maskSliceOn<Tensor>(cpuMasks);
  return {
    isTensor,

    shapeOf(value, name = "tensor") {
      const t = checkTensor(name, value);
      // An entry that has no operations on the CPU refuses states there, whether or not tokens are dropped.
      if (STATES.includes(name) && !isGPUTensor(t)) cpuTokens(name, t);
      return t.shape;
    },

    at(sampledIndices, options) {
      const indices = sampledIndices as IndexTensor;
      const { seqLength, batchFirst, encoder } = options;
      /** Commands are recorded only for tensors on the GPU: a CPU mask may come with GPU states. */
      const recorded = (t: Tensor) => (isGPUTensor(t) ? { encoder } : {});
      const retained = indices.shape[1];
      let looked = false;
      /** Checks indices that the caller passed, before rows are looked up by them. */
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
          rowsAlong(cpuTokens, name, checkTensor(name, value), checked(), layout, options),
        gatherBoundaries: (value, name) =>
          boundariesAmong(
            cpuTokens,
            name,
            checkTensor(name, value),
            checked(),
            seqLength,
            recorded(value).encoder,
          ),
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
}

/** The library's own tensors under the layer wrapper: CPU and GPU ones alike, the operations dispatch themselves. */

import { checkSliceable } from "../backends/cpu.ts";
import { wrongValue } from "../check.ts";
import { checkMask, maskGather, maskSlice } from "../masks.ts";
import { elementBytes, elementCount, isGPUTensor, typedArrayTag, zeros } from "../tensor.ts";
import { GatherTokens, ScatterTokens } from "../tokens.ts";
import type { CPUTensor, Tensor } from "../types.ts";
import type { AlongSequence, FrameworkOps, TokensAtOptions } from "./framework-ops.ts";

/**
 * {@link FrameworkOps} for CPU and GPU tensors of this library, the default of `RandomLayerTokenDrop`. Nothing is consumed.
 *
 * @example
 * const layer = new RandomLayerTokenDrop(block, scheduler, 0, { ops: tensorOps });
 */
export const tensorOps: FrameworkOps<Tensor> = {
  isTensor(value): value is Tensor {
    if (typeof value !== "object" || value === null) return false;
    // Other frameworks' tensors have a shape and a dtype too: what holds the elements tells.
    return typedArrayTag((value as CPUTensor).data) !== undefined || isGPUTensor(value as Tensor);
  },

  shapeOf: (t) => t.shape,

  at(indices, options) {
    const { batchFirst, encoder } = options;
    /** Commands are recorded only for tensors on the GPU: a CPU mask may come with GPU states. */
    const recorded = (t: Tensor) => (isGPUTensor(t) ? { encoder } : {});
    return {
      gather: (states) => GatherTokens.forward(states, indices, { batchFirst, encoder }),
      scatter: (states, part, inPlace) =>
        ScatterTokens.forward(states, part, indices, { batchFirst, inPlace, encoder }),
      gatherAlong: (value, layout) => gatherAlong(value, indices, layout, options),
      gatherMask: (mask) => maskGather(mask, indices, recorded(mask)),
      sliceMask(mask, name, check) {
        const retained = indices.shape[1];
        if (check && !isGPUTensor(mask)) checkSliceable(name, mask, { ...checkMask(name, mask).g, retained });
        return maskSlice(mask, retained, recorded(mask));
      },
    };
  },
};

function gatherAlong(
  value: Tensor,
  indices: Tensor,
  layout: AlongSequence,
  { seqLength, batchFirst: statesFirst, encoder }: TokensAtOptions,
): Tensor {
  const [batch, retained] = indices.shape;
  const batchFirst = layout === "seq_dim" ? statesFirst : layout === "batch_seq_dim";
  const recorded = isGPUTensor(value) ? { encoder } : {};
  const own = layout === "seq_dim" ? undefined : value.shape[batchFirst ? 0 : 1];
  if (own === batch) return GatherTokens.forward(value, indices, { batchFirst, ...recorded });

  if (isGPUTensor(value) && !batchFirst && batch > 1) {
    wrongValue("alongSequence", `a batch of ${batch} in [S,B,...] tables on the GPU`, value);
  }
  // A table that all rows share, gathered once a row of indices: [S,C] -> [B,K,C].
  const channels = value.shape.slice(layout === "seq_dim" ? 1 : 2);
  const table = view(value, 0, [1, seqLength, ...channels]);
  const row = elementCount(channels);
  const indicesOf = (b: number) => view(indices, b * retained, [1, retained]);
  // [K,1,...] lies in memory as [1,K,...] does; made as such, and no view of another, the caller can dispose of it.
  const turned = !batchFirst && batch === 1;
  const out = empty(value, [...(turned ? [retained, 1] : [batch, retained]), ...channels]);
  for (let b = 0; b < batch; b++) {
    const to = view(out, b * retained * row, [1, retained, ...channels]);
    GatherTokens.forward(table, indicesOf(b), { out: to, ...recorded });
  }
  return batchFirst || turned ? out : transposed(out as CPUTensor, channels);
}

/** `[K,B,...]` of `[B,K,...]`. */
function transposed(t: CPUTensor, channels: readonly number[]): CPUTensor {
  const [batch, retained] = t.shape;
  const row = elementCount(channels);
  const out = zeros([retained, batch, ...channels], t.dtype);
  for (let b = 0; b < batch; b++) {
    for (let k = 0; k < retained; k++) {
      const from = (b * retained + k) * row;
      out.data.set(t.data.subarray(from, from + row), (k * batch + b) * row);
    }
  }
  return out;
}

function empty(like: Tensor, shape: readonly number[]): Tensor {
  return isGPUTensor(like) ? like.operations.empty(like.device, shape, like.dtype) : zeros(shape, like.dtype);
}

/** A tensor over part of the memory of another, from element `offset` on. */
function view(t: Tensor, offset: number, shape: readonly number[]): Tensor {
  if (isGPUTensor(t)) return t.operations.view(t, t.byteOffset + offset * elementBytes(t.dtype), shape);
  return { data: t.data.subarray(offset, offset + elementCount(shape)), shape, dtype: t.dtype };
}

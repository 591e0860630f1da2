/** TF.js tensors under the layer wrapper. */
import { getBackend, slice, type Tensor, tidy } from "@tensorflow/tfjs-core";
import { checkEncoder } from "../../arguments.ts";
import { cpuMasks } from "../../backends/cpu.ts";
import { checkMask, checkSliceable, isSliceable } from "../../masks.ts";
import { axesOf } from "../../routing/along/axes.ts";
import type { FrameworkOps, TokensAt } from "../../routing/framework-ops.ts";
import type { CPUTensor, MaskGeometry } from "../../types.ts";
import { boundariesAt, gatherAlong } from "./along.ts";
import { checkAlive, checkFits, checkTokens, isTensor } from "./check.ts";
import { gather, merge, type Positions, rowsOn, scatter, split } from "./kernels.ts";
import { positionsOf } from "./positions.ts";
import { tokenGeometry } from "./tokens.ts";

/**
 * `FrameworkOps` for TF.js tensors, of float32, int32 or bool: what `RandomLayerTokenDrop` and `convertToRandomLTD` of
 * `random-ltd` take as `ops`. The cpu, wasm and webgpu backends use kernels of this library, others use TF.js
 * operations. Everything has gradients, even masks and tables along the sequence.
 *
 * TF.js tensors don't change, so `inPlace` makes no difference. What the wrapper makes belongs to the surrounding
 * `tf.tidy` or, without one, to the caller.
 *
 * @example
 * const stack = convertToRandomLTD(blocks, scheduler, { ops: tfjsOps });
 * const loss = () => tf.losses.meanSquaredError(targets, stack.forward(hidden));
 * optimizer.minimize(loss);
 */
export const tfjsOps: FrameworkOps<Tensor> = {
  isTensor,

  shapeOf: (t) => t.shape,

  checkEncoder(encoder) {
    checkEncoder(encoder, undefined, "TF.js tensors");
  },

  at(sampledIndices, { seqLength, batchFirst, encoder }) {
    checkEncoder(encoder, undefined, "TF.js tensors");
    const made = positionsOf("indicesOf", sampledIndices, undefined, seqLength);
    const at: Positions = { indices: made.indices, map: made.map };
    const retained = at.indices.shape[1];
    let whole: { of: Tensor; to: Tensor } | undefined;
    const ops: TokensAt<Tensor> & { release(): void } = {
      gather(states) {
        const t = checkTokens("hiddenStates", states);
        const [part, to] = split(t, at, tokenGeometry(t, batchFirst, seqLength, retained));
        whole?.to.dispose();
        whole = { of: t, to };
        return part;
      },

      scatter(states, part) {
        const t = checkTokens("hiddenStates", states);
        const g = tokenGeometry(t, batchFirst, seqLength, retained);
        const fitting = checkFits("layer", part, t.dtype, g.partShape);
        // Only what was gathered from may have the gradient of a merge.
        const own = whole?.of === t ? whole.to : undefined;
        return own ? merge(own, fitting, at, g) : scatter(t, fitting, at, g);
      },

      gatherAlong: (value, layout, name) =>
        gatherAlong(checkAlive(name, value), at, axesOf(layout, batchFirst)),

      gatherBoundaries: (value, name) => boundariesAt(checkAlive(name, value), name, at.indices, seqLength),

      gatherMask: (mask, name) => gatherMask(checkAlive(name, mask), at),

      isCornerRight: (mask, name) => isCornerRight(name, checkAlive(name, mask), retained),

      sliceMask(mask, name, check) {
        const t = checkAlive(name, mask);
        if (check) checkCorner(name, t, retained);
        const [batch, heads, query] = t.shape;
        return slice(t, [0, 0, 0, 0], [batch, heads, query === 1 ? 1 : retained, retained]);
      },

      release() {
        whole?.to.dispose();
        whole = undefined;
        made.dispose();
      },
    };
    return ops;
  },
};

/** `[B,H,K,K]` of `[B,H,S,S]`: its rows, then their columns. */
function gatherMask(mask: Tensor, at: Positions): Tensor {
  const [batch, retained] = at.indices.shape;
  const [maskBatch, heads, query, seq] = mask.shape;
  const common = { batch, seq, retained, batchFirst: true };
  const queries = query === 1 ? 1 : retained;
  const columnsOf = (t: Tensor, shared: boolean) => {
    const partShape = [batch, heads, queries, retained];
    return gather(t, at, {
      ...common,
      groups: heads * queries,
      row: 1,
      shared,
      allShape: t.shape,
      partShape,
    });
  };
  if (query === 1) return columnsOf(mask, maskBatch !== batch);
  return tidy(() => {
    const partShape = [batch, heads, retained, seq];
    const shared = maskBatch !== batch;
    const rows = { ...common, groups: heads, row: seq, shared, allShape: mask.shape, partShape };
    return columnsOf(gather(mask, at, rows), false);
  });
}

/** Masks whose corner is known to be right, and for which shape. Values never change, so each is checked once. */
const fine = new WeakMap<object, string>();

/** A mask as the CPU reads it. */
function looked(name: string, mask: Tensor, retained: number): [CPUTensor, MaskGeometry] {
  const dtype = mask.dtype === "bool" ? "uint8" : (mask.dtype as "float32");
  const readable: CPUTensor = { data: mask.dataSync(), shape: mask.shape, dtype };
  return [readable, { ...checkMask(name, readable).g, retained }];
}

const seen = (mask: Tensor) => fine.get(mask.dataId) === `${mask.shape}`;
const isReadable = () => rowsOn(getBackend()).read !== undefined;

function remember(mask: Tensor, { retained, seq }: MaskGeometry): void {
  if (retained < seq) fine.set(mask.dataId, `${mask.shape}`);
}

/** Throws if the corner of a mask is wrong, on backends whose tensors can be read at once. */
function checkCorner(name: string, mask: Tensor, retained: number): void {
  if (seen(mask) || !isReadable()) return;
  const [readable, g] = looked(name, mask, retained);
  checkSliceable(cpuMasks, name, readable, g);
  remember(mask, g);
}

/** Whether the corner of a mask is known to be right. */
function isCornerRight(name: string, mask: Tensor, retained: number): boolean {
  if (seen(mask)) return true;
  if (!isReadable()) return false;
  const [readable, g] = looked(name, mask, retained);
  if (!isSliceable(cpuMasks, name, readable, g)) return false;
  remember(mask, g);
  return true;
}

/** Arrays of jax-js under the layer wrapper. */
import { numpy as np, tree } from "@jax-js/jax";
import { checkEncoder } from "../../arguments.ts";
import { cpuMasks } from "../../backends/cpu.ts";
import { wrongType } from "../../check.ts";
import { checkMask, checkSliceable, isSliceable } from "../../masks.ts";
import { type Axes, axesOf, rowView } from "../../routing/along/axes.ts";
import { checkBoundaries } from "../../routing/along/boundaries.ts";
import type { FrameworkOps, TokensAtOptions } from "../../routing/framework-ops.ts";
import type { CPUTensor } from "../../types.ts";
import { isArray, isCompiling, lookInto } from "./arrays.ts";
import {
  asTable,
  checkKnown,
  checkOnCPU,
  routeOfArray,
  routeOfPositions,
  type TokenRoute,
} from "./routes.ts";
import { pick, putBack } from "./tokens.ts";

/**
 * Token operations over jax-js arrays, for `RandomLayerTokenDrop` and `convertToRandomLTD`. As everywhere in jax-js, a
 * call consumes what it is given: `forward` the hidden states and every array among the arguments, `backward` the
 * gradient; `x.ref` keeps one. Indices given by `indicesOf` are borrowed.
 *
 * They work on arrays, and on the tracers that stand for them inside `jit`, `grad` and `vjp`. A compiled function must
 * get the indices among its arguments (`stack.sample`, then `indicesOf`): positions drawn while it is traced would
 * become constants in it, so that is refused.
 *
 * The values of masks (for "slice") and indices are checked on the CPU and wasm backends, but not on others or in a
 * compiled function.
 *
 * @example
 * const stack = convertToRandomLTD(blocks, scheduler, { ops: jaxOps, alongSequence: { cos: "seq_dim", sin: "seq_dim" } });
 * hidden = stack.forward(hidden, { cos: cos.ref, sin: sin.ref });
 */
export const jaxOps: FrameworkOps<np.Array> = {
  isTensor: isArray,
  shapeOf: (t) => t.shape,
  retain: (t) => t.ref,
  dispose: (t) => t.dispose(),

  checkEncoder(encoder) {
    checkEncoder(encoder, undefined, "arrays of jax-js");
  },

  at(indices, { seqLength, batchFirst, encoder }: TokensAtOptions) {
    checkEncoder(encoder, undefined, "arrays of jax-js");
    const route = isArray(indices)
      ? routeOfArray(checkKnown("indicesOf", indices, seqLength).ref, seqLength, batchFirst)
      : routeOfPositions(checkPositions(indices, seqLength), seqLength, batchFirst);
    return {
      gather: (states) => pick(asTable(states.ref), route.rows.ref),
      scatter: (states, part) => putBack(states, part, route),
      gatherAlong: (value, layout) => along(value, axesOf(layout, batchFirst), route),
      gatherBoundaries: (value, name) => boundariesAt(value, name, route.indices.ref, seqLength),
      gatherMask: (mask) => maskAt(mask, route.indices.ref),
      isCornerRight(mask, name) {
        const known = lookInto(mask);
        if (known === undefined) return false;
        return isSliceable(cpuMasks, name, known, {
          ...checkMask(name, known).g,
          retained: route.indices.shape[1],
        });
      },
      sliceMask(mask, name, check) {
        const retained = route.indices.shape[1];
        if (check) checkCorner(mask, name, retained);
        const query = mask.shape[2] === 1 ? 1 : retained;
        return mask.slice([], [], [0, query], [0, retained]);
      },
      release: () => tree.dispose(route),
    };
  },
};

/**
 * Checks positions on the CPU, and refuses them while a function is traced: every call would use those of the first.
 */
function checkPositions(indices: CPUTensor, seqLength: number): CPUTensor<Int32Array> {
  if (isCompiling()) {
    const expected =
      "the indices as arrays among the arguments of a compiled function (stack.sample makes them)";
    wrongType(
      "indicesOf",
      expected,
      indices,
      "positions drawn while it is traced, which would stay the same",
    );
  }
  return checkOnCPU("indicesOf", indices, seqLength, [2]);
}

/** What runs along the sequence, at the retained positions: as rows of `[rows,length,outer,middle,row]`. */
function along(value: np.Array, axes: Axes, { indices }: TokenRoute): np.Array {
  const [batch, retained] = indices.shape;
  const { batchFirst, outer, middle, length, rows, row, firstPosition, shape } = rowView(
    value.shape,
    axes,
    batch,
    retained,
  );
  const [dims, order, back] = batchFirst
    ? [
        [outer, rows, middle, length, row],
        [1, 3, 0, 2, 4],
        [2, 0, 3, 1, 4],
      ]
    : [
        [outer, length, middle, rows, row],
        [3, 1, 0, 2, 4],
        [2, 1, 3, 0, 4],
      ];
  const few = indices.ref.slice([], [firstPosition, retained]);
  const positions = firstPosition === 0 ? few : few.sub(firstPosition);
  const starts = rows === 1 ? undefined : np.arange(batch).reshape([batch, 1]).mul(length);
  const table = asTable(np.transpose(value.reshape(dims), order));
  const part = pick(table, starts === undefined ? positions : positions.add(starts));
  return np.transpose(part, back).reshape([...shape]);
}

/** The number of retained positions below each boundary, `[B,n+1]`. */
function boundariesAt(value: np.Array, name: string, indices: np.Array, seq: number): np.Array {
  if (value.dtype !== np.int32) wrongType(name, "dtype int32", value, value.dtype);
  const known = lookInto(value);
  if (known !== undefined) checkBoundaries(name, known.data, known.shape, seq);
  const [batch, retained] = indices.shape;
  const ends = value.shape.at(-1)!;
  const below = np.less(indices.reshape([batch, 1, retained]), value.reshape([-1, ends, 1]));
  return below.astype(np.int32).sum(-1);
}

/** `out[b,h,i,j] = mask[b,h,indices[b,i],indices[b,j]]`, where a batch or query size of 1 is always at 0. */
function maskAt(mask: np.Array, indices: np.Array): np.Array {
  const [maskBatch, heads, query, seq] = mask.shape;
  const [batch, retained] = indices.shape;
  const starts = np.arange(heads).reshape([1, heads, 1, 1]).mul(query);
  const rows =
    maskBatch === 1
      ? starts
      : np
          .arange(batch)
          .reshape([batch, 1, 1, 1])
          .mul(heads * query)
          .add(starts);
  const keys = indices.ref.reshape([batch, 1, 1, retained]);
  const queries = query === 1 ? rows : rows.add(indices.ref.reshape([batch, 1, retained, 1]));
  indices.dispose();
  // As single elements of a flat table, because jit can't compile the gradient of an index for each dimension.
  const at = queries.mul(seq).add(keys);
  const { shape } = at;
  return pick(mask.reshape([maskBatch * heads * query * seq]), at.reshape([1, -1])).reshape(shape);
}

/** Throws if the top-left corner of a mask is wrong, where that can be told without waiting. */
function checkCorner(mask: np.Array, name: string, retained: number): void {
  const known = lookInto(mask);
  if (known !== undefined) checkSliceable(cpuMasks, name, known, { ...checkMask(name, known).g, retained });
}

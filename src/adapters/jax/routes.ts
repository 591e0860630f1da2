/** Which tokens of jax-js arrays a layer sees, and the way back: both directions, and both backwards, are gathers. */
import { defaultDevice, numpy as np } from "@jax-js/jax";
import { checkInteger, MAX, wrongType, wrongValue } from "../../check.ts";
import { checkIndices } from "../../indices.ts";
import { layerOf, tensor } from "../../tensor.ts";
import type { CPUTensor } from "../../types.ts";
import { checkArray, lookInto } from "./arrays.ts";

/**
 * The retained tokens of one layer, as arrays that a compiled function takes among its arguments. K and S are in their
 * shapes and the positions in their elements, so another draw with the same K compiles nothing.
 *
 * For hidden states with the batch first. A model in `[S,B,C]` can use the layer wrapper.
 *
 * @example
 * const step = jit((weights, x, routes) => model(weights, x, routes)); // routes: TokenRoute[]
 * step(weights, x, tokenRoutes(sampledIndices, S));
 */
export type TokenRoute = {
  /** int32 `[B,K]`: the retained positions, ascending. */
  indices: np.Array;
  /** int32 `[B,K]`: their rows among the `B * S` tokens. */
  rows: np.Array;
  /** int32 `[B,S]`: each token's row among the `B * K` retained ones; 0 where it isn't retained. */
  back: np.Array;
  /** bool `[B,S]`: whether a token is retained. */
  retained: np.Array;
};

/**
 * The routes of several layers, for arguments of a compiled step.
 *
 * @param sampledIndices int32 `[L,B,K]` on the CPU, as `gptSampleTokens` gives them.
 * @param seqLength S.
 * @returns L routes, whose arrays the caller owns.
 * @throws TypeError where `sampledIndices` is no int32 CPU tensor; RangeError where it has not rank 3, or a row is not
 *   ascending, distinct and below S.
 * @example
 * const { sampledIndices } = gptSampleTokens({ reservedLength: 64, seqLength: 128, batchSize: 8, layers: 4, seed, step });
 * const routes = tokenRoutes(sampledIndices, 128);
 */
export function tokenRoutes(sampledIndices: CPUTensor, seqLength: number): TokenRoute[] {
  checkInteger("seqLength", seqLength, 1, MAX.int32);
  const indices = checkOnCPU("sampledIndices", sampledIndices, seqLength, [3]);
  return Array.from({ length: indices.shape[0] }, (_, l) =>
    routeOfPositions(layerOf(indices, l), seqLength, true),
  );
}

/**
 * The route of one layer from positions that are in jax-js already, such as an argument of a compiled function. The way
 * back takes `B * S * K` comparisons, which are negligible beside a layer.
 *
 * @param indices int32 `[B,K]`, each row ascending, distinct and below S. This is checked on the CPU and wasm backends, but
 *   not on others or in a compiled function. Taken over.
 * @param seqLength S.
 * @returns A route, whose arrays the caller owns.
 * @throws TypeError where `indices` is no int32 array of jax-js; RangeError where it has not rank 2, K is above S, or a
 *   row is not as it should be.
 * @example
 * const step = jit((weights, x, indices) => model(weights, x, tokenRoute(indices, 128)));
 */
export function tokenRoute(indices: np.Array, seqLength: number): TokenRoute {
  checkArray("indices", indices);
  if (indices.dtype !== np.int32) wrongType("indices", "dtype int32", indices, indices.dtype);
  checkInteger("seqLength", seqLength, 1, MAX.int32);
  const { shape } = indices;
  if (shape.length !== 2 || shape[1] > seqLength) {
    wrongValue("indices", `shape [B,K] with K from 1 to ${seqLength}`, shape, `[${shape}]`);
  }
  return routeOfArray(checkKnown("indices", indices, seqLength), seqLength, true);
}

/** Indices on the CPU, checked. */
export function checkOnCPU(
  name: string,
  indices: CPUTensor,
  seqLength: number,
  ranks: readonly (2 | 3)[],
): CPUTensor<Int32Array> {
  const beside = tensor(new Uint8Array(1), [1]); // states on the CPU, whatever they are
  return checkIndices(name, indices, beside, undefined, seqLength, ranks) as CPUTensor<Int32Array>;
}

/** Indices in an array, checked where that needs no waiting. Borrows them. */
export function checkKnown(name: string, indices: np.Array, seqLength: number): np.Array {
  const known = lookInto(indices);
  if (known !== undefined) checkOnCPU(name, known, seqLength, [2]);
  return indices;
}

let warned = false;

/** Says once that a K is slow: at S 196 a step took 0.28 s at K 96 and 0.68 s at 98. */
function warnOfSlow(retained: number, seqLength: number): void {
  if (warned || retained % 4 === 0 || retained === seqLength || defaultDevice() !== "wasm") return;
  warned = true;
  globalThis.console?.warn(
    `random-ltd: K = ${retained} is no multiple of 4, which is about 2.4 times slower on jax-js's WASM backend; ` +
      "a seq_per_step that is one keeps K to multiples",
  );
}

/** Warns again, for tests. */
export function forgetWarning(): void {
  warned = false;
}

/** The route of checked positions on the CPU. */
export function routeOfPositions(
  indices: CPUTensor<Int32Array>,
  seqLength: number,
  batchFirst: boolean,
): TokenRoute {
  const [batch, retained] = indices.shape;
  warnOfSlow(retained, seqLength);
  const rows = new Int32Array(batch * retained);
  const back = new Int32Array(batch * seqLength);
  const isRetained = new Int32Array(batch * seqLength);
  for (let b = 0; b < batch; b++) {
    for (let k = 0; k < retained; k++) {
      const position = indices.data[b * retained + k];
      const part = batchFirst ? b * retained + k : k * batch + b;
      const whole = batchFirst ? b * seqLength + position : position * batch + b;
      rows[part] = whole;
      back[whole] = part;
      isRetained[whole] = 1;
    }
  }
  const dimensions = (count: number) => (batchFirst ? [batch, count] : [count, batch]);
  return {
    indices: np.array(indices.data, { shape: [batch, retained], dtype: np.int32 }),
    rows: np.array(rows, { shape: dimensions(retained), dtype: np.int32 }),
    back: np.array(back, { shape: dimensions(seqLength), dtype: np.int32 }),
    retained: np.array(isRetained, { shape: dimensions(seqLength), dtype: np.bool }),
  };
}

/** The route of positions in an array, which is taken over. */
export function routeOfArray(indices: np.Array, seqLength: number, batchFirst: boolean): TokenRoute {
  const [batch, retained] = indices.shape;
  warnOfSlow(retained, seqLength);
  const all = np.arange(seqLength).reshape(batchFirst ? [1, seqLength, 1] : [seqLength, 1, 1]);
  const few = indices.ref.reshape(batchFirst ? [batch, 1, retained] : [1, batch, retained]);
  const isRetained = np.equal(few.ref, all.ref).any(-1); // [B,S]
  const rank = np.less(few, all).astype(np.int32).sum(-1); // [B,S], retained tokens before this one
  const row = () => np.arange(batch).reshape(batchFirst ? [batch, 1] : [1, batch]);
  /** The row, among those of the whole batch, of the n-th of `count` tokens. */
  const place = (n: np.Array, count: number) =>
    batchFirst ? n.add(row().mul(count)) : n.mul(batch).add(row());
  return {
    rows: place(batchFirst ? indices.ref : np.transpose(indices.ref), seqLength),
    back: np.where(isRetained.ref, place(rank, retained), 0),
    retained: isRetained,
    indices,
  };
}

/** Rows of states `[M,N,C...]`, counted over M and N, in the shape of `rows`. Takes both over. */
export function takeRows(states: np.Array, rows: np.Array): np.Array {
  return np.take(asTable(states), rows, 0);
}

/** Rows of tokens, `[M * N,C...]` of `[M,N,C...]`. */
export function asTable(states: np.Array): np.Array {
  const [first, second, ...channels] = states.shape;
  return states.reshape([first * second, ...channels]);
}

/** A value for each token, of dimensions `[M,N]`, beside states `[M,N,C...]`. */
export function besideStates(values: np.Array, states: np.Array): np.Array {
  return values.reshape([...values.shape, ...states.shape.slice(2).map(() => 1)]);
}

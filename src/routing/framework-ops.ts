/**
 * What the layer wrapper asks of a tensor type: the one interface that a framework's adapter implements.
 *
 * Ownership. Some frameworks free what they are given (jax-js), others don't. The words below say which arguments a
 * method *borrows*, so that they can be used again, and which it *takes over*, so that they are not. An adapter whose
 * tensors are consumed by use takes a reference to what it borrows; for everyone else the words mean nothing.
 */
import { checkObject, wrongType } from "../check.ts";
import type { CPUTensor } from "../types.ts";

/** A layout by its dimensions, counted from 0: `[3,B,S]`, `[1,1,S,D]`, `[S,1,1,D]` and whatever else there is. */
export interface AxesLayout {
  /** The dimension that runs along the sequence. */
  readonly seqAxis: number;
  /** The dimension of the batch, of length B, or of 1, which serves every row; null puts a batch in front. */
  readonly batchAxis: number | null;
  /**
   * The position that the first row stands for. A table that leaves out the prefix tokens has a row for each position
   * from here on, and so has what the layer gets; `keepPrefix` must be at least this. Default 0.
   */
  readonly firstPosition?: number;
}

/**
 * How rows of a tensor run along the sequence: `[B,S,...]`, `[S,B,...]` (B may be 1, which serves every row), or
 * `[S,...]` without a batch; DeepSpeed's words for the first two. Or any dimensions.
 */
export type RowLayout = "batch_seq_dim" | "seq_batch_dim" | "seq_dim" | AxesLayout;

/**
 * How an argument runs along the sequence. As rows, or as
 *
 * - `"mask"`: a further mask `[B,H,S,S]` or `[B,H,1,S]`, gathered both ways;
 * - `"mask_rows"`: `[B,H,S,S']`, as for cross-attention, the rows alone;
 * - `"boundaries"`: of packed sequences, int32 `[n+1]` or `[B,n+1]` ascending from 0 to S, become `[B,n+1]`: the number
 *   of retained positions below each;
 * - `"unchanged"`: handed on as it is.
 */
export type AlongSequence = RowLayout | "mask" | "mask_rows" | "boundaries" | "unchanged";

/** Where, and how, the operations of one call run. */
export interface TokensAtOptions {
  /** S of the tensors that are gathered from. */
  readonly seqLength: number;
  /** Hidden states are `[B,S,C]` where true, else `[S,B,C]`. */
  readonly batchFirst: boolean;
  /** Where the caller records GPU commands, if it does. */
  readonly encoder: GPUCommandEncoder | undefined;
}

/**
 * A framework's token operations. Everything is checked before they are called: they may trust shapes.
 *
 * @example
 * const ops: FrameworkOps<Matrix> = {
 *   isTensor: (value): value is Matrix => value instanceof Matrix,
 *   shapeOf: (matrix) => matrix.dims,
 *   at: (indices, { batchFirst }) => ({ gather: (states) => states.rows(indices.data, batchFirst), ... }),
 * };
 * const stack = convertToRandomLTD(blocks, scheduler, { ops });
 */
export interface FrameworkOps<T> {
  /** Whether `value` is one of the framework's tensors. */
  isTensor(value: unknown): value is T;
  /** The dimensions of a tensor, which is borrowed. `name` is what the caller calls it, where it has to be refused. */
  shapeOf(tensor: T, name?: string): readonly number[];
  /** Another reference to `tensor`, where use consumes one; missing where it doesn't. */
  retain?(tensor: T): T;
  /** Lets go of a reference that won't be used, where use consumes them; missing where it doesn't. */
  dispose?(tensor: T): void;
  /**
   * The operations at the retained positions of one call, so that what is made of the indices is made once.
   *
   * @param sampledIndices int32 `[B,K]`, each row ascending and distinct: as the sampling functions give them, on the
   *   CPU, or a tensor of the framework's own where the caller had them there already (`indicesOf`). Borrowed.
   */
  at(sampledIndices: CPUTensor<Int32Array> | T, options: TokensAtOptions): TokensAt<T>;
}

/** Token operations at the retained positions of one call. */
export interface TokensAt<T> {
  /** `[B,K,C]` of `[B,S,C]` (or `[K,B,C]` of `[S,B,C]`): hidden states, or their gradient. Borrows `states`. */
  gather(states: T): T;
  /**
   * `states` with the retained rows replaced by `part`, in the memory of `states` where `inPlace` and the framework
   * can. Takes both over. It is the wrapper's forward and its backward: see the contract's exact cheaper way.
   */
  scatter(states: T, part: T, inPlace: boolean): T;
  /**
   * The retained rows of what runs along the sequence, an argument called `name`; a shared table comes back with a
   * batch. Takes `value` over.
   */
  gatherAlong(value: T, layout: RowLayout, name: string): T;
  /**
   * The number of retained positions below each boundary, `[B,n+1]` of int32 `[n+1]` or `[1 or B,n+1]`. Throws what names
   * the argument `name` where the boundaries don't ascend from 0 to S and the framework can tell without waiting.
   * Takes `value` over. Missing where a framework has no such layout.
   */
  gatherBoundaries?(value: T, name: string): T;
  /** `[B,H,K,K]` of a mask `[B,H,S,S]` (batch 1 serves every row; query size 1 stays 1). Takes `mask` over. */
  gatherMask(mask: T, name: string): T;
  /**
   * Whether the top-left `[B,H,K,K]` of a mask is known to be what gathering gives, whatever is retained: false where
   * the framework can't tell without waiting. Borrows `mask`. Missing where it never can.
   */
  isCornerRight?(mask: T, name: string): boolean;
  /**
   * The top-left `[B,H,K,K]` of a mask. With `check`, throws a RangeError that names the mask `name` where that is wrong
   * and the framework can tell without waiting. Takes `mask` over.
   */
  sliceMask(mask: T, name: string, check: boolean): T;
  /** The call is over: frees what was made of the indices. Missing where nothing was. */
  release?(): void;
}

/** A framework's operations, or a TypeError that names the missing one. */
export function checkOps<T>(ops: FrameworkOps<T> | undefined): FrameworkOps<T> {
  checkObject("ops", ops);
  for (const method of ["isTensor", "shapeOf", "at"] as const) {
    if (typeof ops![method] !== "function") wrongType("ops", `an object with ${method}`, ops);
  }
  return ops!;
}

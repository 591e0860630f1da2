/**
 * What the layer wrapper asks of a tensor type: the one interface that a framework's adapter implements.
 *
 * Ownership. Some frameworks free what they are given (jax-js), others don't. The words below say which arguments a
 * method *borrows*, so that they can be used again, and which it *takes over*, so that they are not. An adapter whose
 * tensors are consumed by use takes a reference to what it borrows; for everyone else the words mean nothing.
 */
import type { CPUTensor } from "../types.ts";

/**
 * How a tensor runs along the sequence: `[B,S,...]`, `[S,B,...]` (B may be 1, which serves every row), or `[S,...]`
 * without a batch. DeepSpeed's words for the first two.
 */
export type AlongSequence = "batch_seq_dim" | "seq_batch_dim" | "seq_dim";

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
  /** The dimensions of a tensor, which is borrowed. */
  shapeOf(tensor: T): readonly number[];
  /** Another reference to `tensor`, where use consumes one; missing where it doesn't. */
  retain?(tensor: T): T;
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
  /** The retained rows of what runs along the sequence; a shared table comes back with a batch. Takes `value` over. */
  gatherAlong(value: T, layout: AlongSequence): T;
  /** `[B,H,K,K]` of a mask `[B,H,S,S]` (batch 1 serves every row; query size 1 stays 1). Takes `mask` over. */
  gatherMask(mask: T): T;
  /**
   * The top-left `[B,H,K,K]` of a mask. With `check`, throws a RangeError that names the mask `name` where that is wrong
   * and the framework can tell without waiting. Takes `mask` over.
   */
  sliceMask(mask: T, name: string, check: boolean): T;
  /** The call is over: frees what was made of the indices. Missing where nothing was. */
  release?(): void;
}

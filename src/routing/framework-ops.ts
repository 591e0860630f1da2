/**
 * What the layer wrapper asks of a tensor type: the one interface that a framework's adapter implements.
 *
 * Ownership. Some frameworks (jax-js) free the tensors that a function is given, others don't. The comments below say
 * which arguments a method *borrows*, so that the caller can use them again, and which it *takes over*, so that the
 * caller must not. An adapter to a framework that consumes tensors must take a reference to what it borrows; others can
 * ignore this.
 */
import { checkObject, wrongType } from "../check.ts";
import type { GPUCommandEncoder } from "../platform.ts";
import type { CPUTensor } from "../types.ts";

/** A layout given by its dimensions, counted from 0: `[3,B,S]`, `[1,1,S,D]`, `[S,1,1,D]` or any other. */
export interface AxesLayout {
  /** The dimension that runs along the sequence. */
  readonly seqAxis: number;
  /** The dimension of the batch, of length B, or of 1, which serves every row. With null, a batch is put in front. */
  readonly batchAxis: number | null;
  /**
   * The position of the first row. A table without the prefix tokens has rows for the positions from here on, and so
   * has what the layer gets. `keepPrefix` must be at least this. Default 0.
   */
  readonly firstPosition?: number;
}

/**
 * How rows of a tensor run along the sequence: `[B,S,...]`, `[S,B,...]` (B may be 1, which serves every row), or
 * `[S,...]` without a batch, the first two by DeepSpeed's names; or any other dimensions.
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
 * A framework's token operations. Arguments are checked before these are called, so they can rely on shapes.
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
  /** The dimensions of a tensor, which is borrowed. `name` is what an error calls it, if it must be refused. */
  shapeOf(tensor: T, name?: string): readonly number[];
  /** Another reference to `tensor`. Only for frameworks where using a tensor consumes a reference. */
  retain?(tensor: T): T;
  /** Drops a reference that won't be used. Only for such frameworks. */
  dispose?(tensor: T): void;
  /** Throws if the framework's tensors take no `encoder` and there is one. Missing where they do. */
  checkEncoder?(encoder: GPUCommandEncoder | undefined): void;
  /**
   * The operations at the retained positions of one call, so that anything derived from the indices is made once.
   *
   * @param sampledIndices int32 `[B,K]`, each row ascending and distinct: on the CPU, as the sampling functions give them,
   *   or a tensor of the framework, if the caller passed one by `indicesOf`. Borrowed.
   */
  at(sampledIndices: CPUTensor<Int32Array> | T, options: TokensAtOptions): TokensAt<T>;
}

/** Token operations at the retained positions of one call. */
export interface TokensAt<T> {
  /** `[B,K,C]` of `[B,S,C]` (or `[K,B,C]` of `[S,B,C]`): hidden states, or their gradient. Borrows `states`. */
  gather(states: T): T;
  /**
   * `states` with the retained rows replaced by `part`: in the memory of `states`, if `inPlace` is true and the
   * framework can. Takes both over. The wrapper uses it forward and backward; see "Gradients" in docs/contract.md.
   */
  scatter(states: T, part: T, inPlace: boolean): T;
  /**
   * The retained rows of the argument `name`, which runs along the sequence. A table that serves every row gets a batch
   * in the result. Takes `value` over.
   */
  gatherAlong(value: T, layout: RowLayout, name: string): T;
  /**
   * The number of retained positions below each boundary, `[B,n+1]` of int32 `[n+1]` or `[1 or B,n+1]`. Throws an error
   * that names the argument `name` if the boundaries don't ascend from 0 to S and the framework can tell without
   * waiting. Takes `value` over. Missing if the adapter does not support this layout.
   */
  gatherBoundaries?(value: T, name: string): T;
  /** `[B,H,K,K]` of a mask `[B,H,S,S]` (batch 1 serves every row; query size 1 stays 1). Takes `mask` over. */
  gatherMask(mask: T, name: string): T;
  /**
   * Whether the top-left `[B,H,K,K]` of a mask is known to equal the gathered mask, whatever is retained. False where
   * the framework can't tell without waiting; missing if it never can. Borrows `mask`.
   */
  isCornerRight?(mask: T, name: string): boolean;
  /**
   * The top-left `[B,H,K,K]` of a mask. With `check`, throws a RangeError that names the mask `name` if that corner is
   * wrong and the framework can tell without waiting. Takes `mask` over.
   */
  sliceMask(mask: T, name: string, check: boolean): T;
  /** Called at the end of the call: frees what was derived from the indices. Missing if there is nothing to free. */
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

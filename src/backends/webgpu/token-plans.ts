/** Plans of operations on rows of tokens: which rows move between all tokens and the retained ones. */
import type { GPUTensor, RowGeometry, TokenOperations } from "../../types.ts";
import type { Bytes } from "./binding-windows.ts";
import type { PlanLimits } from "./device-state.ts";
import type { Step } from "./plan.ts";
import { planRows } from "./row-plans.ts";
import type { Way } from "./shader-choice.ts";

/** What an operation reads and writes. The rest is copied from `base`. `idx` shares no buffer with `dst`. */
export interface TokenOperands {
  readonly dst: Bytes;
  readonly src?: Bytes;
  readonly base?: Bytes;
  readonly idx: Bytes;
}

/** An operation on tokens. "InPlace" is the form of `scatter` and `zeroRows` that changes its input, `dst`, itself. */
export type TokenOperation = keyof TokenOperations<GPUTensor> | "scatterInPlace" | "zeroRowsInPlace";

/** How each moves rows. */
const WAYS: Record<TokenOperation, Way> = {
  gather: ["index", "moved", "left"],
  scatterZeros: ["map", "moved", "zeroed"],
  accumulate: ["named", "added", "left"],
  scatter: ["map", "moved", "copied"],
  scatterInPlace: ["named", "moved", "left"],
  zeroRows: ["map", "zeroed", "copied"],
  zeroRowsInPlace: ["named", "zeroed", "left"],
};

/** The plan of an operation. */
export function planTokens(
  operation: TokenOperation,
  operands: TokenOperands,
  { batch, seq, retained, rowBytes, batchFirst }: RowGeometry,
  limits: PlanLimits,
): Step[] {
  const [all, some] = [batch * seq, batch * retained];
  const [dstRows, srcRows] = operation === "gather" ? [some, all] : [all, some];
  const strides = batchFirst
    ? { inner: retained, idx_outer: retained, idx_rest: 1, all_outer: seq, all_rest: 0, all_step: 1 }
    : { inner: batch, idx_outer: 1, idx_rest: retained, all_outer: 0, all_rest: 1, all_step: batch };
  const numbering = { seq, ...strides };
  return planRows({ way: WAYS[operation], ...operands, rowBytes, dstRows, srcRows, numbering }, limits);
}

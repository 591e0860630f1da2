/** Refuses arguments that run along the sequence and that no option names: the layer would take them for K tokens. */
import { describe, wrongValue } from "../../check.ts";
import type { Kwargs } from "../layer-types.ts";
import { eachLeaf } from "./nested.ts";

/** The sizes of the hidden states of this call. */
export interface StateSizes {
  readonly batch: number;
  readonly seq: number;
  /** Hidden states are `[B,S,C]` where true, else `[S,B,C]`. */
  readonly batchFirst: boolean;
}

/**
 * Whether a tensor of this shape looks laid out along the sequence: `[B or 1,S,...]`, `[S,...]` (which `[S,B,...]` is,
 * too) or `[...,S,S]`.
 */
export function looksAlong(shape: readonly number[], { batch, seq, batchFirst }: StateSizes): boolean {
  const [first, second] = shape;
  if (first === seq) return true;
  if (batchFirst && second === seq && (first === batch || first === 1)) return true;
  return shape.length >= 2 && shape.at(-1) === seq && shape.at(-2) === seq;
}

/**
 * Throws where an argument that is not among `named` holds a tensor that looks laid out along the sequence.
 *
 * @param shapeOf The shape of any kind of tensor that is known, undefined for anything else.
 */
export function checkUnnamed(
  kwargs: Kwargs,
  named: ReadonlySet<string>,
  shapeOf: (value: unknown) => readonly number[] | undefined,
  sizes: StateSizes,
): void {
  const isTensor = (value: unknown) => shapeOf(value) !== undefined;
  for (const [name, value] of Object.entries(kwargs)) {
    if (named.has(name)) continue;
    eachLeaf(value, name, isTensor, (leaf, path) => {
      const shape = shapeOf(leaf);
      if (shape === undefined || !looksAlong(shape, sizes)) return;
      wrongValue(
        name,
        `to be named in alongSequence with its layout, or with "unchanged", as it looks laid out along the ${sizes.seq} tokens`,
        shape,
        path === name ? undefined : `${describe(shape)} at ${path}`,
      );
    });
  }
}

/** Where rows of tokens lie. */
import type { NamedAttrMap } from "@tensorflow/tfjs-core";

/**
 * The sizes of one operation. A *row* is what lies behind one position: C numbers, or more or fewer.
 *
 *   all       [B,G,S,row], or [S,B,row] where not `batchFirst`
 *   part      [B,G,K,row], or [K,B,row]
 *   indices   int32 [B,K], ascending and distinct
 *   map       int32, what a backend's `mapOf` makes of the indices
 */
export type Geometry = {
  /** B, rows of the batch. */
  readonly batch: number;
  /** G, how many groups of S rows share the positions of a batch row; 1 unless `batchFirst`. A mask's heads. */
  readonly groups: number;
  /** S. */
  readonly seq: number;
  /** K. */
  readonly retained: number;
  /** Numbers in a row. */
  readonly row: number;
  readonly batchFirst: boolean;
  /** `all` has no batch, or one of 1, which serves every row of the batch; gathering only. */
  readonly shared: boolean;
  /** The shape of `all`, and of `part`. */
  readonly allShape: number[];
  readonly partShape: number[];
};

/** The geometry out of a kernel's attributes. */
export function geometryOf(attrs: NamedAttrMap | undefined): Geometry {
  return attrs as Geometry;
}

/** A geometry as a kernel's attributes. */
export function attrsOf(g: Geometry): NamedAttrMap {
  return g;
}

/** The number of elements of a shape. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((n, length) => n * length, 1);
}

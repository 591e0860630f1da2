/** The layouts of `alongSequence`: what fits each, and what the layer gets. A new layout is one entry of the table. */
import { checkInteger, checkOptions, describe, isObject, MAX, wrongType, wrongValue } from "../../check.ts";
import type { AlongSequence, AxesLayout, RowLayout, TokensAt } from "../framework-ops.ts";

/** The sizes that keyword arguments must fit. */
export interface Sizes {
  readonly batch: number;
  readonly seq: number;
  readonly retained: number;
}

/** How one argument runs along the sequence. */
export interface Layout {
  /** What `alongSequence` says. */
  readonly is: AlongSequence;
  /** The position that its first row stands for. */
  readonly firstPosition: number;
  /** Whether a tensor of this shape is laid out so. */
  fits(shape: readonly number[], sizes: Sizes): boolean;
  /** What fits, in words. */
  wanted(sizes: Sizes): string;
  /** What the layer gets instead of the tensor, which is taken over and called `name`. */
  gather<T>(tensor: T, name: string, at: TokensAt<T>): T;
}

const servesAll = (length: number, batch: number) => length === 1 || length === batch;
const batchAndSeq = ({ batch, seq }: Sizes) => `with B 1 or ${batch} and S ${seq}`;

/** The entries by name. All layouts of rows are gathered in the same way. */
const TABLE: Readonly<Record<Extract<AlongSequence, string>, Omit<Layout, "is" | "firstPosition">>> = {
  batch_seq_dim: {
    fits: (shape, { batch, seq }) => shape.length >= 2 && servesAll(shape[0], batch) && shape[1] === seq,
    wanted: (sizes) => `[B,S,...] ${batchAndSeq(sizes)}`,
    gather: (tensor, name, at) => at.gatherAlong(tensor, "batch_seq_dim", name),
  },
  seq_batch_dim: {
    fits: (shape, { batch, seq }) => shape.length >= 2 && servesAll(shape[1], batch) && shape[0] === seq,
    wanted: (sizes) => `[S,B,...] ${batchAndSeq(sizes)}`,
    gather: (tensor, name, at) => at.gatherAlong(tensor, "seq_batch_dim", name),
  },
  seq_dim: {
    fits: (shape, { seq }) => shape[0] === seq,
    wanted: ({ seq }) => `[S,...] with S ${seq}`,
    gather: (tensor, name, at) => at.gatherAlong(tensor, "seq_dim", name),
  },
  mask: {
    fits: fitsMask,
    wanted: maskWanted,
    gather: (tensor, name, at) => at.gatherMask(tensor, name),
  },
  mask_rows: {
    fits: (shape, { batch, seq }) => shape.length === 4 && servesAll(shape[0], batch) && shape[2] === seq,
    wanted: (sizes) => `[B,H,S,S'] ${batchAndSeq(sizes)}`,
    gather: (tensor, name, at) => at.gatherAlong(tensor, { seqAxis: 2, batchAxis: 0 }, name),
  },
  boundaries: {
    fits: (shape, { batch }) =>
      (shape.length === 1 || (shape.length === 2 && servesAll(shape[0], batch))) && shape.at(-1)! >= 2,
    wanted: ({ batch, seq }) => `[n+1] or [B,n+1] with B ${batch}, from 0 to ${seq}`,
    gather(tensor, name, at) {
      if (at.gatherBoundaries === undefined) {
        wrongType("ops", `gatherBoundaries for the layout "boundaries" of ${name}`, undefined);
      }
      return at.gatherBoundaries(tensor, name);
    },
  },
  unchanged: {
    fits: () => true,
    wanted: () => "of any kind",
    gather: (tensor) => tensor,
  },
};

const NAMES = /* @__PURE__ */ Object.keys(TABLE) as Extract<AlongSequence, string>[];

/** All that `alongSequence` may say, but for one. */
function layoutsBut(one: AlongSequence | undefined): string {
  const others = NAMES.filter((name) => name !== one).map(describe);
  return `${others.join(", ")} or { seqAxis, batchAxis, firstPosition }`;
}

/** Whether a shape is that of an attention mask for these sizes. */
export function fitsMask(shape: readonly number[], { batch, seq }: Sizes): boolean {
  const [b, , query, keys] = shape;
  return shape.length === 4 && servesAll(b, batch) && (query === 1 || query === seq) && keys === seq;
}

/** What an attention mask is for these sizes, in words. */
export function maskWanted(sizes: Sizes): string {
  return `[B,H,S,S] or [B,H,1,S] ${batchAndSeq(sizes)}`;
}

/** A layout as `alongSequence` has it, checked. */
export function layoutOf(value: unknown): Layout {
  if (typeof value === "string" && NAMES.includes(value as never)) {
    const is = value as keyof typeof TABLE;
    return { is, firstPosition: 0, ...TABLE[is] };
  }
  if (typeof value === "string") wrongValue("alongSequence", `one of ${layoutsBut(undefined)}`, value);
  if (!isObject(value)) wrongType("alongSequence", `one of ${layoutsBut(undefined)}`, value);
  return axesLayout(value as Partial<AxesLayout>);
}

/** A layout given by its dimensions. */
function axesLayout(value: Partial<AxesLayout>): Layout {
  checkOptions(value, ["seqAxis", "batchAxis", "firstPosition"]);
  const { firstPosition = 0 } = value;
  const seqAxis = checkInteger("seqAxis", value.seqAxis, 0, MAX.int32);
  const batchAxis =
    value.batchAxis === null ? null : checkInteger("batchAxis", value.batchAxis, 0, MAX.int32);
  checkInteger("firstPosition", firstPosition, 0, MAX.int32);
  if (batchAxis === seqAxis) wrongValue("batchAxis", "another dimension than seqAxis", batchAxis);
  const is: RowLayout = { seqAxis, batchAxis, firstPosition };
  return {
    is,
    firstPosition,
    fits: (shape, { batch, seq }) =>
      shape.length > Math.max(seqAxis, batchAxis ?? 0) &&
      shape[seqAxis] === seq - firstPosition &&
      (batchAxis === null || servesAll(shape[batchAxis], batch)),
    wanted({ batch, seq }) {
      const tokens = `${seq - firstPosition} tokens in dimension ${seqAxis}`;
      return batchAxis === null ? `of ${tokens}` : `of ${tokens} and 1 or ${batch} rows in ${batchAxis}`;
    },
    gather: (tensor, name, at) => at.gatherAlong(tensor, is, name),
  };
}

/** Throws unless a tensor of the argument `name` fits its layout; `path` says where in the argument it is. */
export function checkFits(
  name: string,
  path: string,
  shape: readonly number[],
  layout: Layout,
  sizes: Sizes,
): void {
  if (layout.fits(shape, sizes)) return;
  const { is } = layout;
  const said = typeof is === "string" ? describe(is) : JSON.stringify(is);
  const expected = `shape ${layout.wanted(sizes)} (alongSequence says ${said}; it may say ${layoutsBut(is)})`;
  wrongValue(name, expected, shape, path === name ? `[${shape}]` : `[${shape}] at ${path}`);
}

/** What runs along the sequence beside the hidden states: held to them, then gathered with them. */
import { checkChoice, describe, wrongType, wrongValue } from "../check.ts";
import type { MaskMode } from "../sampling.ts";
import type { AlongSequence, FrameworkOps, TokensAt } from "./framework-ops.ts";
import type { Kwargs } from "./layer-types.ts";

/** Which keyword arguments run along the sequence, and how. */
export interface KwargsPlan {
  readonly maskName: string | null;
  readonly maskMode: MaskMode;
  readonly along: ReadonlyMap<string, AlongSequence>;
}

/** The sizes that keyword arguments are held to. */
export interface Sizes {
  readonly batch: number;
  readonly seq: number;
  readonly retained: number;
}

const LAYOUTS = ["batch_seq_dim", "seq_batch_dim", "seq_dim"] as const;

/** The names of `alongSequence`, with the hidden states' own layout where none is given. */
export function checkAlong(
  value: unknown,
  layout: AlongSequence,
  maskName: string | null,
): Map<string, AlongSequence> {
  const isNames = Array.isArray(value);
  if (!isNames && (typeof value !== "object" || value === null)) {
    wrongType("alongSequence", "an array of names, or an object of names and layouts", value);
  }
  const entries = isNames ? value.map((name) => [name, layout] as const) : Object.entries(value as object);
  const along = new Map<string, AlongSequence>();
  for (const [name, how] of entries) {
    if (typeof name !== "string") wrongType("alongSequence", "names that are strings", name);
    if (along.has(name)) wrongValue("alongSequence", "each name once", name);
    if (name === maskName) wrongValue("alongSequence", "names other than model_mask_name", name);
    along.set(name, checkChoice<AlongSequence>("alongSequence", how, LAYOUTS));
  }
  return along;
}

/** Throws unless each named argument is there, and fits; null says that there is none. */
export function checkKwargs<T>(kwargs: Kwargs, plan: KwargsPlan, ops: FrameworkOps<T>, sizes: Sizes): void {
  const { maskName } = plan;
  if (maskName !== null) {
    const mask = kwargs[maskName];
    if (mask !== null) {
      if (!ops.isTensor(mask)) wrongType(maskName, "the attention mask, a tensor, or null", mask);
      checkMaskShape(maskName, ops.shapeOf(mask), sizes);
    }
  }
  for (const [name, layout] of plan.along) {
    const value = kwargs[name];
    if (value === null) continue;
    for (const one of Array.isArray(value) ? value : [value]) {
      if (!ops.isTensor(one)) wrongType(name, "a tensor that runs along the sequence, or null", one);
      checkAlongShape(name, ops.shapeOf(one), layout, sizes);
    }
  }
}

function checkMaskShape(name: string, shape: readonly number[], { batch, seq }: Sizes): void {
  const [b, , query, keys] = shape;
  const fits =
    shape.length === 4 && (b === 1 || b === batch) && (query === 1 || query === seq) && keys === seq;
  if (fits) return;
  wrongValue(name, `shape [B,H,S,S] or [B,H,1,S] with B 1 or ${batch} and S ${seq}`, shape, `[${shape}]`);
}

function checkAlongShape(name: string, shape: readonly number[], layout: AlongSequence, sizes: Sizes): void {
  const { batch, seq } = sizes;
  const fits = (b: number, s: number) => shape.length >= 2 && (b === 1 || b === batch) && s === seq;
  if (layout === "batch_seq_dim" && fits(shape[0], shape[1])) return;
  if (layout === "seq_batch_dim" && fits(shape[1], shape[0])) return;
  if (layout === "seq_dim" && shape[0] === seq) return;
  const wanted = {
    batch_seq_dim: `[B,S,...] with B 1 or ${batch} and S ${seq}`,
    seq_batch_dim: `[S,B,...] with B 1 or ${batch} and S ${seq}`,
    seq_dim: `[S,...] with S ${seq}`,
  };
  const others = LAYOUTS.filter((other) => other !== layout).map(describe);
  const hint = `(alongSequence says ${describe(layout)}; it may say ${others.join(" or ")})`;
  wrongValue(name, `shape ${wanted[layout]} ${hint}`, shape, `[${shape}]`);
}

/** The arguments for the layer that works on the retained tokens: checked, the named ones gathered. */
export function gatherKwargs<T>(kwargs: Kwargs, plan: KwargsPlan, at: TokensAt<T>): Kwargs {
  const { maskName, maskMode } = plan;
  const gathered: Record<string, unknown> = { ...kwargs };
  if (maskName !== null && kwargs[maskName] !== null) {
    const mask = kwargs[maskName] as T;
    gathered[maskName] =
      maskMode === "gather" ? at.gatherMask(mask) : at.sliceMask(mask, maskName, maskMode === "slice");
  }
  for (const [name, layout] of plan.along) {
    const value = kwargs[name] as T | T[] | null;
    if (Array.isArray(value)) gathered[name] = value.map((one) => at.gatherAlong(one, layout));
    else if (value !== null) gathered[name] = at.gatherAlong(value, layout);
  }
  return gathered;
}

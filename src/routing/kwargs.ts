/** Arguments that run along the sequence: checked against the hidden states, then gathered with them. */
import { checkChoice, checkList, isArray, isObject, wrongType, wrongValue } from "../check.ts";
import type { MaskMode } from "../sampling.ts";
import { isTensor } from "../tensor.ts";
import { checkFits, fitsMask, type Layout, layoutOf, maskWanted, type Sizes } from "./along/layouts.ts";
import { eachLeaf, mapTensors } from "./along/nested.ts";
import { checkUnnamed } from "./along/unnamed.ts";
import type { AlongSequence, FrameworkOps, TokensAt } from "./framework-ops.ts";
import type { Kwargs } from "./layer-types.ts";
import type { CheckedRandomLTDConfig } from "./random-ltd-config.ts";

/** Which keyword arguments run along the sequence, and how. */
export interface KwargsPlan {
  readonly maskName: string | null;
  readonly maskMode: MaskMode | "auto";
  readonly along: ReadonlyMap<string, Layout>;
  /** The names of all arguments that any option names. */
  readonly named: ReadonlySet<string>;
  /** Hidden states are `[B,S,C]` where true, else `[S,B,C]`. */
  readonly batchFirst: boolean;
}

/** The plan of a wrapped layer's options and of the configuration. */
export function planOf(
  { model_mask_name: maskName, model_type, hidden_state_order }: CheckedRandomLTDConfig,
  options: {
    readonly alongSequence: unknown;
    readonly maskMode: unknown;
    readonly keepPrefix: number;
    /** The names of answers that become the next layer's arguments. */
    readonly carried: readonly string[];
  },
): KwargsPlan {
  const along = checkAlong(options.alongSequence, hidden_state_order, maskName, options.keepPrefix);
  const names = [...along.keys(), ...options.carried, ...(maskName === null ? [] : [maskName])];
  return {
    maskName,
    maskMode: checkMaskMode(model_type, options.maskMode),
    along,
    named: new Set(names),
    batchFirst: hidden_state_order === "batch_seq_dim",
  };
}

/** How the attention mask is cut: an encoder's is always gathered. */
export function checkMaskMode(modelType: "decoder" | "encoder", value: unknown = "auto"): MaskMode | "auto" {
  if (modelType !== "encoder") {
    return checkChoice<MaskMode | "auto">("maskMode", value, ["auto", "slice", "gather", "slice-unchecked"]);
  }
  return value === "auto" ? "gather" : checkChoice<MaskMode>("maskMode", value, ["gather"]);
}

/** The names in `alongSequence` with their layouts; a bare name has the layout of the hidden states. */
export function checkAlong(
  value: unknown,
  own: AlongSequence,
  maskName: string | null,
  keepPrefix: number,
): Map<string, Layout> {
  const expected = "an array of names, or an object of names and layouts";
  const entries = isObject(value)
    ? Object.entries(value)
    : checkList("alongSequence", expected, value).map((name) => [name, own] as const);
  const along = new Map<string, Layout>();
  for (const [name, how] of entries) {
    if (typeof name !== "string") wrongType("alongSequence", "names that are strings", name);
    if (along.has(name)) wrongValue("alongSequence", "each name once", name);
    if (name === maskName) wrongValue("alongSequence", "names other than model_mask_name", name);
    const layout = layoutOf(how);
    if (layout.firstPosition > keepPrefix) {
      const expected = `at least ${layout.firstPosition}, the firstPosition of ${name} in alongSequence`;
      wrongValue("keepPrefix", expected, keepPrefix);
    }
    along.set(name, layout);
  }
  return along;
}

/** Throws unless each named argument is there (or null) and fits, and no other argument needs a name. */
export function checkKwargs<T>(kwargs: Kwargs, plan: KwargsPlan, ops: FrameworkOps<T>, sizes: Sizes): void {
  const { maskName, along, named, batchFirst } = plan;
  if (maskName !== null) {
    const mask = kwargs[maskName];
    if (mask !== null) {
      if (!ops.isTensor(mask)) {
        const several = typeof mask === "object" ? ' (several masks go by alongSequence, as "mask")' : "";
        wrongType(maskName, `the attention mask, a tensor, or null${several}`, mask);
      }
      checkMaskShape(maskName, ops.shapeOf(mask, maskName), sizes);
    }
  }
  for (const [name, layout] of along) {
    if (layout.is === "unchanged") continue;
    if (layout.firstPosition >= sizes.retained) {
      const expected = `more retained tokens than the ${layout.firstPosition} before its firstPosition`;
      wrongValue(name, expected, sizes.retained);
    }
    eachLeaf(kwargs[name], name, ops.isTensor, (leaf, path) => {
      if (leaf === null) return;
      if (ops.isTensor(leaf)) return checkFits(name, path, ops.shapeOf(leaf, name), layout, sizes);
      const expected = "a tensor that runs along the sequence, or null";
      if (path === name) wrongType(name, expected, leaf);
      wrongType(name, `${expected}, at ${path}`, leaf);
    });
  }
  // The library's own CPU tensors may be passed beside those of any framework.
  const shapeOf = (value: unknown) => {
    if (!isTensor(value)) return ops.isTensor(value) ? ops.shapeOf(value) : undefined;
    return isArray(value.shape) ? (value.shape as number[]) : undefined;
  };
  checkUnnamed(kwargs, named, shapeOf, { ...sizes, batchFirst });
}

function checkMaskShape(name: string, shape: readonly number[], sizes: Sizes): void {
  if (fitsMask(shape, sizes)) return;
  const wayOut =
    shape.length === 2
      ? ": a mask [B,S] goes as [B,1,1,S], by alongSequence, or as the option paddingMask of forward"
      : "";
  wrongValue(name, `shape ${maskWanted(sizes)}`, shape, `[${shape}]${wayOut}`);
}

/** The arguments for the layer that works on the retained tokens: checked, the named ones gathered. */
export function gatherKwargs<T>(
  kwargs: Kwargs,
  plan: KwargsPlan,
  ops: FrameworkOps<T>,
  at: TokensAt<T>,
): Record<string, unknown> {
  const { maskName, along } = plan;
  const gathered: Record<string, unknown> = { ...kwargs };
  if (maskName !== null && kwargs[maskName] !== null) {
    gathered[maskName] = cutMask(kwargs[maskName] as T, maskName, plan.maskMode, at);
  }
  for (const [name, layout] of along) {
    if (layout.is === "unchanged") continue;
    gathered[name] = mapTensors(kwargs[name], ops.isTensor, (t) => layout.gather(t, name, at));
  }
  return gathered;
}

/** The attention mask among the retained tokens. */
function cutMask<T>(mask: T, name: string, mode: MaskMode | "auto", at: TokensAt<T>): T {
  const gather = mode === "auto" ? at.isCornerRight?.(mask, name) !== true : mode === "gather";
  return gather ? at.gatherMask(mask, name) : at.sliceMask(mask, name, mode === "slice");
}

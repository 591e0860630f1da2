/** What a wrapped layer is made from, and how that is checked. */
import { checkEncoder } from "../arguments.ts";
import { checkBoolean, checkInteger, checkOptions, isObject, MAX, wrongType, wrongValue } from "../check.ts";
import type { GPUCommandEncoder } from "../platform.ts";
import type { MaskMode } from "../sampling.ts";
import { isTensor } from "../tensor.ts";
import type { AlongSequence, FrameworkOps } from "./framework-ops.ts";
import {
  CALL_NAMES,
  type ForwardOptions,
  type Layer,
  type LayerObject,
  type LayerOutput,
} from "./layer-types.ts";
import type { RandomLTDScheduler } from "./scheduler.ts";

/** Options of `RandomLayerTokenDrop`. */
export interface RandomLayerTokenDropOptions<T> {
  /** The token operations for your kind of tensors. Default: those for this library's own CPU and GPU tensors. */
  ops?: FrameworkOps<T> | undefined;
  /**
   * What a layer gets of the mask named by `model_mask_name`. With "auto", the default: its top-left corner where that
   * is known to be right, and the gathered mask everywhere else. Decoders also take "slice", "gather" or
   * "slice-unchecked", as in `gptSampleTokens`. An encoder's mask is always gathered.
   */
  maskMode?: MaskMode | "auto" | undefined;
  /**
   * The keyword arguments that run along the sequence (position ids, RoPE tables, further masks) and are gathered with
   * the tokens: an array of names, for arguments laid out like the hidden states, or an object of names with their
   * layouts. An argument may be a tensor, or an array or a plain object of tensors, nested. While tokens are dropped, a
   * tensor that looks laid out along the sequence and is not named is refused; "unchanged" passes it on as it is.
   */
  alongSequence?: readonly string[] | Readonly<Record<string, AlongSequence>> | undefined;
  /**
   * The names of the elements of the array that the layer returns: `["encoder_hidden_states", "hiddenStates"]` for a
   * block with two streams. The one called `hiddenStates` goes on as the states; the others become arguments of these
   * names for the next layer. One that `alongSequence` names too, laid out like the hidden states, is scattered back
   * among the dropped tokens. Default: the first element is the states.
   */
  outputs?: readonly string[] | undefined;
  /** Positions below this are always retained. Default 0. */
  keepPrefix?: number | undefined;
  /** Where a row forces more tokens than K, K is raised to the most of any row; without this it is a RangeError. */
  raiseToKept?: boolean | undefined;
  /**
   * The fraction r of the S tokens to drop, from 0 to below 1, or a function of the step that returns it. K is then
   * `max(1, S - floor(S * r + 0.5))`, whatever S a batch has. Default: the scheduler's K.
   */
  dropRatio?: DropRatio | undefined;
}

/** A fraction of the tokens, or a function of the step that returns it. */
export type DropRatio = number | ((step: number) => number);

/** The names of {@link RandomLayerTokenDropOptions}. */
export const WRAPPER_NAMES: readonly string[] = [
  ...["ops", "maskMode", "alongSequence", "keepPrefix", "raiseToKept", "dropRatio", "outputs"],
];

/** Throws unless `value` is a fraction from 0 to below 1. */
export function checkRatio(name: string, value: unknown): number {
  if (typeof value !== "number") wrongType(name, "a number from 0 to below 1", value);
  if (!(value >= 0 && value < 1)) wrongValue(name, "a number from 0 to below 1", value);
  return value;
}

/** The fraction to drop at a step. */
export function ratioAt(ratio: DropRatio, step: number): number {
  return typeof ratio === "function" ? checkRatio(`dropRatio(${step})`, ratio(step)) : ratio;
}

/** A RandomLTDScheduler, recognized by its members, as another copy of the package may have made it. */
export function checkScheduler(value: RandomLTDScheduler): RandomLTDScheduler {
  if (!isObject(value) || typeof value.getCurrentSeq !== "function" || !isObject(value.config)) {
    wrongType("scheduler", "a RandomLTDScheduler", value);
  }
  return value;
}

/** A layer as an object: the very one, or a function's. */
export function checkLayer<T, R extends LayerOutput<T>>(name: string, layer: Layer<T, R>): LayerObject<T, R> {
  if (typeof layer === "function") return { forward: layer };
  if (!isObject(layer) || typeof layer.forward !== "function") {
    wrongType(name, "a function or an object with a forward", layer);
  }
  return layer;
}

/** How a layer treats kept tokens. */
export function checkKeeping<T>({ keepPrefix = 0, raiseToKept = false }: RandomLayerTokenDropOptions<T>): {
  readonly keepPrefix: number;
  readonly raiseToKept: boolean;
} {
  checkInteger("keepPrefix", keepPrefix, 0, MAX.int32);
  return { keepPrefix, raiseToKept: checkBoolean("raiseToKept", raiseToKept) };
}

/** Checks how a call writes its results, and throws where there is an `encoder` that these states don't take. */
export function checkWriting<T>(
  ops: FrameworkOps<T>,
  states: T,
  inPlace: boolean,
  encoder: GPUCommandEncoder | undefined,
): void {
  checkBoolean("inPlace", inPlace);
  ops.checkEncoder?.(encoder);
  if (isTensor(states)) checkEncoder(encoder, states);
}

/** Checks what a layer is asked about a batch of these sizes. */
export function checkSizes(batchSize: number, seqLength: number, options: ForwardOptions): void {
  checkInteger("batchSize", batchSize, 1, MAX.uint32 + 1);
  checkInteger("seqLength", seqLength, 1, Number.MAX_SAFE_INTEGER);
  checkOptions(options, CALL_NAMES);
}

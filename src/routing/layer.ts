import { checkEncoder } from "../arguments.ts";
import {
  checkBoolean,
  checkInteger,
  checkObject,
  checkOptions,
  isObject,
  wrongType,
  wrongValue,
} from "../check.ts";
import { checkTokenMask, type MaskMode, mostForced, sampleIndices } from "../sampling.ts";
import { checkTensor, isTensor, layerOf } from "../tensor.ts";
import type { CPUTensor, Tensor } from "../types.ts";
import { type AlongSequence, checkOps, type FrameworkOps } from "./framework-ops.ts";
import { checkAlong, checkKwargs, checkMaskMode, gatherKwargs, type KwargsPlan } from "./kwargs.ts";
import {
  type BackwardOptions,
  CALL_NAMES,
  type ForwardOptions,
  type Kwargs,
  type Layer,
  type LayerGradient,
  type LayerObject,
  type LayerOutput,
} from "./layer-types.ts";
import { Carriage, carriedNames, checkElements, checkOutputs, statesOf, withStates } from "./outputs.ts";
import type { RandomLTDScheduler } from "./scheduler.ts";

/** Options of {@link TokenDropLayer}. */
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

/** One forward call: what its backward needs. */
interface Call<T> {
  readonly shape: readonly number[];
  /** int32 `[B,K]`; null if the call dropped nothing. */
  readonly indices: CPUTensor<Int32Array> | T | null;
  readonly batchOffset: number;
}

/**
 * `RandomLayerTokenDrop` for every entry. Each entry adds its operations on the library's own tensors.
 *
 * Wraps a layer so that, in training, it works on a random K of the S tokens of each row and the others bypass it:
 * `h -> scatter(h, layer(gather(h)))`. The counterpart of DeepSpeed's `RandomLayerTokenDrop`
 * (`runtime/data_pipeline/data_routing/basic_layer.py`); random-LTD paper (arXiv 2211.11586), section 3.
 *
 * In evaluation, and where K is at least S, the layer gets hidden states and arguments as they are. Each wrapper draws
 * its own indices from (seed, step, layer ordinal, row), so pipelines, recomputation and layers that run twice in a
 * step agree without sharing anything. Nothing is disposed here: gathered tensors belong to the layer that gets them.
 *
 * @example
 * const layer = new RandomLayerTokenDrop(block, scheduler, 0, { alongSequence: ["position_ids"] });
 * hidden = layer.forward(hidden, { attention_mask: mask, position_ids: positions });
 * hiddenGrad = layer.backward(hiddenGrad, { inPlace: true });
 */
export class TokenDropLayer<T = Tensor, R extends LayerOutput<T> = LayerOutput<T>>
  implements LayerObject<T, R>
{
  /** The layer inside; a function became `{ forward }`. DeepSpeed's name for it, which is in its checkpoints. */
  readonly randomLTDLayer: LayerObject<T, R>;
  /** This layer's place among the random-LTD layers, from 0: what it samples with. */
  readonly layerOrdinal: number;
  readonly #scheduler: RandomLTDScheduler;
  readonly #ops: FrameworkOps<T>;
  readonly #plan: KwargsPlan;
  readonly #carriage: Carriage<T>;
  readonly #batchFirst: boolean;
  readonly #keepPrefix: number;
  readonly #raiseToKept: boolean;
  readonly #dropRatio: DropRatio | undefined;
  #training = true;
  /** The last call made in training, and in evaluation. */
  #last: Call<T> | undefined;
  #lastOfEvaluation: Call<T> | undefined;
  /** The calls of one step by batchOffset, as backward passes may come in another order. */
  readonly #calls: Map<number, Call<T>> = new Map();
  #callsStep = -1;

  /**
   * @param layer `(hiddenStates, kwargs) => hiddenStates | [hiddenStates, ...rest]`, or an object with such a
   *   `forward`, and a `backward(outGrad)` if this wrapper's is wanted. It must keep the shape of its input.
   * @param scheduler Gives K, the step and the seed, and by its configuration `model_mask_name`, `model_type` and
   *   `hidden_state_order`.
   * @param layerOrdinal This layer's place among the random-LTD layers, from 0: an unsigned 32-bit number.
   * @param options See {@link RandomLayerTokenDropOptions}.
   * @throws TypeError, RangeError where an argument is of the wrong kind or value.
   * @example
   * const layer = new RandomLayerTokenDrop((hidden, { attention_mask }) => block(hidden, attention_mask), scheduler, 0);
   */
  constructor(
    layer: Layer<T, R>,
    scheduler: RandomLTDScheduler,
    layerOrdinal: number,
    options: RandomLayerTokenDropOptions<T> = {},
  ) {
    this.randomLTDLayer = checkLayer("layer", layer);
    this.#scheduler = checkScheduler(scheduler);
    this.layerOrdinal = checkInteger("layerOrdinal", layerOrdinal, 0, 2 ** 32 - 1);
    checkOptions(options, WRAPPER_NAMES);
    const { model_mask_name, model_type, hidden_state_order } = scheduler.config;
    const { ops = this.defaultOps, alongSequence = [], keepPrefix = 0 } = options;
    const { raiseToKept = false, dropRatio } = options;
    this.#ops = checkOps(ops);
    this.#keepPrefix = checkInteger("keepPrefix", keepPrefix, 0, 2 ** 31 - 1);
    this.#batchFirst = hidden_state_order === "batch_seq_dim";
    const outputs = checkOutputs(options.outputs);
    const along = checkAlong(alongSequence, hidden_state_order, model_mask_name, keepPrefix);
    this.#plan = {
      maskName: model_mask_name,
      maskMode: checkMaskMode(model_type, options.maskMode),
      along,
      named: new Set([
        ...along.keys(),
        ...carriedNames(outputs),
        ...(model_mask_name === null ? [] : [model_mask_name]),
      ]),
      batchFirst: this.#batchFirst,
    };
    this.#carriage = new Carriage(outputs, this.#plan, this.#ops);
    this.#raiseToKept = checkBoolean("raiseToKept", raiseToKept);
    if (dropRatio !== undefined && typeof dropRatio !== "function") checkRatio("dropRatio", dropRatio);
    this.#dropRatio = dropRatio;
  }

  /** The operations where the options name none: those of an entry, for the library's own tensors. */
  protected get defaultOps(): FrameworkOps<any> | undefined {
    return undefined;
  }

  /**
   * Whether tokens are dropped. True at first.
   *
   * @example
   * if (!layer.training) layer.train();
   */
  get training(): boolean {
    return this.#training;
  }

  /**
   * Drops tokens from now on; the wrapped layer's own `train`, if it has one, is called too.
   *
   * @example
   * layer.train();
   */
  train(): void {
    this.#training = true;
    this.randomLTDLayer.train?.();
  }

  /**
   * Drops nothing from now on; the wrapped layer's own `eval`, if it has one, is called too.
   *
   * @example
   * layer.eval();
   */
  eval(): void {
    this.#training = false;
    this.randomLTDLayer.eval?.();
  }

  /**
   * The positions that a forward call with these sizes would retain now.
   *
   * @param batchSize B, rows at hand.
   * @param seqLength S.
   * @param options `batchOffset`, `keepMask` and `paddingMask` as in {@link forward}.
   * @returns int32 `[B,K]` on the CPU, ascending; null if the call would drop nothing.
   * @throws TypeError, RangeError as `bertSampleTokens` does.
   * @example
   * const indices = layer.sample(8, 1024, { batchOffset: 16 });
   */
  sample(batchSize: number, seqLength: number, options: ForwardOptions = {}): CPUTensor<Int32Array> | null {
    checkInteger("batchSize", batchSize, 1, 2 ** 32);
    checkInteger("seqLength", seqLength, 1, Number.MAX_SAFE_INTEGER);
    checkOptions(options, CALL_NAMES);
    return this.#draw(
      this.#reservedLength(batchSize, seqLength, options.keepMask),
      batchSize,
      seqLength,
      options,
    );
  }

  #draw(
    reservedLength: number,
    batchSize: number,
    seqLength: number,
    options: ForwardOptions,
  ): CPUTensor<Int32Array> | null {
    const { batchOffset = 0, keepMask, paddingMask } = options;
    if (reservedLength >= seqLength) {
      checkTokenMask("keepMask", keepMask, batchSize, seqLength);
      checkTokenMask("paddingMask", paddingMask, batchSize, seqLength);
      return null;
    }
    const { seed, step } = this.#scheduler;
    const sampledIndices = sampleIndices({
      reservedLength,
      seqLength,
      batchSize,
      seed,
      step,
      layerOffset: this.layerOrdinal,
      batchOffset,
      keepPrefix: this.#keepPrefix,
      keepMask,
      paddingMask,
    });
    return layerOf(sampledIndices, 0);
  }

  /** K of a call with these rows now. S or more means that nothing is dropped. */
  #reservedLength(batch: number, seq: number, keepMask: unknown): number {
    const { step } = this.#scheduler;
    const ratio = this.#dropRatio;
    if (!this.#training) return seq;
    const retained =
      ratio === undefined
        ? this.#scheduler.getCurrentSeq()
        : seq - Math.floor(seq * ratioAt(ratio, step) + 0.5);
    if (!this.#raiseToKept || retained >= seq) return Math.max(1, retained);
    const mask = checkTokenMask("keepMask", keepMask, batch, seq);
    return Math.max(1, retained, mostForced(this.#keepPrefix, mask, batch, seq));
  }

  /**
   * The layer-tokens of a forward call with these sizes now: each token counts once for each layer it goes through.
   *
   * @param batchSize B, rows at hand.
   * @param seqLength S.
   * @param options `keepMask` as in {@link forward}, which counts with `raiseToKept`.
   * @throws TypeError, RangeError where an argument is of the wrong kind or value.
   * @example
   * const tokens = layer.layerTokens(8, 1024); // 8 * K, over a route of three layers 24 * K
   */
  layerTokens(batchSize: number, seqLength: number, options: ForwardOptions = {}): number {
    checkInteger("batchSize", batchSize, 1, 2 ** 32);
    checkInteger("seqLength", seqLength, 1, Number.MAX_SAFE_INTEGER);
    checkOptions(options, CALL_NAMES);
    const retained = Math.min(seqLength, this.#reservedLength(batchSize, seqLength, options.keepMask));
    return this.randomLTDLayer.layerTokens?.(batchSize, retained) ?? batchSize * retained;
  }

  /**
   * Runs the layer on the retained tokens and puts its output back among the rest.
   *
   * @param hiddenStates `[B,S,C]`, or `[S,B,C]` where `hidden_state_order` says so.
   * @param kwargs What the layer takes beside them, by name; null where a named argument is not wanted.
   * @param options See {@link ForwardOptions}.
   * @returns `[B,S,C]` (or `[S,B,C]`); if the layer returns an array, that array with its first element replaced.
   * @throws TypeError where the mask or another named argument is missing, or the layer's answer is no tensor;
   *   RangeError where shapes don't fit, such as those of a layer that changes the length, and as the sampling
   *   functions do.
   * @example
   * hidden = layer.forward(hidden, { attention_mask: mask }, { batchOffset: rank * microBatch });
   */
  forward(hiddenStates: T, kwargs: Kwargs = {}, options: ForwardOptions = {}): R {
    const ops = this.#ops;
    if (!ops.isTensor(hiddenStates)) wrongType("hiddenStates", "a tensor", hiddenStates);
    checkObject("kwargs", kwargs);
    checkOptions(options, CALL_NAMES);
    const shape = [...ops.shapeOf(hiddenStates, "hiddenStates")];
    if (shape.length < 2) wrongValue("hiddenStates", "at least two dimensions", shape, `[${shape}]`);
    const [batch, seq] = this.#batchFirst ? shape : [shape[1], shape[0]];
    const { batchOffset = 0, encoder, inPlace = false } = options;
    checkInteger("batchOffset", batchOffset, 0, 2 ** 32 - batch);
    checkBoolean("inPlace", inPlace);
    if (isTensor(hiddenStates)) checkEncoder(encoder, hiddenStates);
    const retained = this.#reservedLength(batch, seq, options.keepMask);
    const dropping = retained < seq;
    if (dropping) checkKwargs(kwargs, this.#plan, ops, { batch, seq, retained });
    const indices =
      dropping && options.indicesOf !== undefined
        ? this.#given(options.indicesOf, batch, retained)
        : this.#draw(retained, batch, seq, options);
    const { outputs } = this.#carriage;
    if (indices === null) {
      const output = this.randomLTDLayer.forward(hiddenStates, kwargs, options);
      checkElements("layer", output, outputs, this.#whose("forward"));
      this.#remember({ shape, indices, batchOffset });
      return output;
    }
    const at = ops.at(indices, { seqLength: seq, batchFirst: this.#batchFirst, encoder });
    try {
      const before = this.#carriage.before(kwargs);
      const gathered = gatherKwargs(kwargs, this.#plan, ops, at);
      const carried = this.#carriage.during(before, gathered);
      const part = at.gather(hiddenStates);
      const expected = this.#formOf(part);
      const output = this.randomLTDLayer.forward(part, gathered, options);
      checkElements("layer", output, outputs, this.#whose("forward"));
      const states = this.#checkPart("forward", statesOf(output, outputs), expected);
      const answer = this.#carriage.after(output, carried, at);
      const result = at.scatter(hiddenStates, states, inPlace);
      this.#remember({ shape, indices, batchOffset });
      return withStates(answer, outputs, result) as R;
    } finally {
      at.release?.();
    }
  }

  /**
   * The exact gradient of {@link forward}: the retained rows of `outGrad` go through the layer's own backward, and the
   * others stay as they are. With `inPlace` only K rows are moved.
   *
   * @param outGrad The gradient of the hidden states that forward gave, of their shape. With `outputs` an array: the
   *   gradients of all outputs.
   * @param options See {@link BackwardOptions}.
   * @returns The gradient of `hiddenStates`, of the same shape; `outGrad` itself with `inPlace`. With `outputs` an array:
   *   the gradients of the arguments of these names.
   * @throws TypeError where the layer has no backward or there was no forward call; RangeError where shapes don't fit.
   * @example
   * hiddenGrad = layer.backward(hiddenGrad, { inPlace: true });
   */
  backward(outGrad: T, options?: BackwardOptions): T;
  backward(outGrad: readonly unknown[], options?: BackwardOptions): readonly unknown[];
  backward(given: LayerGradient<T>, options: BackwardOptions = {}): LayerGradient<T> {
    const ops = this.#ops;
    const layer = this.randomLTDLayer;
    const { outputs } = this.#carriage;
    if (typeof layer.backward !== "function") wrongType("layer", "a layer with a backward", layer);
    checkElements("outGrad", given, outputs);
    const outGrad = outputs === undefined ? given : statesOf(given, outputs);
    if (!ops.isTensor(outGrad)) wrongType("outGrad", "a tensor", outGrad);
    checkOptions(options, CALL_NAMES);
    const { batchOffset, encoder, inPlace = false } = options;
    checkBoolean("inPlace", inPlace);
    if (isTensor(outGrad)) checkEncoder(encoder, outGrad);
    const { shape, indices } = this.#recall(batchOffset);
    checkShapeOf(
      "outGrad",
      ops.shapeOf(outGrad, "outGrad"),
      shape,
      `shape [${shape}], as forward's hiddenStates`,
    );
    if (indices === null) {
      const grads = layer.backward(given, options);
      checkElements("layer", grads, outputs, this.#whose("backward"));
      return grads;
    }

    const batchFirst = this.#batchFirst;
    const seqLength = shape[batchFirst ? 1 : 0];
    const at = ops.at(indices, { seqLength, batchFirst, encoder });
    try {
      const part = at.gather(outGrad);
      const expected = this.#formOf(part);
      const answer = layer.backward(this.#carriage.gradsBefore(given, part, at) as LayerGradient<T>, options);
      checkElements("layer", answer, outputs, this.#whose("backward"));
      const states = outputs === undefined ? answer : statesOf(answer, outputs);
      const partGrad = this.#checkPart("backward", states, expected);
      const result = at.scatter(outGrad, partGrad, inPlace);
      return this.#carriage.gradsAfter(given, answer, result, at) as LayerGradient<T>;
    } finally {
      at.release?.();
    }
  }

  /** The caller's own indices, checked against the batch and K. */
  #given(indicesOf: (layerOrdinal: number) => unknown, batch: number, retained: number): T {
    if (typeof indicesOf !== "function")
      wrongType("indicesOf", "a function of the layer's ordinal", indicesOf);
    const indices = indicesOf(this.layerOrdinal);
    const whose = `for random-LTD layer ${this.layerOrdinal}`;
    // The library's CPU tensors serve every framework.
    const own = isTensor(indices);
    if (!own && !this.#ops.isTensor(indices)) wrongType("indicesOf", `a tensor ${whose}`, indices);
    const shape = own
      ? checkTensor("indicesOf", indices).shape
      : this.#ops.shapeOf(indices as T, "indicesOf");
    checkShapeOf("indicesOf", shape, [batch, retained], `shape [${[batch, retained]}] ${whose}`);
    return indices as T;
  }

  #remember(call: Call<T>): void {
    if (this.randomLTDLayer.backward === undefined) return;
    if (!this.#training) {
      this.#lastOfEvaluation = call;
      return;
    }
    const { step } = this.#scheduler;
    if (step !== this.#callsStep) this.#calls.clear();
    this.#callsStep = step;
    this.#last = call;
    this.#calls.set(call.batchOffset, call);
  }

  #recall(batchOffset: number | undefined): Call<T> {
    // Backward belongs to training, even if an evaluation came between.
    const last = this.#last ?? this.#lastOfEvaluation;
    if (last === undefined) wrongType("outGrad", "a forward call before backward", undefined, "none");
    if (batchOffset === undefined) return last;
    checkInteger("batchOffset", batchOffset, 0, 2 ** 32 - 1);
    if (batchOffset === last.batchOffset) return last;
    const call = this.#calls.get(batchOffset);
    if (!call) wrongValue("batchOffset", "that of a forward call of this step", batchOffset);
    return call;
  }

  /** What the layer's answer to `part` must be. Every framework's tensors say their dtype alike. */
  #formOf(part: T): Form {
    return { shape: [...this.#ops.shapeOf(part, "layer")], dtype: (part as Partial<Form>).dtype };
  }

  /** Throws unless the layer's output for the retained tokens has their shape and dtype. */
  #checkPart(method: string, value: unknown, { shape, dtype }: Form): T {
    const whose = this.#whose(method);
    if (!this.#ops.isTensor(value)) {
      const either = method === "forward" && this.#carriage.outputs === undefined;
      wrongType("layer", `a tensor${either ? ", or an array that begins with one," : ""} ${whose}`, value);
    }
    const found = this.#formOf(value);
    checkShapeOf("layer", found.shape, shape, `shape [${shape}], that of its input, ${whose}`);
    if (found.dtype !== dtype) {
      wrongType("layer", `dtype ${dtype}, that of its input, ${whose}`, value, String(found.dtype));
    }
    return value;
  }

  #whose(method: string): string {
    return `from ${method} of random-LTD layer ${this.layerOrdinal}`;
  }
}

/** Shape and dtype of a tensor. */
interface Form {
  readonly shape: readonly number[];
  readonly dtype: unknown;
}

function checkRatio(name: string, value: unknown): number {
  if (typeof value !== "number") wrongType(name, "a number from 0 to below 1", value);
  if (!(value >= 0 && value < 1)) wrongValue(name, "a number from 0 to below 1", value);
  return value;
}

function ratioAt(ratio: DropRatio, step: number): number {
  return typeof ratio === "function" ? checkRatio(`dropRatio(${step})`, ratio(step)) : ratio;
}

function checkShapeOf(name: string, shape: readonly number[], wanted: readonly number[], expected: string) {
  if (shape.length !== wanted.length || shape.some((length, i) => length !== wanted[i])) {
    wrongValue(name, expected, shape, `[${shape}]`);
  }
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

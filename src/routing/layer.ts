import { checkInteger, checkObject, checkOptions, MAX, wrongType, wrongValue } from "../check.ts";
import { checkTokenMask, mostForced, sampleIndices } from "../sampling.ts";
import { layerOf } from "../tensor.ts";
import type { CPUTensor, Tensor } from "../types.ts";
import { checkAnswer, checkShapeOf, formOf, givenIndices } from "./answers.ts";
import { type Call, Calls } from "./calls.ts";
import { checkOps, type FrameworkOps } from "./framework-ops.ts";
import { checkKwargs, gatherKwargs, type KwargsPlan, planOf } from "./kwargs.ts";
import {
  checkKeeping,
  checkLayer,
  checkRatio,
  checkScheduler,
  checkSizes,
  checkWriting,
  type DropRatio,
  type RandomLayerTokenDropOptions,
  ratioAt,
  WRAPPER_NAMES,
} from "./layer-options.ts";
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
  readonly #keepPrefix: number;
  readonly #raiseToKept: boolean;
  readonly #dropRatio: DropRatio | undefined;
  #training = true;
  readonly #calls: Calls<T> = new Calls();

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
    this.layerOrdinal = checkInteger("layerOrdinal", layerOrdinal, 0, MAX.uint32);
    checkOptions(options, WRAPPER_NAMES);
    const { ops = this.defaultOps, alongSequence = [], dropRatio } = options;
    const { keepPrefix, raiseToKept } = checkKeeping(options);
    this.#ops = checkOps(ops);
    this.#keepPrefix = keepPrefix;
    const outputs = checkOutputs(options.outputs);
    const carried = carriedNames(outputs);
    this.#plan = planOf(scheduler.config, { alongSequence, maskMode: options.maskMode, keepPrefix, carried });
    this.#carriage = new Carriage(outputs, this.#plan, this.#ops);
    this.#raiseToKept = raiseToKept;
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
    checkSizes(batchSize, seqLength, options);
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
    checkSizes(batchSize, seqLength, options);
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
    const [batch, seq] = this.#plan.batchFirst ? shape : [shape[1], shape[0]];
    const { batchOffset = 0, encoder, inPlace = false } = options;
    checkInteger("batchOffset", batchOffset, 0, MAX.uint32 + 1 - batch);
    checkWriting(ops, hiddenStates, inPlace, encoder);
    const retained = this.#reservedLength(batch, seq, options.keepMask);
    const dropping = retained < seq;
    if (dropping) checkKwargs(kwargs, this.#plan, ops, { batch, seq, retained });
    const indices =
      dropping && options.indicesOf !== undefined
        ? givenIndices(ops, options.indicesOf, this.layerOrdinal, [batch, retained])
        : this.#draw(retained, batch, seq, options);
    const { outputs } = this.#carriage;
    if (indices === null) {
      const output = this.randomLTDLayer.forward(hiddenStates, kwargs, options);
      checkElements("layer", output, outputs, this.#whose("forward"));
      this.#remember({ shape, indices, batchOffset });
      return output;
    }
    const at = ops.at(indices, { seqLength: seq, batchFirst: this.#plan.batchFirst, encoder });
    try {
      const before = this.#carriage.before(kwargs);
      const gathered = gatherKwargs(kwargs, this.#plan, ops, at);
      const carried = this.#carriage.during(before, gathered);
      const part = at.gather(hiddenStates);
      const expected = formOf(ops, part);
      const output = this.randomLTDLayer.forward(part, gathered, options);
      checkElements("layer", output, outputs, this.#whose("forward"));
      const states = checkAnswer(
        ops,
        statesOf(output, outputs),
        expected,
        this.#whose("forward"),
        outputs === undefined,
      );
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
    checkWriting(ops, outGrad, inPlace, encoder);
    const { shape, indices } = this.#calls.recall(batchOffset);
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

    const batchFirst = this.#plan.batchFirst;
    const seqLength = shape[batchFirst ? 1 : 0];
    const at = ops.at(indices, { seqLength, batchFirst, encoder });
    try {
      const part = at.gather(outGrad);
      const expected = formOf(ops, part);
      const answer = layer.backward(this.#carriage.gradsBefore(given, part, at) as LayerGradient<T>, options);
      checkElements("layer", answer, outputs, this.#whose("backward"));
      const states = outputs === undefined ? answer : statesOf(answer, outputs);
      const partGrad = checkAnswer(ops, states, expected, this.#whose("backward"), false);
      const result = at.scatter(outGrad, partGrad, inPlace);
      return this.#carriage.gradsAfter(given, answer, result, at) as LayerGradient<T>;
    } finally {
      at.release?.();
    }
  }

  #remember(call: Call<T>): void {
    if (this.randomLTDLayer.backward === undefined) return;
    this.#calls.remember(call, this.#training ? this.#scheduler.step : undefined);
  }

  #whose(method: string): string {
    return `from ${method} of random-LTD layer ${this.layerOrdinal}`;
  }
}

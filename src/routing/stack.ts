import { checkInteger, checkList, checkObject, checkOptions, isArray, MAX, wrongType } from "../check.ts";
import type { CPUTensor, Tensor } from "../types.ts";
import { mapTensors } from "./along/nested.ts";
import type { FrameworkOps } from "./framework-ops.ts";
import { TokenDropLayer } from "./layer.ts";
import { checkLayer } from "./layer-options.ts";
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
import {
  carriedNames,
  carryOn,
  checkElements,
  checkOutputs,
  gatherUp,
  type Outputs,
  statesOf,
} from "./outputs.ts";

/**
 * A sequence of layers that is itself a layer: what `convertToRandomLTD` returns, and what is inside a route.
 *
 * @example
 * const stack = convertToRandomLTD(blocks, scheduler);
 * hidden = stack.forward(hidden, { attention_mask: mask });
 * hiddenGrad = stack.backward(hiddenGrad, { inPlace: true });
 */
export class LayerStack<T = Tensor, R extends LayerOutput<T> = LayerOutput<T>> implements LayerObject<T, R> {
  /** The layers, each with a `forward`: wrapped ones, routes, and the plain ones as they are. */
  readonly layers: readonly LayerObject<T, R>[];
  readonly #ops: FrameworkOps<T>;
  readonly #outputs: Outputs;

  /**
   * @param layers In the order in which they run.
   * @param ops The token operations of the tensors at hand.
   * @param options `outputs`, as {@link RandomLayerTokenDropOptions} have it: every layer answers with these.
   * @throws TypeError where an element is no layer; TypeError, RangeError where `outputs` are not names.
   * @example
   * const stack = new LayerStack([first, second], tensorOps);
   */
  constructor(
    layers: readonly Layer<T, R>[],
    ops: FrameworkOps<T>,
    options: { readonly outputs?: readonly string[] } = {},
  ) {
    this.layers = layers.map((layer) => checkLayer("layers", layer));
    this.#ops = ops;
    this.#outputs = checkOutputs(options.outputs);
  }

  /**
   * Runs the layers in order, each with the same keyword arguments.
   *
   * @param hiddenStates As {@link TokenDropLayer.forward} takes them.
   * @param kwargs What every layer takes beside them, by name.
   * @param options See {@link ForwardOptions}.
   * @returns The last layer's hidden states; if a layer answers with an array, an array of them and of what all the
   *   layers answered beside theirs, in order. With `outputs`, what the last layer answers.
   * @throws What the layers throw; TypeError, RangeError where an answer has not the elements that `outputs` names.
   * @example
   * hidden = stack.forward(hidden, { attention_mask: mask });
   */
  forward(hiddenStates: T, kwargs: Kwargs = {}, options: ForwardOptions = {}): R {
    checkObject("kwargs", kwargs);
    checkOptions(options, CALL_NAMES);
    if (this.#outputs !== undefined) return this.#carrying(hiddenStates, kwargs, options, this.#outputs) as R;
    let hidden = hiddenStates;
    let rest: unknown[] | undefined;
    this.layers.forEach((layer, i) => {
      const last = i === this.layers.length - 1;
      const output = layer.forward(hidden, last ? kwargs : this.#retained(kwargs), options);
      if (!isArray(output)) {
        hidden = output as T;
        return;
      }
      const [states, ...others] = checkList("layer", "an array that begins with the states", output);
      rest = [...(rest ?? []), ...others];
      hidden = states as T;
    });
    return (rest === undefined ? hidden : [hidden, ...rest]) as R;
  }

  /** Runs the layers in order. What each returns beside the states is an argument of the next. */
  #carrying(states: T, given: Kwargs, options: ForwardOptions, outputs: readonly string[]): unknown[] {
    let hidden = states;
    let kwargs = given;
    const names = carriedNames(outputs);
    for (const [i, layer] of this.layers.entries()) {
      const last = i === this.layers.length - 1;
      const output = layer.forward(hidden, last ? kwargs : this.#retained(kwargs, names), options);
      checkElements("layer", output, outputs, `from forward of layer ${i}`);
      const next = statesOf(output, outputs);
      if (!this.#ops.isTensor(next)) wrongType("layer", `a tensor as hiddenStates of layer ${i}`, next);
      hidden = next;
      kwargs = carryOn(kwargs, output, outputs);
    }
    return gatherUp(hidden, kwargs, outputs);
  }

  /**
   * The positions that every random-LTD layer would retain now in a forward call with these sizes. Upload them
   * together, or pass them to a compiled step; `forward` takes them back as `indicesOf`.
   *
   * @param batchSize B, rows at hand.
   * @param seqLength S.
   * @param options `batchOffset`, `keepMask` and `paddingMask` as in {@link forward}.
   * @returns int32 `[B,K]` by layer ordinal; no entry for layers that drop nothing now.
   * @throws TypeError, RangeError as `bertSampleTokens` does.
   * @example
   * const indices = stack.sample(8, 1024);
   * hidden = stack.forward(hidden, {}, { indicesOf: (ordinal) => indices.get(ordinal) });
   */
  sample(
    batchSize: number,
    seqLength: number,
    options: ForwardOptions = {},
  ): Map<number, CPUTensor<Int32Array>> {
    checkOptions(options, CALL_NAMES);
    const all = new Map<number, CPUTensor<Int32Array>>();
    for (const layer of this.layers) {
      if (!(layer instanceof TokenDropLayer)) continue;
      const indices = layer.sample(batchSize, seqLength, options);
      if (indices !== null) all.set(layer.layerOrdinal, indices);
    }
    return all;
  }

  /**
   * The layer-tokens of a forward pass with these sizes now, in training or in evaluation, over all layers and routes.
   * Where routes have drop ratios, count these for {@link LayerTokenLRSchedule}.
   *
   * @param batchSize B, rows at hand.
   * @param seqLength S.
   * @param options `keepMask` as in {@link forward}, which counts with `raiseToKept`.
   * @throws TypeError, RangeError where an argument is of the wrong kind or value.
   * @example
   * consumed += stack.layerTokens(globalBatchSize, seqLength);
   */
  layerTokens(batchSize: number, seqLength: number, options: ForwardOptions = {}): number {
    checkInteger("batchSize", batchSize, 1, MAX.uint32 + 1);
    checkInteger("seqLength", seqLength, 1, Number.MAX_SAFE_INTEGER);
    checkOptions(options, CALL_NAMES);
    const tokensOf = (layer: LayerObject<T, R>) =>
      layer instanceof TokenDropLayer
        ? layer.layerTokens(batchSize, seqLength, options)
        : (layer.layerTokens?.(batchSize, seqLength) ?? batchSize * seqLength);
    return this.layers.reduce((sum, layer) => sum + tokensOf(layer), 0);
  }

  /** The same arguments for one more use, where each use consumes a reference. Not `names`, which are used once. */
  #retained(kwargs: Kwargs, names: readonly string[] = []): Kwargs {
    const ops = this.#ops;
    if (!ops.retain) return kwargs;
    const again = (value: unknown) => mapTensors(value, ops.isTensor, (tensor) => ops.retain!(tensor));
    const entries = Object.entries(kwargs);
    return Object.fromEntries(
      entries.map(([name, value]) => [name, names.includes(name) ? value : again(value)]),
    );
  }

  /**
   * The gradient of {@link forward}: the layers' backward, from the last to the first.
   *
   * @param outGrad The gradient of the hidden states that forward gave; with `outputs` an array, that of all of them.
   * @param options See {@link BackwardOptions}; with `inPlace` every layer may write into the gradient that it gets.
   * @returns The gradient of `hiddenStates`; with `outputs` an array, that of the arguments of these names.
   * @throws TypeError where a layer has no backward; and what the layers throw.
   * @example
   * hiddenGrad = stack.backward(hiddenGrad, { inPlace: true });
   */
  backward(outGrad: T, options?: BackwardOptions): T;
  backward(outGrad: readonly unknown[], options?: BackwardOptions): readonly unknown[];
  backward(outGrad: LayerGradient<T>, options: BackwardOptions = {}): LayerGradient<T> {
    checkOptions(options, CALL_NAMES);
    for (const [i, layer] of this.layers.entries()) {
      if (typeof layer.backward !== "function") {
        wrongType("layers", "layers with a backward", layer, `none at ${i}`);
      }
    }
    checkElements("outGrad", outGrad, this.#outputs);
    return this.layers.reduceRight((grad, layer, i) => {
      const before = layer.backward!(grad, options);
      checkElements("layer", before, this.#outputs, `from backward of layer ${i}`);
      return before;
    }, outGrad);
  }

  /**
   * Drops tokens from now on, in every layer that does.
   *
   * @example
   * stack.train();
   */
  train(): void {
    for (const layer of this.layers) layer.train?.();
  }

  /**
   * Drops nothing from now on.
   *
   * @example
   * stack.eval();
   */
  eval(): void {
    for (const layer of this.layers) layer.eval?.();
  }
}

import { checkInteger, checkObject, wrongType } from "../check.ts";
import type { CPUTensor, Tensor } from "../types.ts";
import { mapTensors } from "./along/nested.ts";
import type { FrameworkOps } from "./framework-ops.ts";
import { checkLayer, RandomLayerTokenDrop } from "./layer.ts";
import type {
  BackwardOptions,
  ForwardOptions,
  Kwargs,
  Layer,
  LayerObject,
  LayerOutput,
} from "./layer-types.ts";

/**
 * Layers one after another, as a layer: what `convertToRandomLTD` gives, and what lies inside a route.
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

  /**
   * @param layers In the order in which they run.
   * @param ops The token operations of the tensors at hand.
   * @throws TypeError where an element is no layer.
   * @example
   * const stack = new LayerStack([first, second], tensorOps);
   */
  constructor(layers: readonly Layer<T, R>[], ops: FrameworkOps<T>) {
    this.layers = layers.map((layer) => checkLayer("layers", layer));
    this.#ops = ops;
  }

  /**
   * Runs the layers in order, each with the same keyword arguments.
   *
   * @param hiddenStates As {@link RandomLayerTokenDrop.forward} takes them.
   * @param kwargs What every layer takes beside them, by name.
   * @param options See {@link ForwardOptions}.
   * @returns The last layer's hidden states; if a layer answers with an array, an array of them and of what all the
   *   layers answered beside theirs, in order.
   * @throws What the layers throw.
   * @example
   * hidden = stack.forward(hidden, { attention_mask: mask });
   */
  forward(hiddenStates: T, kwargs: Kwargs = {}, options: ForwardOptions = {}): R {
    checkObject("kwargs", kwargs);
    let hidden = hiddenStates;
    let rest: unknown[] | undefined;
    this.layers.forEach((layer, i) => {
      const last = i === this.layers.length - 1;
      const output = layer.forward(hidden, last ? kwargs : this.#retained(kwargs), options);
      if (Array.isArray(output)) rest = [...(rest ?? []), ...output.slice(1)];
      hidden = Array.isArray(output) ? output[0] : output;
    });
    return (rest === undefined ? hidden : [hidden, ...rest]) as R;
  }

  /**
   * The positions that every random-LTD layer retains in a forward call with these sizes now: to be put on the GPU at
   * once, or handed to a compiled step, and given back as `indicesOf`.
   *
   * @param batchSize B, rows at hand.
   * @param seqLength S.
   * @param options `batchOffset`, `keepMask` and `paddingMask` as in {@link forward}.
   * @returns int32 `[B,K]` by layer ordinal; nothing for layers that pass straight through.
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
    const all = new Map<number, CPUTensor<Int32Array>>();
    for (const layer of this.layers) {
      if (!(layer instanceof RandomLayerTokenDrop)) continue;
      const indices = layer.sample(batchSize, seqLength, options);
      if (indices !== null) all.set(layer.layerOrdinal, indices);
    }
    return all;
  }

  /**
   * Layer-tokens: the tokens that a forward pass of these sizes works on now, in training and in evaluation, all layers
   * and routes counted. What {@link LayerTokenLRSchedule} consumes, where routes have ratios of their own.
   *
   * @param batchSize B, rows at hand.
   * @param seqLength S.
   * @param options `keepMask` as in {@link forward}, which counts with `raiseToKept`.
   * @throws TypeError, RangeError where an argument is of the wrong kind or value.
   * @example
   * consumed += stack.layerTokens(globalBatchSize, seqLength);
   */
  layerTokens(batchSize: number, seqLength: number, options: ForwardOptions = {}): number {
    checkInteger("batchSize", batchSize, 1, 2 ** 32);
    checkInteger("seqLength", seqLength, 1, Number.MAX_SAFE_INTEGER);
    const tokensOf = (layer: LayerObject<T, R>) =>
      layer instanceof RandomLayerTokenDrop
        ? layer.layerTokens(batchSize, seqLength, options)
        : (layer.layerTokens?.(batchSize, seqLength) ?? batchSize * seqLength);
    return this.layers.reduce((sum, layer) => sum + tokensOf(layer), 0);
  }

  /** The same arguments for one more use, where use consumes a reference. */
  #retained(kwargs: Kwargs): Kwargs {
    const ops = this.#ops;
    if (!ops.retain) return kwargs;
    const again = (value: unknown) => mapTensors(value, ops.isTensor, (tensor) => ops.retain!(tensor));
    return Object.fromEntries(Object.entries(kwargs).map(([name, value]) => [name, again(value)]));
  }

  /**
   * The gradient of {@link forward}: the layers' backward, from the last to the first.
   *
   * @param outGrad The gradient of the hidden states that forward gave.
   * @param options See {@link BackwardOptions}; with `inPlace` every layer may write into the gradient that it gets.
   * @returns The gradient of `hiddenStates`.
   * @throws TypeError where a layer has no backward; and what the layers throw.
   * @example
   * hiddenGrad = stack.backward(hiddenGrad, { inPlace: true });
   */
  backward(outGrad: T, options: BackwardOptions = {}): T {
    for (const [i, layer] of this.layers.entries()) {
      if (typeof layer.backward !== "function") {
        wrongType("layers", "layers with a backward", layer, `none at ${i}`);
      }
    }
    return this.layers.reduceRight((grad, layer) => layer.backward!(grad, options), outGrad);
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
   * Passes every token on from now on.
   *
   * @example
   * stack.eval();
   */
  eval(): void {
    for (const layer of this.layers) layer.eval?.();
  }
}

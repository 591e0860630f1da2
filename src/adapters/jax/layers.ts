/** Layers of jax-js arrays with backward passes of their own, so that tokens move by gathers in both directions. */
import { numpy as np, tree } from "@jax-js/jax";
import { checkOptions, wrongType } from "../../check.ts";
import {
  type BackwardOptions,
  CALL_NAMES,
  type ForwardOptions,
  type Kwargs,
  type LayerGradient,
  type LayerObject,
  type LayerOutput,
} from "../../routing/layer-types.ts";
import { checkElements, checkOutputs, type Outputs, statesOf } from "../../routing/outputs.ts";
import { checkArray } from "./arrays.ts";
import { type Pullback, pullback, pullStreams, type Weights } from "./pullback.ts";
import { type TokenRoute, takeRows } from "./routes.ts";
import { checkRoute, checkStates, putBack } from "./tokens.ts";

/**
 * A layer under random-LTD for models written out as functions: `h -> scatter(h, layer(gather(h)))` and its gradient,
 * which gathers the retained rows of the output's gradient, pulls them through the layer, and puts them back among the
 * rest: K rows moved each way and no scatter-add, which jax-js's WASM backend interprets (the contract's section 3).
 *
 * @param layer `(weights, hidden, ...rest) => hidden`, `[B,K,C]` to the same shape, of jax-js functions. Differentiated
 *   for `weights` and `hidden`; `rest` (rotary tables, masks) is handed over as it is.
 * @returns `(weights, hidden, route, ...rest) => [hidden, pull]`, for use inside `jit` or outside. All arguments are
 *   taken over; a `route` of null runs the layer on every token. What it throws: TypeError where `hidden`, `route` or
 *   the layer's answer is no array of jax-js or of another dtype, RangeError where shapes don't fit, such as those of a
 *   layer that changes the length.
 * @throws TypeError where `layer` is no function.
 * @example
 * const wrapped = randomLTDLayer(block);
 * const [out, pull] = wrapped(weights, hidden, route, np.take(cos, route.indices.ref, 0));
 * const [weightsGrad, hiddenGrad] = pull(outGrad);
 */
export function randomLTDLayer<W extends Weights, Rest extends unknown[] = []>(
  layer: (weights: W, hidden: np.Array, ...rest: Rest) => np.Array,
): (weights: W, hidden: np.Array, route: TokenRoute | null, ...rest: Rest) => [np.Array, Pullback<W>] {
  if (typeof layer !== "function") wrongType("layer", "a function", layer);
  return (weights, hidden, route, ...rest) => {
    checkArray("hidden", hidden);
    if (route !== null) checkStates("hidden", hidden, checkRoute("route", route).retained.shape);
    const part = route === null ? hidden : takeRows(hidden.ref, route.rows.ref);
    const [answer, pullPart] = pullback((w: W, h) => layer(w, h, ...rest), weights, part);
    if (route === null) return [answer, pullPart];

    const pull = (outGrad: np.Array): [W, np.Array] => {
      checkStates("outGrad", outGrad, route.retained.shape);
      const [weightsGrad, partGrad] = pullPart(takeRows(outGrad.ref, route.rows.ref));
      const hiddenGrad = putBack(outGrad, partGrad, route);
      tree.dispose(route);
      return [weightsGrad, hiddenGrad];
    };
    pull.dispose = () => {
      pullPart.dispose();
      tree.dispose(route);
    };
    return [putBack(hidden, answer, route), pull];
  };
}

/** A forward call of a {@link JaxLayer} whose backward is still to come. */
interface Call<W extends Weights> {
  readonly batchOffset: number;
  readonly pull: Pullback<W, any>;
}

/**
 * A layer with weights and its own backward, for `RandomLayerTokenDrop` and `convertToRandomLTD` to wrap. Their
 * `backward` then moves tokens by gathers only, where `grad` over a wrapped model has a scatter-add for each layer.
 *
 * The weights are set for each step, so that a compiled step can take them among its arguments.
 *
 * A layer of several streams names what it returns by `outputs`, as the wrapper's option does: its `backward` then takes
 * an array of the gradients of these, and gives one of those of the arguments of these names.
 *
 * @example
 * const layers = Array.from({ length: 6 }, () => new JaxLayer(block));
 * const stack = convertToRandomLTD(layers, scheduler, { ops: jaxOps });
 * layers.forEach((layer, i) => layer.setWeights(weights[i]));
 * hidden = stack.forward(hidden);
 * hiddenGrad = stack.backward(hiddenGrad);
 * const grads = layers.map((layer) => layer.takeGrads());
 */
export class JaxLayer<W extends Weights, R extends LayerOutput<np.Array> = np.Array>
  implements LayerObject<np.Array, R>
{
  readonly #layer: (weights: W, hidden: np.Array, kwargs: Kwargs) => R;
  readonly #outputs: Outputs;
  #weights: W | undefined;
  #grads: W | undefined;
  #calls: Call<W>[] = [];
  #training = true;

  /**
   * @param layer `(weights, hidden, kwargs) => hidden`, `[B,K,C]` to the same shape, of jax-js functions: it consumes its
   *   arguments. Differentiated for `weights` and `hidden`, not for what `kwargs` holds.
   * @param options `outputs`, as `RandomLayerTokenDropOptions` has it: the names of the elements of the array that `layer`
   *   then returns, `hiddenStates` among them. It is differentiated for the keyword arguments of these names, too.
   * @throws TypeError where `layer` is no function; TypeError, RangeError where `outputs` are not names.
   * @example
   * const layer = new JaxLayer((w, h) => h.ref.add(np.tanh(np.matmul(h, w))));
   */
  constructor(
    layer: (weights: W, hidden: np.Array, kwargs: Kwargs) => R,
    options: { readonly outputs?: readonly string[] | undefined } = {},
  ) {
    if (typeof layer !== "function") wrongType("layer", "a function", layer);
    checkOptions(options, ["outputs"]);
    this.#layer = layer;
    this.#outputs = checkOutputs(options.outputs);
  }

  /**
   * Sets the weights for the next forward calls, and frees what earlier calls left behind: their weights, gradients
   * that were not taken, and forward calls without a backward.
   *
   * @param weights An array, or arrays in objects and lists. Taken over.
   * @throws TypeError where `weights` is missing.
   * @example
   * layer.setWeights(tree.ref(weights[0]));
   */
  setWeights(weights: W): void {
    if (weights === undefined || weights === null)
      wrongType("weights", "an array, or a tree of arrays", weights);
    this.dispose();
    this.#weights = weights;
  }

  /**
   * Runs the layer. In training, it saves what its backward needs.
   *
   * @param hiddenStates `[B,K,C]`. Taken over.
   * @param kwargs What the layer takes beside them. Taken over.
   * @param options `batchOffset` tells micro-batches apart.
   * @returns `[B,K,C]`; with `outputs` the array that the layer answers with.
   * @throws TypeError where `hiddenStates` or the layer's answer is no array, or no weights were set; RangeError where
   *   the layer changes the shape, or the answer has not the elements that `outputs` names.
   * @example
   * hidden = layer.forward(hidden, { mask });
   */
  forward(hiddenStates: np.Array, kwargs: Kwargs = {}, options: ForwardOptions = {}): R {
    checkArray("hiddenStates", hiddenStates);
    checkOptions(options, CALL_NAMES);
    const weights = this.#weights;
    if (weights === undefined)
      wrongType("weights", "weights, by setWeights, before forward", weights, "none");
    const used = tree.ref(weights as never) as W;
    if (!this.#training) return this.#layer(used, hiddenStates, kwargs);
    const outputs = this.#outputs;
    const [answer, pull]: [unknown, Pullback<W, any>] =
      outputs === undefined
        ? pullback((w: W, h) => this.#layer(w, h, kwargs) as np.Array, used, hiddenStates)
        : pullStreams(this.#layer, used, hiddenStates, kwargs, outputs);
    this.#calls.push({ batchOffset: options.batchOffset ?? 0, pull });
    return answer as R;
  }

  /**
   * Pulls a gradient through the last forward call, or the last with this `batchOffset`, and adds the gradient of the
   * weights to what {@link takeGrads} gives. Each forward call has one backward.
   *
   * @param outGrad The gradient of forward's answer, of its shape. Taken over. With `outputs` an array of one for each,
   *   null for one that has no gradient or whose gradient is zero.
   * @param options `batchOffset` as forward had it.
   * @returns The gradient of `hiddenStates`. With `outputs` an array of the gradients of the arguments of these names:
   *   null for one that is no array of floats, and for one that the layer returned as it got it where `outGrad` has null.
   * @throws TypeError where there was no such forward call, or a gradient is none.
   * @example
   * hiddenGrad = layer.backward(hiddenGrad);
   */
  backward(outGrad: np.Array, options?: BackwardOptions): np.Array;
  backward(outGrad: readonly unknown[], options?: BackwardOptions): readonly unknown[];
  backward(outGrad: LayerGradient<np.Array>, options: BackwardOptions = {}): LayerGradient<np.Array> {
    checkElements("outGrad", outGrad, this.#outputs);
    checkArray("outGrad", this.#outputs === undefined ? outGrad : statesOf(outGrad, this.#outputs));
    checkOptions(options, CALL_NAMES);
    const { batchOffset } = options;
    const at = this.#calls.findLastIndex(
      (call) => batchOffset === undefined || call.batchOffset === batchOffset,
    );
    if (at < 0) wrongType("outGrad", "a forward call in training before each backward", undefined, "none");
    const [{ pull }] = this.#calls.splice(at, 1);
    const [grads, hiddenGrad] = pull(outGrad);
    const before = this.#grads;
    this.#grads =
      before === undefined ? grads : (tree.map(np.add as never, before as never, grads as never) as W);
    return hiddenGrad;
  }

  /**
   * Ends a step: gives the gradient of the weights, summed over the backward calls since they were set, and frees the
   * rest.
   *
   * @returns A tree like the weights, which the caller owns.
   * @throws TypeError where there was no backward call.
   * @example
   * const grads = layer.takeGrads();
   */
  takeGrads(): W {
    const grads = this.#grads;
    if (grads === undefined) wrongType("grads", "a backward call before takeGrads", grads, "none");
    this.#grads = undefined;
    this.dispose();
    return grads;
  }

  /**
   * Keeps what backward needs from now on.
   *
   * @example
   * layer.train();
   */
  train(): void {
    this.#training = true;
  }

  /**
   * Keeps nothing from now on: forward calls have no backward.
   *
   * @example
   * layer.eval();
   */
  eval(): void {
    this.#training = false;
  }

  /**
   * Frees all that the layer holds.
   *
   * @example
   * layer.dispose();
   */
  dispose(): void {
    for (const { pull } of this.#calls) pull.dispose();
    tree.dispose([this.#weights, this.#grads] as never);
    this.#calls = [];
    this.#weights = undefined;
    this.#grads = undefined;
  }
}

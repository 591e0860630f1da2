/** Random-LTD as a layer of `tf.layers`. */
import { serialization, type Tensor, tidy } from "@tensorflow/tfjs-core";
import { checkObject, checkOptions, wrongType } from "../../check.ts";
import type { AlongSequence } from "../../routing/framework-ops.ts";
import { TokenDropLayer } from "../../routing/layer.ts";
import { checkElements, checkOutputs } from "../../routing/outputs.ts";
import type { RandomLTDScheduler } from "../../routing/scheduler.ts";
import type { MaskMode } from "../../sampling.ts";
import { tfjsOps } from "./ops.ts";

/** A layer of `tf.layers`, as far as it is used here. A model is one, too. */
export interface TFLayer {
  name: string;
  built: boolean;
  trainable: boolean;
  readonly trainableWeights: unknown[];
  readonly nonTrainableWeights: unknown[];
  /** As TF.js has it, and so are those below. */
  apply(inputs: any, kwargs?: any): any;
  /** Makes the weights. */
  build(inputShape: any): void;
  /** The weights' values. */
  getWeights(trainableOnly?: boolean): Tensor[];
  /** Takes values for the weights. */
  setWeights(weights: Tensor[]): void;
  /** The shapes of what it answers with. */
  computeOutputShape(inputShape: any): any;
  /** The name under which a saved model finds the class. */
  getClassName(): string;
  /** What a saved model keeps of the layer. */
  getConfig(): any;
}

/** What a {@link RandomLTDLayer} is made with. */
export interface RandomLTDLayerArgs {
  /**
   * The layer to wrap: `[B,S,C] -> [B,S,C]`, for any S, or to several tensors with `outputs`. For a route over several, a
   * `tf.sequential` of them, its first one with `inputShape: [null, C]`, or a `tf.model`.
   */
  layer: TFLayer;
  /** Gives K, the step and the seed. Without one, as after loading a model, `scheduler` is set before training. */
  scheduler?: RandomLTDScheduler;
  /** This layer's place among the random-LTD layers, from 0. Default 0. */
  ordinal?: number;
  /** Names of the inputs after the hidden states, such as `model_mask_name`, in their order. Default none. */
  inputNames?: readonly string[];
  /** See `RandomLayerTokenDropOptions`. */
  maskMode?: MaskMode | "auto";
  /** See `RandomLayerTokenDropOptions`. */
  alongSequence?: readonly string[] | Readonly<Record<string, AlongSequence>>;
  /** See `RandomLayerTokenDropOptions`. */
  keepPrefix?: number;
  /** See `RandomLayerTokenDropOptions`. */
  raiseToKept?: boolean;
  /** See `RandomLayerTokenDropOptions`. Here a number alone: it is saved with the model. */
  dropRatio?: number;
  /**
   * The names of what the wrapped layer answers with, if that is several tensors: see `RandomLayerTokenDropOptions`. This
   * layer answers with as many, for the model to hand on to the next layer's inputs.
   */
  outputs?: readonly string[];
  /** As every layer of `tf.layers` takes it. */
  name?: string;
}

/** A layer of `tf.layers` around another: in training it works on K of the S tokens. */
export interface RandomLTDLayer {
  /** The wrapped layer. Its weights are this layer's, under their own names. */
  readonly layer: TFLayer;
  /** Gives K, the step and the seed. It may be replaced by another one. */
  scheduler: RandomLTDScheduler | undefined;
}

/** What is used of the base class. */
interface Base {
  built: boolean;
  build(inputShape: unknown): void;
  getConfig(): object;
}

type BaseClass = new (args: object) => Base;
type Made = new (args: RandomLTDLayerArgs) => Base & RandomLTDLayer;

/** One tensor or several, as inputs and, with `outputs`, as answers. */
type Tensors = Tensor | Tensor[];

/** What `getConfig` gives, beside the base class's own. */
interface Saved {
  layer: { className: string; config: object };
  options: { name: string };
}

const NAMES = [
  ...[
    "layer",
    "scheduler",
    "ordinal",
    "inputNames",
    "maskMode",
    "alongSequence",
    "keepPrefix",
    "raiseToKept",
    "dropRatio",
    "outputs",
    "name",
  ],
];
/** What the base class takes: `LayerArgs` of TF.js's src/engine/topology.ts. The last comes with loading. */
const BASE_NAMES = [
  ...[
    "inputShape",
    "batchInputShape",
    "batchSize",
    "dtype",
    "trainable",
    "weights",
    "inputDType",
    "customObjects",
  ],
];

/** Classes that were made before, by their base class. */
const classes = new WeakMap<BaseClass, Made>();

/**
 * The class of random-LTD layers, made from the base class of `tf.layers`: so this package needs no
 * `@tensorflow/tfjs-layers` of its own, and yours is the one that is used. It is registered as `RandomLTD`, for models
 * to be saved and loaded.
 *
 * Where TF.js says that it is training, the hidden states pass through `RandomLayerTokenDrop`; elsewhere they go to the
 * wrapped layer as they are. The first input is the hidden states, the others are named by `inputNames`.
 *
 * @param Layer `tf.layers.Layer`.
 * @returns A class whose instances are layers: {@link RandomLTDLayer}, made with {@link RandomLTDLayerArgs}. Always the
 *   same class for the same base.
 * @throws TypeError where `Layer` is no class. Constructor and layer throw as `RandomLayerTokenDrop` does; training
 *   without a scheduler is a TypeError.
 * @example
 * const RandomLTD = randomLTDLayer(tf.layers.Layer);
 * model.add(new RandomLTD({ layer: block, scheduler, ordinal: 0 }));
 */
export function randomLTDLayer<L extends abstract new (...args: any[]) => any>(
  Layer: L,
): new (
  args: RandomLTDLayerArgs,
) => InstanceType<L> & RandomLTDLayer;
export function randomLTDLayer(Layer: BaseClass): Made {
  if (typeof Layer !== "function") wrongType("Layer", "tf.layers.Layer", Layer);
  const before = classes.get(Layer);
  if (before !== undefined) return before;
  const made = derive(Layer);
  classes.set(Layer, made);
  serialization.registerClass(made);
  return made;
}

function derive(Layer: BaseClass) {
  return class RandomLTD extends Layer implements RandomLTDLayer {
    static readonly className: string = "RandomLTD";
    readonly layer: TFLayer;
    readonly #args: RandomLTDLayerArgs;
    #scheduler: RandomLTDScheduler | undefined;
    #wrapper: TokenDropLayer<Tensor, Tensors> | undefined;
    /** What TF.js called this layer with, for the wrapped one. */
    #kwargs: unknown;

    constructor(args: RandomLTDLayerArgs) {
      checkObject("args", args);
      checkOptions(args, [...NAMES, ...BASE_NAMES]);
      super(args);
      if (typeof args.layer?.apply !== "function") wrongType("layer", "a layer of tf.layers", args.layer);
      if (typeof args.dropRatio === "function") wrongType("dropRatio", "a number", args.dropRatio);
      checkOutputs(args.outputs);
      this.layer = args.layer;
      this.#args = args;
      this.scheduler = args.scheduler;
    }

    get scheduler(): RandomLTDScheduler | undefined {
      return this.#scheduler;
    }

    set scheduler(scheduler: RandomLTDScheduler | undefined) {
      this.#scheduler = scheduler;
      this.#wrapper = undefined;
      if (scheduler === undefined) return;
      const { ordinal = 0 } = this.#args;
      this.#wrapper = new TokenDropLayer<Tensor, Tensors>(
        (hidden, kwargs) => this.#inner([hidden, ...this.#names.map((name) => kwargs[name] as Tensor)]),
        scheduler,
        ordinal,
        { ops: tfjsOps, ...this.#options },
      );
    }

    /** The wrapper's options among the arguments. */
    get #options() {
      const { maskMode, alongSequence, keepPrefix, raiseToKept, dropRatio, outputs } = this.#args;
      return { maskMode, alongSequence, keepPrefix, raiseToKept, dropRatio, outputs };
    }

    get #names(): readonly string[] {
      return this.#args.inputNames ?? [];
    }

    #inner(inputs: Tensor[]): Tensors {
      const { outputs } = this.#args;
      const answer = this.layer.apply(inputs.length === 1 ? inputs[0] : inputs, this.#kwargs);
      if (outputs === undefined) return answer;
      const answers = Array.isArray(answer) ? answer : [answer];
      checkElements("layer", answers, outputs);
      return answers;
    }

    override build(inputShape: unknown): void {
      if (!this.layer.built) {
        this.layer.build(inputShape);
        this.layer.built = true;
      }
      super.build(inputShape);
    }

    call(inputs: Tensors, kwargs: { training?: boolean } = {}): Tensors {
      const [hidden, ...rest] = Array.isArray(inputs) ? inputs : [inputs];
      if (rest.length !== this.#names.length) {
        const inputs = `a name for each input after the hidden states, ${rest.length}`;
        wrongType("inputNames", inputs, this.#names);
      }
      this.#kwargs = kwargs;
      if (!kwargs.training) return this.#inner([hidden, ...rest]);
      const wrapper = this.#wrapper;
      if (wrapper === undefined) wrongType("scheduler", "a RandomLTDScheduler before training", undefined);
      const named = Object.fromEntries(this.#names.map((name, i) => [name, rest[i]]));
      return tidy(() => wrapper.forward(hidden, named));
    }

    computeOutputShape(inputShape: unknown): unknown {
      if (this.#args.outputs !== undefined) return this.layer.computeOutputShape(inputShape);
      const several = Array.isArray(inputShape) && Array.isArray(inputShape[0]);
      return several ? inputShape[0] : inputShape;
    }

    // The weights are the wrapped layer's, as in TF.js's own wrappers (its src/layers/wrappers.ts). Its base class
    // asks for them before the constructor has set `layer`.
    get trainable(): boolean {
      return this.layer?.trainable ?? true;
    }

    set trainable(value: boolean) {
      if (this.layer) this.layer.trainable = value;
    }

    get trainableWeights(): unknown[] {
      return this.layer?.trainableWeights ?? [];
    }

    get nonTrainableWeights(): unknown[] {
      return this.layer?.nonTrainableWeights ?? [];
    }

    getWeights(trainableOnly?: boolean): Tensor[] {
      return this.layer.getWeights(trainableOnly);
    }

    setWeights(weights: Tensor[]): void {
      this.layer.setWeights(weights);
    }

    override getConfig(): object {
      const { ordinal, inputNames } = this.#args;
      const layer = { className: this.layer.getClassName(), config: this.layer.getConfig() };
      // TF.js turns every string of a saved model into camelCase, except what is called a name.
      const name = JSON.stringify({ ordinal, inputNames, ...this.#options });
      return { ...super.getConfig(), layer, options: { name } };
    }

    static fromConfig(cls: new (args: object) => object, config: Saved): object {
      const { layer, options, ...base } = config;
      const [kind, make] = serialization.SerializationMap.getMap().classNameMap[layer.className];
      return new cls({ ...base, ...JSON.parse(options.name), layer: make(kind, layer.config) });
    }
  };
}

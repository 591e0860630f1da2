import type { CPUTensor } from "../types.ts";

/** What a layer is called with beside the hidden states: its attention mask, position ids and so on, by name. */
export type Kwargs = Readonly<Record<string, unknown>>;

/** What a layer may answer: hidden states, or an array that begins with them, or that `outputs` names. */
export type LayerOutput<T> = T | readonly unknown[];

/** The gradient of a layer's answer, or of its inputs: of the hidden states, or where `outputs` names more of each. */
export type LayerGradient<T> = T | readonly unknown[];

/** Options of a wrapped layer's `forward`. They are handed on to the layer itself. */
export interface ForwardOptions {
  /** The number, in the global batch, of this micro-batch's first row. Default 0. */
  batchOffset?: number;
  /** GPU tensors only: commands are recorded here, for the caller to submit, instead of submitted. */
  encoder?: GPUCommandEncoder;
  /** Writes the K rows into `hiddenStates` itself, where nothing else needs them any more. Default false. */
  inPlace?: boolean;
  /** uint8 `[B,S]` on the CPU, 1 where a token is always retained. */
  keepMask?: CPUTensor;
  /** uint8 `[B,S]` on the CPU, 0 at padding, which is retained only when nothing else is left. */
  paddingMask?: CPUTensor;
  /**
   * Gives the indices of a random-LTD layer, int32 `[B,K]` as its `sample` would, where they are at hand already: put
   * on the GPU once for all layers, or an argument of a compiled step. By default each layer draws its own.
   */
  indicesOf?: (layerOrdinal: number) => unknown;
}

/** The names of {@link ForwardOptions}. `backward` takes the same object, if that is at hand. */
export const CALL_NAMES: readonly string[] = [
  ...["batchOffset", "encoder", "inPlace", "keepMask", "paddingMask", "indicesOf"],
];

/** Options of a wrapped layer's `backward`. They are handed on to the layer's own. */
export interface BackwardOptions {
  /** Writes the K rows into `outGrad` itself and returns it. Default false. */
  inPlace?: boolean;
  /** GPU tensors only: commands are recorded here, for the caller to submit, instead of submitted. */
  encoder?: GPUCommandEncoder;
  /**
   * Which forward call of this step is meant, where several are under way. By default the last one made in training,
   * whatever evaluation came after it.
   */
  batchOffset?: number;
}

/** A layer as a function. `options` are those that the wrapper was called with. */
export type LayerFunction<T, R extends LayerOutput<T> = LayerOutput<T>> = (
  hiddenStates: T,
  kwargs: Kwargs,
  options: ForwardOptions,
) => R;

/** A layer as an object; `backward` gives the gradient of its input, having kept what it needs from `forward`. */
export interface LayerObject<T, R extends LayerOutput<T> = LayerOutput<T>> {
  /** `[B,K,C] -> [B,K,C]`, alone or followed by more; K is S where the layer is passed straight through. */
  forward(hiddenStates: T, kwargs: Kwargs, options: ForwardOptions): R;
  /**
   * The gradient for what `forward` was last given, of the shape of `outGrad`. With `outputs` it is given, and gives, an
   * array: gradients of the named outputs, and of the arguments of these names.
   */
  backward?(outGrad: LayerGradient<T>, options: BackwardOptions): LayerGradient<T>;
  /** Layer-tokens of a forward call, for a layer that holds several. Default: `batchSize * seqLength`, one layer's. */
  layerTokens?(batchSize: number, seqLength: number): number;
  /** Told when the wrapper goes into training. */
  train?(): unknown;
  /** Told when the wrapper goes into evaluation. */
  eval?(): unknown;
}

/** A layer in either form. */
export type Layer<T, R extends LayerOutput<T> = LayerOutput<T>> = LayerFunction<T, R> | LayerObject<T, R>;

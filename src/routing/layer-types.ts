import type { GPUCommandEncoder } from "../platform.ts";
import type { CPUTensor } from "../types.ts";

/** A layer's arguments beside the hidden states, by name: its attention mask, position ids and so on. */
export type Kwargs = Readonly<Record<string, unknown>>;

/**
 * What a layer may return: hidden states, or an array that begins with them, or an array whose elements `outputs`
 * names.
 */
export type LayerOutput<T> = T | readonly unknown[];

/** The gradient of a layer's output or input: that of the hidden states, or an array of one for each of `outputs`. */
export type LayerGradient<T> = T | readonly unknown[];

/** Options of a wrapped layer's `forward`. They are passed on to the layer inside. */
export interface ForwardOptions {
  /** The number, in the global batch, of this micro-batch's first row. Default 0. */
  batchOffset?: number | undefined;
  /** GPU tensors only: commands are recorded here, for the caller to submit, instead of submitted. */
  encoder?: GPUCommandEncoder | undefined;
  /** Writes the K rows into `hiddenStates` itself, for when nothing else needs it any more. Default false. */
  inPlace?: boolean | undefined;
  /** uint8 `[B,S]` on the CPU, 1 where a token is always retained. */
  keepMask?: CPUTensor | undefined;
  /** uint8 `[B,S]` on the CPU, 0 at padding, which is retained only when nothing else is left. */
  paddingMask?: CPUTensor | undefined;
  /**
   * Gives the indices of a random-LTD layer, int32 `[B,K]` as its `sample` would, for when they exist already: uploaded
   * to the GPU once for all layers, or as arguments of a compiled step. By default each layer draws its own.
   */
  indicesOf?: ((layerOrdinal: number) => unknown) | undefined;
}

/** The names of {@link ForwardOptions}. `backward` accepts the same object. */
export const CALL_NAMES: readonly string[] = [
  ...["batchOffset", "encoder", "inPlace", "keepMask", "paddingMask", "indicesOf"],
];

/** Options of a wrapped layer's `backward`. They are passed on to that of the layer inside. */
export interface BackwardOptions {
  /** Writes the K rows into `outGrad` itself and returns it. Default false. */
  inPlace?: boolean | undefined;
  /** GPU tensors only: commands are recorded here, for the caller to submit, instead of submitted. */
  encoder?: GPUCommandEncoder | undefined;
  /**
   * Which forward call of this step is meant, if there are several. By default the last one made in training, even if
   * an evaluation came after it.
   */
  batchOffset?: number | undefined;
}

/** A layer as a function. `options` are those that the wrapper was called with. */
export type LayerFunction<T, R extends LayerOutput<T> = LayerOutput<T>> = (
  hiddenStates: T,
  /** What the layer's own type says: `{ mask }: { mask: CPUTensor }`. */
  kwargs: any,
  options: ForwardOptions,
) => R;

/** A layer as an object. `backward` gives the gradient of its input; `forward` saves what that needs. */
export interface LayerObject<T, R extends LayerOutput<T> = LayerOutput<T>> {
  /** `[B,K,C] -> [B,K,C]`, alone or first in an array. K is S when nothing is dropped. */
  forward(hiddenStates: T, kwargs: any, options: ForwardOptions): R;
  /**
   * The gradient of the input of the last `forward`, in the shape of `outGrad`. With `outputs` it takes an array of the
   * gradients of the named outputs, and returns an array of those of the arguments of these names.
   */
  backward?(outGrad: LayerGradient<T>, options: BackwardOptions): LayerGradient<T>;
  /** Layer-tokens of a forward call, for a layer that holds several. Default: `batchSize * seqLength`, one layer's. */
  layerTokens?(batchSize: number, seqLength: number): number;
  /** Called when the wrapper switches to training. */
  train?(): unknown;
  /** Called when the wrapper switches to evaluation. */
  eval?(): unknown;
}

/** A layer in either form. */
export type Layer<T, R extends LayerOutput<T> = LayerOutput<T>> = LayerFunction<T, R> | LayerObject<T, R>;

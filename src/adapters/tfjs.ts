/**
 * Random layerwise token dropping on TF.js tensors: token operations as kernels with gradients, the operations that
 * the layer wrapper of `random-ltd` takes, a layer for `tf.layers` and a callback for `model.fit`. TF.js 4.22.
 *
 * @module random-ltd/tfjs
 */
export { type RandomLTDCallback, type RandomLTDCallbackOptions, randomLTDCallback } from "./tfjs/callback.ts";
export {
  type RandomLTDLayer,
  type RandomLTDLayerArgs,
  randomLTDLayer,
  type TFLayer,
} from "./tfjs/layer.ts";
export { tfjsOps } from "./tfjs/ops.ts";
export { GatherTokens, ScatterTokens, type SortedIndices, type TFTokenOptions } from "./tfjs/tokens.ts";

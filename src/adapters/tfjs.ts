/**
 * Random layerwise token dropping on TF.js tensors: token operations as kernels with gradients, the operations that
 * the layer wrapper of `random-ltd` takes, a layer for `tf.layers` and a callback for `model.fit`. TF.js 4.22.
 */
export { tfjsOps } from "./tfjs/ops.ts";
export { GatherTokens, ScatterTokens, type SortedIndices, type TFTokenOptions } from "./tfjs/tokens.ts";

/**
 * Random-LTD over the arrays of jax-js (`@jax-js/jax`, an optional peer), on each of its backends: token operations for
 * the layer wrapper, and functions for models that are compiled whole.
 *
 * jax-js consumes what a function is given, and so do these: `x.ref`, `tree.ref(route)` keep what is used again.
 *
 * @module random-ltd/jax
 */
export { JaxLayer, randomLTDLayer } from "./jax/layers.ts";
export { jaxOps } from "./jax/ops.ts";
export type { Pullback, Weights } from "./jax/pullback.ts";
export { type TokenRoute, tokenRoute, tokenRoutes } from "./jax/routes.ts";
export { gatherTokens, scatterTokens } from "./jax/tokens.ts";

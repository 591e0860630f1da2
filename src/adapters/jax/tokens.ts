/** Gather and scatter of hidden states that are arrays of jax-js, inside compiled functions and outside. */
import { numpy as np, tree } from "@jax-js/jax";
import { isSameShape, wrongType, wrongValue } from "../../check.ts";
import { checkArray, isArray } from "./arrays.ts";
import { asTable, besideStates, type TokenRoute, takeRows } from "./routes.ts";

/**
 * The retained tokens of hidden states, `out[b,k] = states[b, indices[b,k]]`: what `GatherTokens.forward` is, as a
 * function of jax-js arrays that `jit` compiles and `grad` differentiates. Its autodiff backward is a scatter-add; in
 * `randomLTDLayer` the backward is a gather too.
 *
 * @param states `[B,S,C]` of any dtype, or with other dimensions after S, or with none. Taken over.
 * @param route As from `tokenRoutes`. Taken over: `tree.ref(route)` keeps it for another use.
 * @returns `[B,K,C]`, of the dtype of `states`.
 * @throws TypeError where `states` or what `route` holds is no array of jax-js; RangeError where they don't fit.
 * @example
 * const part = gatherTokens(hidden.ref, tree.ref(route));
 */
export function gatherTokens(states: np.Array, route: TokenRoute): np.Array {
  checkStates("states", states, checkRoute("route", route).retained.shape);
  const part = pick(asTable(states), route.rows.ref);
  tree.dispose(route);
  return part;
}

/**
 * Hidden states with the retained tokens replaced: what `ScatterTokens.forward` is, as a function of jax-js arrays that
 * `jit` compiles and `grad` differentiates. It is a gather by `route.back`, so it writes no row twice.
 *
 * @param allStates `[B,S,C]`, as {@link gatherTokens} took them. Taken over.
 * @param part `[B,K,C]`, of the same dtype. Taken over.
 * @param route As from `tokenRoutes`. Taken over.
 * @returns `[B,S,C]`: the rows of `part` at the retained positions, those of `allStates` elsewhere.
 * @throws TypeError where an argument is no array of jax-js, or of another dtype; RangeError where they don't fit.
 * @example
 * hidden = scatterTokens(hidden, layer(part), route);
 */
export function scatterTokens(allStates: np.Array, part: np.Array, route: TokenRoute): np.Array {
  const { retained, rows } = checkRoute("route", route);
  checkStates("allStates", allStates, retained.shape);
  checkPart("part", part, [...rows.shape, ...allStates.shape.slice(2)], allStates);
  const out = putBack(allStates, part, route);
  tree.dispose(route);
  return out;
}

/**
 * Rows of a table `[N,C...]`, in the shape of `rows` `[M,T]`, by a gather whose gradient jit can compile. jit takes no
 * reshape or transpose between a gather's gradient and its scatter ("routine primitive scatter input is not imm"); a
 * choice that always falls the same way keeps them apart, and its simplifier doesn't see that. Takes both over.
 */
export function pick(table: np.Array, rows: np.Array): np.Array {
  const part = np.take(table, rows.ref, 0);
  // The other choice has the dtype of `part`, which a number would widen where that is bool.
  const none = part.dtype === np.bool ? false : 0;
  return np.where(besideStates(rows, part).greaterEqual(0), part, none);
}

/** `states` with the rows of `part` at the retained positions. Takes both over and borrows the route. */
export function putBack(states: np.Array, part: np.Array, route: TokenRoute): np.Array {
  const retained = besideStates(route.retained.ref, states);
  return np.where(retained, takeRows(part, route.back.ref), states);
}

/** A route, with each of its arrays checked. */
export function checkRoute(name: string, route: unknown): TokenRoute {
  if (typeof route !== "object" || route === null) wrongType(name, "a route, as from tokenRoutes", route);
  for (const part of ["indices", "rows", "back", "retained"] as const) {
    const t = (route as Record<string, unknown>)[part];
    if (!isArray(t))
      wrongType(name, `a route, as from tokenRoutes, with an array of jax-js as its ${part}`, t);
  }
  return route as TokenRoute;
}

/** Checks states `[B,S,...]` against a route's B and S. */
export function checkStates(name: string, states: unknown, [batch, seq]: readonly number[]): void {
  checkArray(name, states);
  const { shape } = states;
  if (shape.length < 2 || shape[0] !== batch || shape[1] !== seq) {
    wrongValue(name, `shape [${batch},${seq},...], as the route's`, shape, `[${shape}]`);
  }
}

/** Checks what replaces the retained rows of `states` against them. */
export function checkPart(
  name: string,
  part: unknown,
  expected: readonly number[],
  { dtype }: { dtype: unknown },
): void {
  checkArray(name, part);
  const { shape } = part;
  if (!isSameShape(shape, expected)) wrongValue(name, `shape [${expected}]`, shape, `[${shape}]`);
  if (part.dtype !== dtype) wrongType(name, `dtype ${dtype}`, part, part.dtype);
}

/**
 * The names of parameters with and without random-LTD's wrappers. A wrapper adds one segment to the names of what it
 * wraps: `h.1.attn.weight` becomes `h.1.random_ltd_layer.attn.weight`.
 */
import { checkList, describe, isObject, wrongType, wrongValue } from "../check.ts";

/** Parameters by name: an object or a Map. The values are not looked at. */
export type StateDict<V = unknown> = Readonly<Record<string, V>> | ReadonlyMap<string, V>;

const SEGMENT = "random_ltd_layer";

/**
 * Removes the wrappers' segment `random_ltd_layer` from every name, so that a checkpoint fits the plain model. The
 * counterpart of DeepSpeed's `remove_random_ltd_state_dict` (`runtime/data_pipeline/data_routing/helper.py`), but by
 * whole segments (`my_random_ltd_layers.weight` stays) and with a wrapped root (`random_ltd_layer.weight`) included.
 *
 * @param stateDict Names with values of any kind, in a plain object or a Map.
 * @returns A new one of the same kind and order, holding the same values.
 * @throws TypeError where it is neither; RangeError where two names become one, or nothing is left of a name.
 * @example
 * save(removeRandomLTDStateDict(model.stateDict()));
 */
export function removeRandomLTDStateDict<S extends StateDict>(stateDict: S): S {
  return renamed(stateDict, (name) => {
    const rest = name.split(".").filter((segment) => segment !== SEGMENT);
    if (rest.length === 0) wrongValue("stateDict", `names of more than ${SEGMENT}`, name);
    return rest.join(".");
  });
}

/**
 * Puts the segment `random_ltd_layer` into the names below each wrapped layer, so that a plain checkpoint fits the
 * wrapped model: the exact inverse of {@link removeRandomLTDStateDict}, which DeepSpeed lacks.
 *
 * @param stateDict Names with values of any kind, in a plain object or a Map.
 * @param layers The wrapped layers' names in the plain model, such as `["h.1", "h.2"]`; `""` is the root.
 * @returns A new one of the same kind and order, holding the same values.
 * @throws TypeError for arguments of the wrong kind; RangeError for a layer that is named twice or has nothing in
 *   `stateDict`, and for a name that has the segment already.
 * @example
 * wrapped.load(addRandomLTDStateDict(checkpoint, randomLTDLayerId.map((id) => `h.${id}`)));
 */
export function addRandomLTDStateDict<S extends StateDict>(stateDict: S, layers: readonly string[]): S {
  const found = new Map<string, boolean>();
  for (const layer of checkList("layers", "an array of names", layers)) {
    if (typeof layer !== "string") wrongType("layers", "an array of names", layer);
    if (found.has(layer)) wrongValue("layers", "each layer once", layer);
    found.set(layer, false);
  }
  // Only prefixes as long as some layer's name are looked up; otherwise the time would grow with the square of
  // segments.
  const lengths = new Set(Array.from(found.keys(), (layer) => layer.length));
  const result = renamed(stateDict, (name) => {
    const segments = name.split(".");
    if (segments.includes(SEGMENT)) wrongValue("stateDict", `names without ${SEGMENT}`, name);
    const out: string[] = [];
    let end = 0; // of the part before a segment, which may be the name of a wrapped layer
    segments.forEach((segment, i) => {
      const prefix = lengths.has(end) ? name.slice(0, end) : undefined;
      if (prefix !== undefined && found.has(prefix)) {
        found.set(prefix, true);
        out.push(SEGMENT);
      }
      out.push(segment);
      end += segment.length + (i === 0 ? 0 : 1);
    });
    return out.join(".");
  });
  for (const [layer, used] of found) {
    if (!used) wrongValue("layers", 'layers that "stateDict" has parameters of', layer);
  }
  return result;
}

/** A Map from any realm, recognized by its own getter: `instanceof` knows only those of this realm. */
function isMap(value: unknown): value is ReadonlyMap<unknown, unknown> {
  try {
    Reflect.getOwnPropertyDescriptor(Map.prototype, "size")!.get!.call(value);
    return true;
  } catch {
    return false;
  }
}

/** An object as `{ ... }` makes it, from any realm. Instances of classes may hold what their own keys don't show. */
function isPlain(value: unknown): value is object {
  if (!isObject(value)) return false;
  const prototype = Object.getPrototypeOf(value);
  return (
    (prototype === null || Object.getPrototypeOf(prototype) === null) &&
    Object.prototype.toString.call(value) === "[object Object]"
  );
}

function entriesOf(stateDict: unknown): [unknown, unknown][] {
  if (isMap(stateDict)) {
    const entries: [unknown, unknown][] = [];
    Map.prototype.forEach.call(stateDict, (value, name) => entries.push([name, value]));
    return entries;
  }
  if (!isPlain(stateDict)) {
    wrongType("stateDict", "a plain object or a Map of parameters by name", stateDict);
  }
  const [symbol] = Object.getOwnPropertySymbols(stateDict);
  if (symbol !== undefined) wrongType("stateDict", "names that are strings", symbol);
  return Object.entries(stateDict);
}

function renamed<S extends StateDict>(stateDict: S, rename: (name: string) => string): S {
  const result = new Map<string, unknown>();
  for (const [name, value] of entriesOf(stateDict)) {
    if (typeof name !== "string") wrongType("stateDict", "names that are strings", name);
    const next = rename(name);
    if (result.has(next)) wrongValue("stateDict", `one parameter named ${describe(next)}`, name, "two");
    result.set(next, value);
  }
  return (isMap(stateDict) ? result : Object.fromEntries(result)) as S;
}

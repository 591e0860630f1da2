import { checkInteger, checkList, checkOptions, isObject, wrongType, wrongValue } from "../check.ts";
import type { Tensor } from "../types.ts";
import { checkOps, type FrameworkOps } from "./framework-ops.ts";
import type { TokenDropLayer } from "./layer.ts";
import {
  checkScheduler,
  type DropRatio,
  type RandomLayerTokenDropOptions,
  WRAPPER_NAMES,
} from "./layer-options.ts";
import type { Layer, LayerOutput } from "./layer-types.ts";
import type { RandomLTDScheduler } from "./scheduler.ts";
import { LayerStack } from "./stack.ts";

/** Options of {@link convertToRandomLTD}. */
export interface ConvertOptions<T> extends RandomLayerTokenDropOptions<T> {
  /**
   * Routes, each given by its first and its last layer. There is one gather before the first and one scatter after the
   * last, and the same tokens go through all layers between, as in TREAD (arXiv 2501.04765). Layers have the numbers of
   * `random_ltd_layer_id` (negative ones count from the end), which must list every layer of a route. Layers in no
   * route are wrapped one by one. Given as an object, a route may have its own drop ratio, TREAD's selection ratio.
   */
  routes?: readonly Route[] | undefined;
}

/** The first and the last layer of a route, alone or with its drop ratio. */
export type Route =
  | readonly [first: number, last: number]
  | {
      readonly layers: readonly [first: number, last: number];
      /** As `dropRatio` of {@link RandomLayerTokenDropOptions}; here for this route alone. */
      readonly dropRatio?: DropRatio;
    };

/** What `convertToRandomLTD` of an entry is, `Own` being its own tensors. */
export interface ConvertToRandomLTD<Own extends Tensor = Tensor> {
  /**
   * Wraps the layers that `random_ltd_layer_id` names, by number. The counterpart of DeepSpeed's
   * `convert_to_random_ltd` (`runtime/data_pipeline/data_routing/helper.py`), which goes by class and by substrings of
   * names.
   *
   * The sampling ordinal of a wrapped layer is its place in the sorted ids, that of a route its first layer's.
   *
   * @param layers All of the model's layers, `total_layer_num` of them, in the order in which they run. They are not
   *   changed.
   * @param scheduler Its configuration says which layers are wrapped, and how.
   * @param options See {@link ConvertOptions}.
   * @returns The layers as one stack, which is itself a layer; a route is one element of its `layers`.
   * @throws TypeError for arguments of the wrong kind and where `random_ltd_layer_id` is missing; RangeError for another
   *   number of layers, and for routes that overlap, run backwards or leave `random_ltd_layer_id`.
   * @example
   * const stack = convertToRandomLTD(blocks, scheduler, { alongSequence: ["position_ids"] });
   * hidden = stack.forward(hidden, { attention_mask: mask, position_ids: positions });
   */
  <T extends Own = Own, R extends LayerOutput<T> = LayerOutput<T>>(
    layers: readonly Layer<T, R>[],
    scheduler: RandomLTDScheduler,
    options?: ConvertOptions<T>,
  ): LayerStack<T, R>;
  /** Layers of another framework, by its operations. */
  <T, R extends LayerOutput<T> = LayerOutput<T>>(
    layers: readonly Layer<T, R>[],
    scheduler: RandomLTDScheduler,
    options: ConvertOptions<T> & { ops: FrameworkOps<T> },
  ): LayerStack<T, R>;
}

/** An entry's `RandomLayerTokenDrop`. */
type WrapperClass = new (...args: any[]) => TokenDropLayer<any, any>;

/** `convertToRandomLTD` of an entry: what it wraps layers with, and its operations on its own tensors. */
export function convertOn<Own extends Tensor>(
  Wrapper: WrapperClass,
  defaultOps: FrameworkOps<any>,
): ConvertToRandomLTD<Own> {
  const convert = <T, R extends LayerOutput<T>>(
    layers: readonly Layer<T, R>[],
    scheduler: RandomLTDScheduler,
    options: ConvertOptions<T> = {},
  ) => {
    const given = checkList("layers", "an array of layers", layers) as Layer<T, R>[];
    const { total_layer_num, random_ltd_layer_id: ids } = checkScheduler(scheduler).config;
    if (given.length !== total_layer_num) {
      wrongValue("layers", `total_layer_num layers, ${total_layer_num}`, given.length);
    }
    if (ids === undefined) wrongType("random_ltd_layer_id", "an array of layer numbers", ids);
    checkOptions(options, ["routes", ...WRAPPER_NAMES]);
    const { routes = [], ...rest } = options;
    const ops: FrameworkOps<T> = checkOps(options.ops ?? defaultOps);
    const routesByFirst = checkRoutes(routes, ids, total_layer_num);

    const converted: Layer<T, R>[] = [];
    for (let i = 0; i < given.length; i++) {
      const ordinal = ids.indexOf(i);
      const route = routesByFirst.get(i);
      if (ordinal < 0) {
        converted.push(given[i]);
      } else if (route === undefined) {
        converted.push(new Wrapper(given[i], scheduler, ordinal, rest));
      } else {
        const within = new LayerStack<T, R>(given.slice(i, route.last + 1), ops, rest);
        const dropRatio = route.dropRatio === undefined ? rest.dropRatio : route.dropRatio;
        converted.push(new Wrapper(within, scheduler, ordinal, { ...rest, dropRatio }));
        i = route.last;
      }
    }
    return new LayerStack<T, R>(converted, ops, rest);
  };
  return convert as ConvertToRandomLTD<Own>;
}

interface CheckedRoute {
  readonly last: number;
  readonly dropRatio: DropRatio | undefined;
}

/** Routes by their first layer, resolved. */
function checkRoutes(routes: unknown, ids: readonly number[], total: number): Map<number, CheckedRoute> {
  const expected = "an array of [first, last] or { layers: [first, last], dropRatio }";
  const checked = new Map<number, CheckedRoute>();
  const taken = new Set<number>();
  for (const route of checkList("routes", expected, routes)) {
    const own = isObject(route) ? (route as Exclude<Route, readonly unknown[]>) : undefined;
    if (own) checkOptions(own, ["layers", "dropRatio"]);
    const dropRatio = own?.dropRatio;
    const layers = checkList("routes", expected, own ? own.layers : route);
    if (layers.length !== 2) wrongType("routes", expected, route);
    const [first, last] = layers.map((id) => {
      const number = checkInteger("routes", id, -total, total - 1);
      return number < 0 ? number + total : number;
    });
    if (first > last) wrongValue("routes", "a first layer before its last", layers);
    for (let layer = first; layer <= last; layer++) {
      if (!ids.includes(layer))
        wrongValue("routes", "layers of random_ltd_layer_id", layer, `layer ${layer}`);
      if (taken.has(layer)) wrongValue("routes", "each layer once", layer, `layer ${layer} twice`);
      taken.add(layer);
    }
    checked.set(first, { last, dropRatio });
  }
  return checked;
}

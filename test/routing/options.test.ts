/** Options of a name that nobody knows: refused, with the nearest known one. */
import { expect, test } from "vitest";
import {
  type CPUTensor,
  convertToRandomLTD,
  LayerTokenLRSchedule,
  RandomLayerTokenDrop,
  RandomLTDScheduler,
  tensor,
} from "../../src/index.ts";
import { makeScheduler } from "./settings.ts";

const scheduler = makeScheduler({ ids: [0, 1], layers: 2, min: 2, max: 4, model_mask_name: null });
const layer = { forward: (h: CPUTensor) => h, backward: (g: CPUTensor) => g };
const hidden = () => tensor(new Float32Array(4), [1, 4, 1]);
const wrapped = new RandomLayerTokenDrop(layer, scheduler, 0);
const stack = convertToRandomLTD([layer, layer], scheduler, { routes: [{ layers: [0, 1], dropRatio: 0.5 }] });
stack.forward(hidden());
wrapped.forward(hidden());

const CALLS: readonly [string, (options: any) => unknown, slip: string, meant: string][] = [
  ["RandomLTDScheduler", (o) => new RandomLTDScheduler(scheduler.config, o), "sed", "seed"],
  [
    "LayerTokenLRSchedule",
    (o) => new LayerTokenLRSchedule({ total_layer_tokens: 9 }, { lr: 1, ...o }),
    "dekay",
    "decay",
  ],
  [
    "RandomLayerTokenDrop",
    (o) => new RandomLayerTokenDrop(layer, scheduler, 0, o),
    "keepprefix",
    "keepPrefix",
  ],
  ["convertToRandomLTD", (o) => convertToRandomLTD([layer, layer], scheduler, o), "route", "routes"],
  [
    "convertToRandomLTD's rest",
    (o) => convertToRandomLTD([layer, layer], scheduler, o),
    "alongSequnce",
    "alongSequence",
  ],
  [
    "a route",
    (o) => convertToRandomLTD([layer, layer], scheduler, { routes: [{ layers: [0, 1], ...o }] }),
    "selectionRatio",
    "dropRatio",
  ],
  ["a wrapper's forward", (o) => wrapped.forward(hidden(), {}, o), "batchoffset", "batchOffset"],
  ["a wrapper's backward", (o) => wrapped.backward(hidden(), o), "inplace", "inPlace"],
  ["a wrapper's sample", (o) => wrapped.sample(1, 4, o), "padingMask", "paddingMask"],
  ["a wrapper's layerTokens", (o) => wrapped.layerTokens(1, 4, o), "keepMsk", "keepMask"],
  ["a stack's forward", (o) => stack.forward(hidden(), {}, o), "batch_offset", "batchOffset"],
  ["a stack's backward", (o) => stack.backward(hidden(), o), "batchOfset", "batchOffset"],
  ["a stack's sample", (o) => stack.sample(1, 4, o), "keep_mask", "keepMask"],
  ["a stack's layerTokens", (o) => stack.layerTokens(1, 4, o), "keep_mask", "keepMask"],
];

test.each(CALLS)("%s", (_, call, slip, meant) => {
  for (const value of [1, undefined]) {
    const message = `"${slip}" expected a known option (did you mean "${meant}"?), got ${value}`;
    expect(() => call({ [slip]: value })).toThrow(new TypeError(message));
  }
  call({});
});

test("backward takes the options that forward had", () => {
  const options = { batchOffset: 0, inPlace: false, indicesOf: () => tensor(Int32Array.of(0, 2), [1, 2]) };
  stack.forward(hidden(), {}, options);
  expect(stack.backward(hidden(), options)).toEqual(hidden());
});

/** Arguments around the operations that are made to deceive, or that are no more than wrong: each got through once. */
import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import {
  addRandomLTDStateDict,
  bertSampleTokens,
  type CPUTensor,
  convertToRandomLTD,
  RandomLayerTokenDrop,
  RandomLTDScheduler,
  removeRandomLTDStateDict,
  setCoreModule,
  tensor,
} from "../../src/index.ts";

const FORM = /^"[^"]+" expected [\s\S]+, got [\s\S]+$/;

const scheduler = () =>
  new RandomLTDScheduler({
    total_layer_num: 3,
    random_ltd_layer_num: 2,
    random_ltd_layer_id: [1, 2],
    global_batch_size: 2,
    random_ltd_schedule: {
      min_value: 16,
      max_value: 64,
      schedule_type: "fixed_linear",
      schedule_config: { require_steps: 10, seq_per_step: 16 },
    },
  });

const block = (h: CPUTensor) => h;
const layer = (options = {}) => new RandomLayerTokenDrop(block, scheduler(), 0, options);
const stack = (options: object) => convertToRandomLTD([block, block, block], scheduler(), options as never);

function revoked(): any {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

const holed = (...values: unknown[]) => {
  const list = [...values, 0];
  delete list[values.length];
  return list;
};

const CASES: readonly [string, string, () => unknown][] = [
  ["sizes that are symbols", "seqLength", () => layer().sample(2, Symbol("s") as never)],
  ["no sizes", "batchSize", () => layer().sample(undefined as never, 64)],
  ["options of null", "options", () => layer().sample(2, 64, null as never)],
  ["a hole in alongSequence", "alongSequence", () => layer({ alongSequence: holed("ids") })],
  ["ops of nothing", "ops", () => layer({ ops: {} })],
  ["ops without at", "ops", () => stack({ ops: { isTensor() {}, shapeOf() {} } })],
  ["ops of null", "ops", () => stack({ ops: null })],
  ["a revoked layer", "layer", () => new RandomLayerTokenDrop(revoked(), scheduler(), 0)],
  ["a revoked scheduler", "scheduler", () => new RandomLayerTokenDrop(block, revoked(), 0)],
  [
    "a scheduler without a configuration",
    "scheduler",
    () => new RandomLayerTokenDrop(block, { getCurrentSeq() {} } as never, 0),
  ],
  ["revoked routes", "routes", () => stack({ routes: revoked() })],
  ["a revoked route", "routes", () => stack({ routes: [revoked()] })],
  ["a hole in a route", "routes", () => stack({ routes: [holed(1)] })],
  ["a route of one layer number", "routes", () => stack({ routes: [[1]] })],
  ["a route of three layer numbers", "routes", () => stack({ routes: [[1, 2, 2]] })],
  ["a route of an object without layers", "routes", () => stack({ routes: [{ dropRatio: 0.5 }] })],
  ["a route of null", "routes", () => stack({ routes: [null] })],
  ["no WebAssembly module", "module", () => setCoreModule(revoked())],
  [
    "what only says that it is a module",
    "module",
    () => setCoreModule({ [Symbol.toStringTag]: "WebAssembly.Module" } as never),
  ],
];

test.each(CASES)("%s: refused as %s", (_what, name, call) => {
  let error: unknown;
  try {
    call();
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toBeInstanceOf(TypeError);
  expect((error as Error).message).toMatch(FORM);
  expect((error as Error).message.split('"')[1]).toBe(name);
});

test("answers that are revoked, or that claim to be endless arrays, are refused as the layer's", () => {
  const hidden = () => tensor(new Float32Array(2 * 64), [2, 64, 1]);
  const gone = revoked();
  const endless: any = new Proxy([], { get: (_, key) => (key === "length" ? Infinity : 1) });
  const wrapped = (answer: unknown) => () =>
    new RandomLayerTokenDrop<CPUTensor>(() => answer as never, scheduler(), 0).forward(hidden(), {
      attention_mask: null,
    });
  expect(wrapped(gone)).toThrow(/^"layer" expected a tensor/);
  expect(wrapped(endless)).toThrow(/^"layer" expected a tensor/);
  const beside = (answer: unknown) => () =>
    convertToRandomLTD([() => answer as never, block, block], scheduler()).forward(hidden(), {
      attention_mask: null,
    });
  expect(beside(gone)).toThrow(/^"hiddenStates" expected a tensor/); // the next layer, which is wrapped, says it
  expect(beside(endless)).toThrow(/^"layer" expected an array that begins with the states, of at most/);
  for (const outputs of [gone, endless])
    expect(() => stack({ outputs })).toThrow(/^"outputs" expected an array of names/);
});

test("a tensor among the arguments whose shape is none is refused under its name", () => {
  const ids = { data: new Int32Array(64), shape: 1, dtype: "int32" };
  const hidden = tensor(new Float32Array(2 * 64), [2, 64, 1]);
  expect(() => layer({ alongSequence: ["ids"] }).forward(hidden, { ids })).toThrow(
    /^"ids" expected a tensor with a shape/,
  );
});

describe("state dicts", () => {
  const names = { "h.1.random_ltd_layer.w": 1, b: 2 };

  test("a Map of another realm is as good as any", () => {
    const map = runInNewContext('new Map([["h.1.random_ltd_layer.w", 1], ["b", 2]])');
    expect(removeRandomLTDStateDict(map)).toEqual(new Map(Object.entries({ "h.1.w": 1, b: 2 })));
    expect(addRandomLTDStateDict(removeRandomLTDStateDict(map), ["h.1"])).toEqual(
      new Map(Object.entries(names)),
    );
    const object = runInNewContext('({ "h.1.random_ltd_layer.w": 1, b: 2 })');
    expect(removeRandomLTDStateDict(object)).toEqual({ "h.1.w": 1, b: 2 });
    expect(removeRandomLTDStateDict(Object.assign(Object.create(null), names))).toEqual({ "h.1.w": 1, b: 2 });
  });

  test("what may hold parameters that don't show is refused, never emptied", () => {
    class Model {
      #hidden = names;
      stateDict() {
        return this.#hidden;
      }
    }
    for (const other of [
      new Set(["w"]),
      new Date(0),
      new WeakMap(),
      new Model(),
      runInNewContext("new Set(['w'])"),
      revoked(),
      new Int32Array(2),
      { [Symbol("w")]: 1 },
    ]) {
      expect(() => removeRandomLTDStateDict(other as never)).toThrow(/^"stateDict" expected /);
      expect(() => addRandomLTDStateDict(other as never, ["h"])).toThrow(/^"stateDict" expected /);
    }
    expect(() => removeRandomLTDStateDict(new Map([[1, 2]]) as never)).toThrow(TypeError);
    expect(() => addRandomLTDStateDict(names, holed("h.1") as never)).toThrow(
      /^"layers" expected an array of names/,
    );
  });

  test("a name's time grows with its length, not with its square", () => {
    // 10^6 segments: by the square, hours.
    const name = `${"a.".repeat(1_000_000)}w`;
    expect(addRandomLTDStateDict({ [name]: 1, "h.w": 2 }, ["h"])).toEqual({
      [name]: 1,
      "h.random_ltd_layer.w": 2,
    });
    const inner = addRandomLTDStateDict({ "a.b.c.w": 1 }, ["a.b", "", "a"]);
    expect(Object.keys(inner)).toEqual(["random_ltd_layer.a.random_ltd_layer.b.random_ltd_layer.c.w"]);
  });
});

test("more positions than memory holds are refused with the figure, before anything is drawn", () => {
  const options = { reservedLength: 1, seqLength: 8, batchSize: 2 ** 32, seed: 1 };
  const most = 2 ** 30;
  expect(() => bertSampleTokens(options)).toThrow(
    new RangeError(`"batchSize" expected at most ${most}, for ${most} positions in one call, got ${2 ** 32}`),
  );
  expect(() => bertSampleTokens({ ...options, batchSize: 2 ** 20, layers: 2 ** 11 })).toThrow(
    /^"layers" expected at most 1024/,
  );
  expect(() => layer().sample(2 ** 32, 64)).toThrow(/^"batchSize" expected at most/);
});

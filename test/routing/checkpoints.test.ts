import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { addRandomLTDStateDict, removeRandomLTDStateDict } from "../../src/index.ts";

test("takes the wrappers' segment out, whole segments only, root included, order and values kept", () => {
  const weight = new Float32Array(2);
  const wrapped = {
    "wte.weight": 0,
    "h.1.random_ltd_layer.attn.weight": weight,
    "h.1.random_ltd_layer.mlp.random_ltd_layer.bias": 1,
    "random_ltd_layer.norm": 2,
    "my_random_ltd_layer.weight": 3,
    "h.2.random_ltd_layers.weight": 4,
    random_ltd_layer_scale: 5,
  };
  const before = { ...wrapped };
  const plain = removeRandomLTDStateDict(wrapped);
  expect(Object.entries(plain)).toEqual([
    ["wte.weight", 0],
    ["h.1.attn.weight", weight],
    ["h.1.mlp.bias", 1],
    ["norm", 2],
    ["my_random_ltd_layer.weight", 3],
    ["h.2.random_ltd_layers.weight", 4],
    ["random_ltd_layer_scale", 5],
  ]);
  expect((plain as Record<string, unknown>)["h.1.attn.weight"]).toBe(weight);
  expect(wrapped).toEqual(before);
});

test("puts it in below each wrapped layer, not below its namesakes", () => {
  const plain = new Map<string, number>([
    ["h.1.attn.weight", 1],
    ["h.10.attn.weight", 2],
    ["h.1", 3],
    ["x.h.1.weight", 4],
  ]);
  expect([...addRandomLTDStateDict(plain, ["h.1"])]).toEqual([
    ["h.1.random_ltd_layer.attn.weight", 1],
    ["h.10.attn.weight", 2],
    ["h.1", 3],
    ["x.h.1.weight", 4],
  ]);
  expect(addRandomLTDStateDict({ weight: 1, "a.b": 2 }, ["", "a"])).toEqual({
    "random_ltd_layer.weight": 1,
    "random_ltd_layer.a.random_ltd_layer.b": 2,
  });
});

const segment = fc.constantFrom("h", "attn", "mlp", "0", "1", "10", "random_ltd_layers", "__proto__");
const plainName = fc.array(segment, { minLength: 1, maxLength: 5 }).map((segments) => segments.join("."));

test("each undoes the other, exactly", () => {
  let wrappers = 0;
  fc.assert(
    fc.property(
      fc.uniqueArray(plainName, { minLength: 1, maxLength: 12 }),
      fc.infiniteStream(fc.boolean()),
      fc.boolean(),
      (names, coins, asMap) => {
        const entries = names.map((name, i) => [name, i] as const);
        const plain = asMap ? new Map(entries) : Object.fromEntries(entries);
        const prefixes = names.flatMap((name) => {
          const segments = name.split(".");
          return segments.map((_, i) => segments.slice(0, i).join("."));
        });
        const layers = [...new Set(prefixes)].filter(() => coins.next().value);
        const wrapped = addRandomLTDStateDict(plain, layers);
        const entriesOf = (dict: object) => [...(dict instanceof Map ? dict : Object.entries(dict))];
        wrappers += entriesOf(wrapped).filter(([name]) => name.includes("random_ltd_layer.")).length;
        expect(entriesOf(removeRandomLTDStateDict(wrapped))).toEqual(entriesOf(plain));
        expect(entriesOf(addRandomLTDStateDict(removeRandomLTDStateDict(wrapped), layers))).toEqual(
          entriesOf(wrapped),
        );
      },
    ),
    { numRuns: 500 },
  );
  expect(wrappers).toBeGreaterThan(500);
});

describe("refuses", () => {
  test("two names that become one", () => {
    expect(() => removeRandomLTDStateDict({ "a.w": 1, "a.random_ltd_layer.w": 2 })).toThrow(
      new RangeError('"stateDict" expected one parameter named "a.w", got two'),
    );
  });
  test("a name of nothing else", () => {
    expect(() => removeRandomLTDStateDict({ random_ltd_layer: 1 })).toThrow(RangeError);
  });
  test("a checkpoint that is wrapped already", () => {
    expect(() => addRandomLTDStateDict({ "a.random_ltd_layer.w": 1 }, ["a"])).toThrow(
      new RangeError('"stateDict" expected names without random_ltd_layer, got "a.random_ltd_layer.w"'),
    );
  });
  test("a layer without parameters, or named twice", () => {
    expect(() => addRandomLTDStateDict({ "h.1.w": 1 }, ["h.2"])).toThrow(
      new RangeError('"layers" expected layers that "stateDict" has parameters of, got "h.2"'),
    );
    expect(() => addRandomLTDStateDict({ "h.1.w": 1 }, ["h.1", "h.1"])).toThrow(RangeError);
  });
  test.each([undefined, null, 7, "text", []])("%s for a state dict or for layers", (value) => {
    expect(() => removeRandomLTDStateDict(value as never)).toThrow(TypeError);
    expect(() => addRandomLTDStateDict(value as never, [])).toThrow(TypeError);
    if (!Array.isArray(value)) expect(() => addRandomLTDStateDict({}, value as never)).toThrow(TypeError);
  });
  test("names that are no strings", () => {
    expect(() => removeRandomLTDStateDict(new Map([[1, 2]]) as never)).toThrow(TypeError);
    expect(() => addRandomLTDStateDict({ "1.w": 0 }, [1] as never)).toThrow(TypeError);
  });
});

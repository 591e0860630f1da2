/** Hand-overs as Node writes and reads them: nothing is lost, and what doesn't fit is refused by name. */
import { describe, expect, it } from "vitest";
import { decodeHandOver, encodeHandOver } from "../../interop/node/hand-over.ts";
import { Model } from "../../trainer/models/model.ts";
import { ADAMW } from "../../trainer/optimizer.ts";
import { decodeArrays, encodeArrays } from "../../trainer/state.ts";
import type { HostArrays, RunConfig, RunState } from "../../trainer/types.ts";

const config: RunConfig = {
  task: "text",
  model: { kind: "gpt", layers: 2, channels: 8, heads: 2, seq: 8, vocab: 5 },
  dropping: { how: "layers", layers: [1] },
  lengths: { start: 4, until: 0.5, growth: "constant" },
  optimizer: { ...ADAMW, lr: 0.01 },
  batch: 2,
  budget: { unit: "steps", amount: 4 },
  seed: 7,
};
const { layout } = new Model(config.model, config.dropping);
const task = { keepPrefix: 1 };
const expected = { config, task, layout };

const arrays: HostArrays = Object.fromEntries(
  ["weights", "first", "second"].flatMap((kind, k) =>
    Object.entries(layout).map(([name, { shape }]) => {
      const data = new Float32Array(shape.reduce((a, b) => a * b)).map((_, i) => i / 3 - k);
      return [`${kind}/${name}`, { shape, data }];
    }),
  ),
);
const state: RunState = {
  version: 1,
  config,
  totals: { step: 2, seconds: 0.1, layerTokens: 48, flops: 12345 },
  history: { losses: [1 / 3, 0.1], lengths: [4, 4], seconds: [0.05, 0.05], evaluations: [] },
  rowLosses: [0.25],
  arrays,
};

/** The hand-over with other metadata or arrays. */
function changed(metadata: Record<string, string>, others: Record<string, unknown> = {}): Uint8Array {
  const file = decodeArrays(encodeHandOver(state, task));
  const all = Object.entries({ ...file.arrays, ...others }).filter(([, array]) => array !== undefined);
  return encodeArrays(Object.fromEntries(all) as HostArrays, { ...file.metadata, ...metadata });
}

describe("a hand-over", () => {
  it("is read as it was written, from a Buffer too", () => {
    const bytes = encodeHandOver(state, task);
    expect(decodeHandOver(bytes, expected)).toEqual(state);
    expect(decodeHandOver(Buffer.concat([Buffer.from("x"), bytes]).subarray(1), expected)).toEqual(state);
    expect(decodeHandOver(changed({}), expected)).toEqual(state);
  });

  it("is held to its configuration whatever the order of the keys", () => {
    const { seed, ...rest } = config;
    expect(decodeHandOver(changed({ config: JSON.stringify({ seed, ...rest }) }), expected)).toEqual(state);
  });

  it.each([
    [{ format: "pt" }, '"format" expected "random-ltd hand-over", got "pt"'],
    [{ version: "2" }, '"version" expected "1", got "2"'],
    [{ sampling_rule: "2" }, '"sampling_rule" expected "1", got "2"'],
    [{ seed: "8" }, '"seed" expected "7", got "8"'],
    [{ step: "3" }, '"step" expected "2", got "3"'],
    [{ consumed_layer_tokens: "0" }, '"consumed_layer_tokens" expected "48", got "0"'],
    [{ keep_prefix: "0" }, '"keep_prefix" expected "1", got "0"'],
    [{ conventions: "{}" }, '"conventions.matrices" expected'],
    [{ config: "{" }, '"config" expected JSON'],
    [{ config: JSON.stringify({ ...config, seed: 8 }) }, '"config.seed" expected 7, got 8'],
    [
      { config: JSON.stringify({ ...config, model: { ...config.model, kind: "vit" } }) },
      '"config.model" expected',
    ],
  ])("with %o is refused", (metadata, message) => {
    expect(() => decodeHandOver(changed(metadata), expected)).toThrow(message);
  });

  it.each([
    ["weights/blocks.0.qkv", { shape: [8, 8], data: new Float32Array(64) }, "float32 [8,24]"],
    ["first/head.norm", { shape: [8], data: new Int32Array(8) }, "float32 [8]"],
    ["second/embed.table", undefined, "float32 [5,8]"],
    ["weights/blocks.2.qkv", { shape: [8, 24], data: new Float32Array(192) }, "nothing by this name"],
  ])("with another %s is refused", (name, array, message) => {
    expect(() => decodeHandOver(changed({}, { [name]: array }), expected)).toThrow(RangeError);
    expect(() => decodeHandOver(changed({}, { [name]: array }), expected)).toThrow(`"${name}" expected`);
    expect(() => decodeHandOver(changed({}, { [name]: array }), expected)).toThrow(message);
  });
});

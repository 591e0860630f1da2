/** The tokens that the page shows are those that the library draws, and their fingerprint is a function of the address. */
import { gptSampleTokens } from "random-ltd";
import { describe, expect, test } from "vitest";
import { fingerprintOf } from "../../studio/fingerprint.ts";
import { drawsOf, lengthsOf } from "../../studio/plan.ts";
import { drawn, seen, spread } from "../../studio/retained.ts";
import { defaultsOf, type Settings, TASKS } from "../../studio/settings.ts";

const digits = defaultsOf("digits");

describe("what a layer sees", () => {
  test("is what gptSampleTokens draws for its layer, row 0, at that step", () => {
    const draws = drawsOf(digits, "ltd");
    const layers = seen(draws, [3], [48, 48, 48, 48]);
    expect(layers.map(({ retained }) => retained)).toEqual([196, 48, 48, 48]);
    for (const l of [1, 2, 3]) {
      const { sampledIndices } = gptSampleTokens({
        reservedLength: 48,
        seqLength: 196,
        batchSize: 1,
        layerOffset: l - 1,
        seed: digits.seed,
        step: 3,
      });
      const marked = [...layers[l].counts!.entries()].filter(([, count]) => count === 1).map(([i]) => i);
      expect(marked).toEqual([...sampledIndices.data]);
    }
  });

  test("a route is one draw in all its layers, and the query of arrows is always in it", () => {
    const layers = seen(drawsOf(defaultsOf("arrows"), "route"), [5], new Array(6).fill(32));
    expect(layers[0].counts).toBeNull();
    for (const { counts } of layers.slice(1)) expect(counts).toEqual(layers[1].counts);
    expect(layers[1].counts![0]).toBe(1);
  });

  test("where no token is dropped, every layer sees all of them", () => {
    const layers = seen(drawsOf(digits, "ltd"), [0], [196]);
    expect(layers.every(({ counts }) => counts === null)).toBe(true);
  });

  test("over a run, each token about as often as K says", () => {
    const [, layer] = seen(drawsOf(digits, "ltd"), spread(400), new Array(400).fill(98));
    const mean = layer.counts!.reduce((sum, count) => sum + count, 0) / 196;
    expect(mean).toBeCloseTo(0.5, 6);
    expect(Math.min(...layer.counts!)).toBeGreaterThan(0.3);
  });

  test("runs that see all tokens draw nothing", () => {
    expect(drawn(drawsOf(digits, "full"), 0, 48, 1)).toBeNull();
  });
});

test("a run has at most seven lengths, multiples of 4 that end with S", () => {
  for (const task of Object.keys(TASKS) as Settings["task"][]) {
    const { seqLength } = TASKS[task];
    for (let reserved = 4; reserved <= seqLength; reserved += 4) {
      for (const growth of ["constant", "growing"] as const) {
        const lengths = lengthsOf({ ...defaultsOf(task), reserved, growth });
        expect(lengths.length).toBeLessThanOrEqual(7);
        expect(lengths.every((K) => K % 4 === 0)).toBe(true);
        expect(lengths.at(-1)).toBe(seqLength);
      }
    }
  }
});

describe("the fingerprint", () => {
  test("is the same at every call, and another for another seed or K", () => {
    const first = fingerprintOf(digits);
    expect(first).toMatch(/^[0-9a-f]{16}$/);
    expect(fingerprintOf({ ...digits })).toBe(first);
    expect(fingerprintOf({ ...digits, seed: 8 })).not.toBe(first);
    expect(fingerprintOf({ ...digits, reserved: 52 })).not.toBe(first);
  });

  test("does not go by what draws nothing", () => {
    expect(fingerprintOf({ ...digits, seconds: 5, rate: 100, lanes: ["full", "ltd"] })).toBe(
      fingerprintOf({ ...digits, lanes: ["full", "ltd", "shallow"] }),
    );
  });
});

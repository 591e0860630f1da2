import { describe, expect, test } from "vitest";
import { LayerTokenLRSchedule, RandomLTDScheduler } from "../../src/index.ts";

const tokens = { total_layer_tokens: 1000, warmup_layer_tokens: 200 };

test("linear warm-up and decay, at hand-worked points", () => {
  const schedule = new LayerTokenLRSchedule(tokens, { lr: 0.5 });
  const rates = [0, 100, 199, 200, 600, 999, 1000, 5000].map((c) => schedule.getLR(c));
  expect(rates).toEqual([0, 0.25, (0.5 * 199) / 200, 0.5, 0.25, 0.5 * (1 - 799 / 800), 0, 0]);
});

test("logarithmic warm-up meets both ends, above the linear one between them", () => {
  const schedule = new LayerTokenLRSchedule({ ...tokens, warmup_type: "log" }, { lr: 0.5 });
  const linear = new LayerTokenLRSchedule(tokens, { lr: 0.5 });
  expect(schedule.getLR(0)).toBe(0);
  expect(schedule.getLR(200)).toBe(0.5);
  // log(1 + 13.177...) = log(201) / 2: half the rate at the square root of 1 + w, less 1.
  expect(schedule.getLR(13)).toBeCloseTo((0.5 * Math.log(14)) / Math.log(201), 15);
  for (let c = 1; c < 200; c++) expect(schedule.getLR(c)).toBeGreaterThan(linear.getLR(c));
});

test("cosine decay to a floor: its ends, its middle, its symmetry", () => {
  const schedule = new LayerTokenLRSchedule(tokens, { lr: 0.5, floor: 0.1, decay: "cosine" });
  expect(schedule.getLR(200)).toBe(0.5);
  expect(schedule.getLR(600)).toBeCloseTo(0.3, 15);
  expect(schedule.getLR(400)).toBeCloseTo(0.3 + 0.2 * Math.SQRT1_2, 15);
  expect(schedule.getLR(1000)).toBe(0.1);
  expect(schedule.getLR(10 ** 9)).toBe(0.1);
  for (let d = 0; d <= 400; d++) {
    expect(schedule.getLR(600 - d) + schedule.getLR(600 + d)).toBeCloseTo(0.6, 14);
  }
});

test("without warm-up the first rate is lr", () => {
  for (const warmup_type of ["linear", "log"] as const) {
    const schedule = new LayerTokenLRSchedule({ total_layer_tokens: 10, warmup_type }, { lr: 1, floor: 0.5 });
    expect([0, 5, 10].map((c) => schedule.getLR(c))).toEqual([1, 0.75, 0.5]);
  }
});

test("falls by layer-tokens, not by steps, and ends where getTotalLayerTokens says", () => {
  const scheduler = new RandomLTDScheduler({
    total_layer_num: 4,
    random_ltd_layer_num: 2,
    global_batch_size: 2,
    random_ltd_schedule: {
      min_value: 16,
      max_value: 64,
      schedule_type: "fixed_linear",
      schedule_config: { require_steps: 60, seq_per_step: 16 },
    },
  });
  const steps = 100;
  const schedule = new LayerTokenLRSchedule(
    { total_layer_tokens: scheduler.getTotalLayerTokens(steps) },
    { lr: 1 },
  );
  const rates: number[] = [];
  for (let step = 0; step < steps; step++) {
    scheduler.updateSeq(step);
    rates.push(schedule.getLR(scheduler.consumedLayerTokens));
  }
  const falls = rates.slice(1).map((rate, i) => rates[i] - rate);
  expect(rates.at(-1)).toBe(0);
  // A step at K = 16 charges 2 * (16 * 2 + 64 * 2) = 320 of the 512 that a full step charges.
  expect(falls[0] / falls.at(-1)!).toBeCloseTo(320 / 512, 10);
});

describe("bad input", () => {
  const make = (config: object, options: object) => () =>
    new LayerTokenLRSchedule({ ...tokens, ...config } as never, { lr: 1, ...options } as never);
  test.each([
    [{ total_layer_tokens: undefined }, {}, TypeError, '"total_layer_tokens" expected an integer'],
    [{ total_layer_tokens: 0 }, {}, RangeError, '"total_layer_tokens" expected an integer'],
    [
      { warmup_layer_tokens: 1000 },
      {},
      RangeError,
      '"warmup_layer_tokens" expected an integer from 0 to 999',
    ],
    [{ warmup_type: "cosine" }, {}, RangeError, '"warmup_type" expected one of "linear", "log"'],
    [
      { warmup: 1 },
      {},
      RangeError,
      '"config" expected known keys (did you mean "warmup_type"?), got "warmup"',
    ],
    [{}, { lr: undefined }, TypeError, '"lr" expected a number above 0, got undefined'],
    [{}, { lr: 0 }, RangeError, '"lr" expected a number above 0, got 0'],
    [{}, { lr: Number.NaN }, RangeError, '"lr" expected a number above 0, got NaN'],
    [{}, { lr: Number.POSITIVE_INFINITY }, RangeError, '"lr" expected a number above 0, got Infinity'],
    [{}, { floor: 1.5 }, RangeError, '"floor" expected a number from 0 to 1, got 1.5'],
    [{}, { decay: "log" }, RangeError, '"decay" expected one of "linear", "cosine", got "log"'],
  ] as const)("%o %o", (config, options, kind, message) => {
    expect(make(config, options)).toThrow(kind);
    expect(make(config, options)).toThrow(message);
  });
  test.each([-1, 0.5, Number.NaN])("%s consumed", (consumed) => {
    expect(() => make({}, {})().getLR(consumed)).toThrow(RangeError);
  });
  test("no configuration, no options", () => {
    expect(() => new LayerTokenLRSchedule(undefined as never, { lr: 1 })).toThrow(TypeError);
    expect(() => new LayerTokenLRSchedule(tokens, undefined as never)).toThrow(TypeError);
    expect(() => make({}, {})().getLR("1" as never)).toThrow(TypeError);
  });
});

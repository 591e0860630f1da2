import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type RandomLTDConfig, RandomLTDScheduler } from "../../src/index.ts";

/** Settings as DeepSpeed's examples and the paper publish them. */
function config(
  [min, max, steps, step]: readonly number[],
  [layers, dropping, batch]: readonly number[] = [24, 22, 256],
  root?: number,
): RandomLTDConfig {
  return {
    total_layer_num: layers,
    random_ltd_layer_num: dropping,
    global_batch_size: batch,
    micro_batch_size: 1,
    random_ltd_schedule: {
      min_value: min,
      max_value: max,
      schedule_type: root === undefined ? "fixed_linear" : "fixed_root",
      schedule_config: {
        require_steps: steps,
        seq_per_step: step,
        ...(root !== undefined && { root_degree: root }),
      },
    },
  };
}

const PUBLISHED = [
  { name: "GPT 128 -> 2048 by 16 over 200000", schedule: [128, 2048, 200000, 16], model: [24, 22, 256] },
  { name: "ViT 32 -> 197 by 8 over 3910", schedule: [32, 197, 3910, 8], model: [12, 10, 128] },
  { name: "100 -> 512 by 16 over 1000", schedule: [100, 512, 1000, 16], model: [12, 10, 8] },
] as const;

/** A length onto the steps, as DeepSpeed does it since its commit ac0bde6cb. */
function aligned(v: number, [min, max, , by]: readonly number[]): number {
  const least = min % by === 0 ? min : min + by - (min % by);
  return Math.min(Math.max(v - (v % by), least), max);
}

/** DeepSpeed's linear schedule, in its doubles. */
function linear(schedule: readonly number[], t: number): number {
  const [min, max, steps] = schedule;
  return aligned(Math.floor((t / steps) * (max - min) + min), schedule);
}

/** The linear schedule in whole numbers: no rounding of quotients anywhere. */
function exactLinear(schedule: readonly number[], t: number): number {
  const [min, max, steps] = schedule;
  return aligned(min + Number((BigInt(t) * BigInt(max - min)) / BigInt(steps)), schedule);
}

describe.each(PUBLISHED)("$name", ({ schedule, model }) => {
  const [, max, steps] = schedule;
  const [layers, dropping, batch] = model;

  test("every step has DeepSpeed's length and layer-tokens", () => {
    const scheduler = new RandomLTDScheduler(config(schedule, model));
    expect(scheduler.getCurrentSeq()).toBe(linear(schedule, 0));
    const seen = new Set<number>();
    const lengths = scheduler.getSeqValues();
    const end = Math.ceil(steps * 1.1); // max_value comes after require_steps where it is no multiple
    let tokens = 0;
    let apart = 0;
    for (let t = 0; t < end; t++) {
      scheduler.updateSeq(t);
      const length = linear(schedule, t);
      tokens += batch * (length * dropping + max * (layers - dropping));
      if (scheduler.getCurrentSeq() !== length || scheduler.consumedLayerTokens !== tokens) {
        expect([t, scheduler.getCurrentSeq(), scheduler.consumedLayerTokens]).toEqual([t, length, tokens]);
      }
      if (length !== exactLinear(schedule, t)) apart++;
      seen.add(length);
    }
    expect(scheduler.getTotalLayerTokens(end)).toBe(tokens);
    expect([...seen]).toEqual(lengths); // in the order of their coming, which is ascending
    // The doubles that DeepSpeed computes with fall short of the whole numbers at most where a length begins.
    expect(apart).toBeLessThanOrEqual(lengths.length);
  });

  test("getTotalLayerTokens counts any number of steps, and changes nothing", () => {
    const scheduler = new RandomLTDScheduler(config(schedule, model));
    scheduler.updateSeq(3);
    const before = scheduler.stateDict();
    let tokens = 0;
    for (let t = 0; t < 3000; t++) {
      if (t < 50 || t % 97 === 0) expect(scheduler.getTotalLayerTokens(t)).toBe(tokens);
      tokens += batch * (linear(schedule, t) * dropping + max * (layers - dropping));
    }
    expect(scheduler.stateDict()).toEqual(before);
  });
});

test("some lengths of the published schedules, by hand", () => {
  const at = (schedule: readonly number[], t: number) => {
    const scheduler = new RandomLTDScheduler(config(schedule));
    scheduler.updateSeq(t);
    return scheduler.getCurrentSeq();
  };
  const gpt = PUBLISHED[0].schedule;
  expect([0, 1666, 1667, 100000, 199999, 200000, 4294967295].map((t) => at(gpt, t))).toEqual([
    128, 128, 144, 1088, 2032, 2048, 2048,
  ]);
  // 197 is no multiple of 8: at require_steps K is 192, and 197 only once v reaches 200.
  expect([0, 3910, 3981, 3982].map((t) => at(PUBLISHED[1].schedule, t))).toEqual([32, 192, 192, 197]);
});

// DeepSpeed at ac0bde6cb: RandomLTDScheduler(config).update_seq(t), get_current_seq()
test.each([
  // [min, max, steps, by], then K at steps 0, 1, 50, 99, 100, 1000
  { schedule: [8, 64, 100, 16], lengths: [16, 16, 32, 48, 64, 64] },
  { schedule: [10, 64, 100, 8], lengths: [16, 16, 32, 56, 64, 64] },
  { schedule: [16, 64, 100, 8], lengths: [16, 16, 40, 56, 64, 64] },
  { schedule: [100, 512, 100, 16], lengths: [112, 112, 304, 496, 512, 512] },
  { schedule: [200, 512, 100, 16], lengths: [208, 208, 352, 496, 512, 512] },
  { schedule: [8, 12, 100, 16], lengths: [12, 12, 12, 12, 12, 12] }, // nothing between: all tokens
  { schedule: [197, 197, 100, 8], lengths: [197, 197, 197, 197, 197, 197] }, // min = max drops nothing
  { schedule: [16, 16, 100, 16], lengths: [16, 16, 16, 16, 16, 16] },
])("min_value is rounded up to the steps: $schedule", ({ schedule, lengths }) => {
  for (const root of [undefined, 1]) {
    const scheduler = new RandomLTDScheduler(config(schedule, [4, 2, 2], root));
    expect(scheduler.getCurrentSeq()).toBe(lengths[0]); // before the first step: that of step 0
    expect(scheduler.stateDict().current_value).toBe(lengths[0]);
    const seen = [0, 1, 50, 99, 100, 1000].map((t) => {
      scheduler.updateSeq(t);
      return scheduler.getCurrentSeq();
    });
    expect(seen).toEqual(lengths);
    expect(scheduler.getSeqValues()).toEqual([lengths[5]]);
    scheduler.updateSeq(0); // K follows from the step alone, in whatever order steps come
    expect(scheduler.getCurrentSeq()).toBe(lengths[0]);
    expect(scheduler.getTotalLayerTokens(1)).toBe(2 * (2 * lengths[0] + 2 * schedule[1]));
  }
});

test("counting by stretches of equal length is counting step by step, for any schedule", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 0, max: 60 }),
      fc.integer({ min: 0, max: 300 }),
      fc.integer({ min: 1, max: 400 }),
      fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }),
      fc.integer({ min: 0, max: 600 }),
      (by, above, range, steps, root, n) => {
        const schedule = [1 + above, 1 + above + range, steps, by];
        const scheduler = new RandomLTDScheduler(config(schedule, [6, 4, 3], root));
        const total = scheduler.getTotalLayerTokens(n);
        const lengths = scheduler.getSeqValues();
        const seen = new Set<number>();
        for (let t = 0; t < n; t++) {
          scheduler.updateSeq(t);
          seen.add(scheduler.getCurrentSeq());
        }
        expect(scheduler.consumedLayerTokens).toBe(total);
        expect(lengths.slice(0, seen.size)).toEqual([...seen]);
      },
    ),
    { numRuns: 300 },
  );
});

test("a huge number of steps is counted as fast as a small one", () => {
  const scheduler = new RandomLTDScheduler(config([128, 2048, 200000, 16], [24, 22, 1]));
  const ramp = scheduler.getTotalLayerTokens(200000);
  expect(scheduler.getTotalLayerTokens(2 ** 32)).toBe(ramp + (2 ** 32 - 200000) * 24 * 2048);
});

describe("fixed_root", () => {
  test("is the linear schedule in whole numbers at degree 1", () => {
    for (const { schedule } of PUBLISHED) {
      const scheduler = new RandomLTDScheduler(config(schedule, undefined, 1));
      for (let t = 0; t < 5000; t++) {
        scheduler.updateSeq(t);
        expect(scheduler.getCurrentSeq()).toBe(exactLinear(schedule, t));
      }
    }
  });

  test("begins each length at the step that the exact root gives, where doubles fall short", () => {
    // sqrt(t / 289) * 17 is a whole number at t = n^2, and in doubles 2.9999999999999996 at t = 9.
    const scheduler = new RandomLTDScheduler(config([1, 18, 289, 1], undefined, 2));
    for (let t = 0; t <= 400; t++) {
      scheduler.updateSeq(t);
      let n = 0;
      while ((n + 1) ** 2 <= t) n++;
      expect(scheduler.getCurrentSeq()).toBe(Math.min(1 + n, 18));
    }
    expect(Math.floor((9 / 289) ** (1 / 2) * 17)).toBe(2);
  });

  test("ends each length where it should too, where doubles go beyond", () => {
    const [steps, range, t] = [4294967291, 2147483000, 4168546875];
    const scheduler = new RandomLTDScheduler(config([1, 1 + range, steps, 1], undefined, 1));
    scheduler.updateSeq(t);
    expect(scheduler.getCurrentSeq()).toBe(1 + 2084272810);
    expect((BigInt(t) * BigInt(range)) / BigInt(steps)).toBe(2084272810n);
    expect(Math.floor(range * (t / steps))).toBe(2084272811);
  });

  test("agrees with counting up, for any degree and size", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 0, max: 300 }),
        fc.integer({ min: 1, max: 100000 }),
        fc.integer({ min: 0, max: 200000 }),
        (degree, by, range, steps, t) => {
          const schedule = [3, 3 + range, steps, by];
          const scheduler = new RandomLTDScheduler(config(schedule, undefined, degree));
          scheduler.updateSeq(t);
          let n = 0n;
          const d = BigInt(degree);
          while (n <= range + by && (n + 1n) ** d * BigInt(steps) <= BigInt(t) * BigInt(range) ** d) n++;
          expect(scheduler.getCurrentSeq()).toBe(aligned(3 + Number(n), schedule));
        },
      ),
      { numRuns: 500 },
    );
  });

  test("counts layer-tokens as a loop over all steps does", () => {
    const scheduler = new RandomLTDScheduler(config([128, 2048, 20000, 16], [24, 22, 8], 2));
    const total = scheduler.getTotalLayerTokens(21000);
    const lengths = scheduler.getSeqValues();
    const seen = new Set<number>();
    for (let t = 0; t < 21000; t++) {
      scheduler.updateSeq(t);
      seen.add(scheduler.getCurrentSeq());
    }
    expect(scheduler.consumedLayerTokens).toBe(total);
    expect([...seen]).toEqual(lengths);
  });
});

describe("a schedule of the caller's", () => {
  const custom = (): RandomLTDConfig => ({
    ...config([64, 256, 10, 1]),
    random_ltd_schedule: {
      min_value: 64,
      max_value: 256,
      schedule_type: "custom",
      schedule_config: { require_steps: 10 },
    },
  });

  test("gives K, up and down", () => {
    const scheduler = new RandomLTDScheduler(custom(), { schedule: (t) => [200, 100, 256][t % 3] });
    const seen = [0, 1, 2, 3].map((t) => {
      scheduler.updateSeq(t);
      return scheduler.getCurrentSeq();
    });
    expect(seen).toEqual([200, 100, 256, 200]);
    expect(new RandomLTDScheduler(custom(), { schedule: (t) => 7 + t }).getCurrentSeq()).toBe(7);
    expect(scheduler.getSeqValues()).toEqual([100, 200, 256]);
    expect(scheduler.getTotalLayerTokens(3)).toBe(256 * (556 * 22 + 3 * 256 * 2));
  });

  test("is held to whole numbers from 1 to max_value, before anything changes", () => {
    let length: unknown = 100;
    const scheduler = new RandomLTDScheduler(custom(), { schedule: () => length as number });
    scheduler.updateSeq(0);
    const before = scheduler.stateDict();
    for (length of [0, 257, 1.5, Number.NaN]) expect(() => scheduler.updateSeq(1)).toThrow(RangeError);
    length = "100";
    expect(() => scheduler.updateSeq(1)).toThrow(
      new TypeError('"schedule(1)" expected a number of tokens, got "100"'),
    );
    expect(scheduler.stateDict()).toEqual(before);
  });

  test("is wanted with custom, and only there", () => {
    expect(() => new RandomLTDScheduler(custom())).toThrow(
      new TypeError('"schedule" expected a function of the step with schedule_type "custom", got undefined'),
    );
    const linear = config([16, 32, 10, 16]);
    expect(() => new RandomLTDScheduler(linear, { schedule: () => 16 })).toThrow(TypeError);
  });
});

describe("state", () => {
  const make = (seed?: number | bigint) =>
    new RandomLTDScheduler(config([32, 128, 100, 16]), seed === undefined ? {} : { seed });

  test("starts at step 0 for sampling, -1 in the state, K = min_value", () => {
    const scheduler = make();
    expect(scheduler.step).toBe(0);
    expect(scheduler.seed).toBe(1234n);
    expect(scheduler.stateDict()).toEqual({
      consumed_layer_tokens: 0,
      current_steps: -1,
      current_value: 32,
      min_value: 32,
      max_value: 128,
      seed: "1234",
      sampling_rule: 1,
    });
  });

  test("a step counts once, and a step that is gone back to counts again", () => {
    const scheduler = make();
    for (const t of [0, 0, 0]) scheduler.updateSeq(t);
    const once = 256 * (32 * 22 + 128 * 2);
    expect(scheduler.consumedLayerTokens).toBe(once);
    scheduler.updateSeq(1);
    scheduler.updateSeq(0);
    expect(scheduler.consumedLayerTokens).toBe(3 * once);
    expect(scheduler.getCurrentSeq()).toBe(32);
  });

  test("a resumed run goes on exactly, through JSON and with a 64-bit seed", () => {
    const seed = 2n ** 64n - 1n;
    const whole = make(seed);
    for (let t = 0; t < 150; t++) whole.updateSeq(t);
    const first = make(seed);
    for (let t = 0; t < 57; t++) first.updateSeq(t);
    const second = make(seed);
    second.loadStateDict(JSON.parse(JSON.stringify(first.stateDict())));
    expect(second.getCurrentSeq()).toBe(first.getCurrentSeq());
    expect(second.step).toBe(56);
    for (let t = 57; t < 150; t++) second.updateSeq(t);
    expect(second.stateDict()).toEqual(whole.stateDict());
  });

  test("DeepSpeed's own state loads", () => {
    const scheduler = make();
    const state = { consumed_layer_tokens: 1000, current_steps: 20, current_value: 48, min_value: 32 };
    scheduler.loadStateDict({ ...state, max_value: 128 });
    expect(scheduler.stateDict()).toEqual({ ...state, max_value: 128, seed: "1234", sampling_rule: 1 });
    scheduler.updateSeq(50);
    expect(scheduler.getCurrentSeq()).toBe(80);
    expect(scheduler.consumedLayerTokens).toBe(1000 + 256 * (80 * 22 + 128 * 2));
  });

  test("K follows from a state's step: from before the rounding of min_value, and before the first step", () => {
    const scheduler = new RandomLTDScheduler(config([100, 512, 1000, 16]));
    const older = {
      consumed_layer_tokens: 0,
      current_steps: 0,
      current_value: 96,
      min_value: 100,
      max_value: 512,
    };
    scheduler.loadStateDict(older);
    expect(scheduler.getCurrentSeq()).toBe(112);
    scheduler.updateSeq(500);
    scheduler.loadStateDict({ ...older, current_steps: -1, current_value: 100 });
    expect([scheduler.step, scheduler.getCurrentSeq()]).toEqual([0, 112]);
    scheduler.updateSeq(0);
    expect(scheduler.consumedLayerTokens).toBe(256 * (112 * 22 + 512 * 2));
  });

  test("layer-tokens beyond the safe integers come back as they were", () => {
    const huge = config([2048, 131072, 10, 1024], [1000, 998, 2 ** 24]);
    const [first, second] = [new RandomLTDScheduler(huge), new RandomLTDScheduler(huge)];
    for (let t = 0; t < 12; t++) first.updateSeq(t);
    expect(first.consumedLayerTokens).toBeGreaterThan(2 ** 53);
    second.loadStateDict(JSON.parse(JSON.stringify(first.stateDict())));
    expect(second.stateDict()).toEqual(first.stateDict());
  });

  test("DeepSpeed's whole checkpoint is told apart from the state that lies in it", () => {
    const scheduler = make();
    const { seed, sampling_rule, ...state } = scheduler.stateDict();
    const message = `"stateDict" expected its part random_ltd, got DeepSpeed's whole checkpoint`;
    for (const random_ltd of [state, null]) {
      const load = () => scheduler.loadStateDict({ module: {}, random_ltd, global_steps: 7 } as never);
      expect(load).toThrow(new TypeError(message));
    }
    scheduler.loadStateDict({ ...state, random_ltd: null } as never); // a state, whatever lies beside its keys
  });

  test("a state that can't be gone on from is refused whole", () => {
    const scheduler = make();
    scheduler.updateSeq(5);
    const good = scheduler.stateDict();
    const cases: [object, ErrorConstructor, string][] = [
      [{ seed: "7" }, RangeError, '"seed" expected one of "1234", got "7"'],
      [{ seed: 1234 }, TypeError, '"seed" expected one of "1234", got 1234'],
      [
        { sampling_rule: 2 },
        RangeError,
        '"sampling_rule" expected 1, the rule that this library draws by, got 2',
      ],
      [{ current_value: 129 }, RangeError, '"current_value" expected an integer from 1 to 128, got 129'],
      [
        { current_value: undefined },
        TypeError,
        '"current_value" expected an integer from 1 to 128, got undefined',
      ],
      [
        { current_steps: -2 },
        RangeError,
        '"current_steps" expected an integer from -1 to 4294967295, got -2',
      ],
      // DeepSpeed takes these, and K stays at the old maximum for ever.
      [{ max_value: 64 }, RangeError, '"max_value" expected 128, as in the configuration, got 64'],
      [{ max_value: 256 }, RangeError, '"max_value" expected 128, as in the configuration, got 256'],
      [{ min_value: 48 }, RangeError, '"min_value" expected 32, as in the configuration, got 48'],
      [{ min_value: "32" }, TypeError, '"min_value" expected an integer from 1 to 2147483647, got "32"'],
      [{ current_value: 0 }, RangeError, '"current_value" expected an integer from 1 to 128, got 0'],
      [{ consumed_layer_tokens: 0.5 }, RangeError, '"consumed_layer_tokens" expected an integer from 0'],
    ];
    for (const [change, kind, message] of cases) {
      const load = () => scheduler.loadStateDict({ ...good, ...change } as never);
      expect(load).toThrow(kind);
      expect(load).toThrow(message);
    }
    for (const other of [undefined, null, 7, JSON.stringify(good), [], Object.values(good)]) {
      expect(() => scheduler.loadStateDict(other as never)).toThrow(TypeError);
      expect(() => scheduler.loadStateDict(other as never)).toThrow('"stateDict" expected an object, got');
    }
    // Of another kind of thing: a model's parameters, a Map, this state one level too high.
    for (const other of [{}, { "h.1.weight": [1] }, new Map(Object.entries(good)), { scheduler: good }]) {
      expect(() => scheduler.loadStateDict(other as never)).toThrow(TypeError);
      expect(() => scheduler.loadStateDict(other as never)).toThrow('"max_value" expected an integer');
    }
    expect(scheduler.stateDict()).toEqual(good);
  });
});

describe("bad input", () => {
  const good = config([32, 128, 100, 16]);
  const schedule = good.random_ltd_schedule;
  const cases: [string, unknown, ErrorConstructor, string][] = [
    ["nothing", undefined, TypeError, '"randomLTDConfig" expected an object, got undefined'],
    [
      "an unknown key",
      { ...good, model_typo: 1 },
      RangeError,
      'did you mean "model_type"?), got "model_typo"',
    ],
    ["no layer count", { ...good, total_layer_num: undefined }, TypeError, '"total_layer_num" expected'],
    [
      "more dropping layers than layers",
      { ...good, random_ltd_layer_num: 25 },
      RangeError,
      "from 1 to 24, got 25",
    ],
    ["no batch size", { ...good, global_batch_size: undefined }, TypeError, '"global_batch_size" expected'],
    [
      "a micro-batch above the batch",
      { ...good, micro_batch_size: 257 },
      RangeError,
      '"micro_batch_size" expected',
    ],
    [
      "ids that don't fit the count",
      { ...good, random_ltd_layer_id: [1, 2] },
      RangeError,
      "in random_ltd_layer_id, 2, got 22",
    ],
    [
      "no schedule",
      { ...good, random_ltd_schedule: undefined },
      TypeError,
      '"random_ltd_schedule" expected an object',
    ],
    [
      "min above max",
      { ...good, random_ltd_schedule: { ...schedule, min_value: 129 } },
      RangeError,
      '"min_value" expected an integer from 1 to 128, got 129',
    ],
    [
      "an unknown schedule",
      { ...good, random_ltd_schedule: { ...schedule, schedule_type: "linear" } },
      RangeError,
      '"schedule_type" expected one of',
    ],
    [
      "a root without a degree",
      { ...good, random_ltd_schedule: { ...schedule, schedule_type: "fixed_root" } },
      TypeError,
      '"root_degree" expected',
    ],
    [
      "a broken root degree",
      { ...config([32, 128, 100, 16], undefined, 1.5) },
      RangeError,
      '"root_degree" expected an integer',
    ],
  ];
  test.each(cases)("%s", (_, given, kind, message) => {
    const make = () => new RandomLTDScheduler(given as never);
    expect(make).toThrow(kind);
    expect(make).toThrow(message);
  });

  test.each([-1, 0.5, 2 ** 32, Number.NaN])("step %s", (step) => {
    const scheduler = new RandomLTDScheduler(good);
    expect(() => scheduler.updateSeq(step)).toThrow(RangeError);
    expect(scheduler.stateDict().current_steps).toBe(-1);
  });
  test.each([-1, 0.5, 2 ** 32 + 1])("%s steps", (steps) => {
    expect(() => new RandomLTDScheduler(good).getTotalLayerTokens(steps)).toThrow(RangeError);
  });
  test.each([-1, 0.5, 2 ** 53, 2n ** 64n, -1n])("seed %s", (seed) => {
    expect(() => new RandomLTDScheduler(good, { seed })).toThrow(RangeError);
  });
});

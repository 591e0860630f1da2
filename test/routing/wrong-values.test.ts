/** The schedule, the learning rate and the configuration, fed the shared list of wrong-typed values. */
import { describe, expect, test } from "vitest";
import { LayerTokenLRSchedule, parseDataEfficiencyConfig, RandomLTDScheduler } from "../../src/index.ts";
import { type Kind, WRONG_VALUES } from "../suites/wrong-values.ts";
import { makeScheduler } from "./settings.ts";

/** A schedule's configuration with one value, by its path, replaced. */
function configWith(path: readonly string[], value: unknown): any {
  const config: any = {
    total_layer_num: 4,
    random_ltd_layer_num: 2,
    random_ltd_layer_id: [1, 2],
    model_mask_name: "attention_mask",
    model_type: "decoder",
    hidden_state_order: "batch_seq_dim",
    global_batch_size: 8,
    micro_batch_size: 4,
    random_ltd_schedule: {
      min_value: 4,
      max_value: 16,
      schedule_type: "fixed_root",
      schedule_config: { require_steps: 10, seq_per_step: 2, root_degree: 2 },
    },
  };
  const section = path.slice(0, -1).reduce((at, key) => at[key], config);
  section[path[path.length - 1]] = value;
  return config;
}

/** Calls with the value under test, the name of what takes it, and its kinds. */
const CALLS: readonly [string, readonly Kind[], (value: any) => unknown][] = [
  ...[
    ["total_layer_num"],
    ["random_ltd_layer_num"],
    ["global_batch_size"],
    ["random_ltd_schedule", "min_value"],
    ["random_ltd_schedule", "max_value"],
    ["random_ltd_schedule", "schedule_config", "require_steps"],
    ["random_ltd_schedule", "schedule_config", "seq_per_step"],
    ["random_ltd_schedule", "schedule_config", "root_degree"],
  ].map((path): [string, readonly Kind[], (value: any) => unknown] => [
    path[path.length - 1],
    ["integer"],
    (value) => new RandomLTDScheduler(configWith(path, value)),
  ]),
  [
    "schedule_type",
    ["choice"],
    (v) => new RandomLTDScheduler(configWith(["random_ltd_schedule", "schedule_type"], v)),
  ],
  ...(
    [
      ["enabled", "boolean"],
      ["micro_batch_size", "integer"],
      ["model_type", "choice"],
      ["hidden_state_order", "choice"],
      ["layer_token_lr_schedule", "object"],
    ] as const
  ).map(([key, kind]): [string, readonly Kind[], (value: any) => unknown] => [
    key,
    [kind, "optional"],
    (value) => new RandomLTDScheduler(configWith([key], value)),
  ]),
  ["data_efficiency", ["object", "optional"], (v) => parseDataEfficiencyConfig({ data_efficiency: v })],
  [
    "data_routing",
    ["object", "optional"],
    (v) => parseDataEfficiencyConfig({ data_efficiency: { data_routing: v } }),
  ],
  [
    "random_ltd",
    ["object", "optional"],
    (v) => parseDataEfficiencyConfig({ data_efficiency: { data_routing: { random_ltd: v } } }),
  ],
  [
    "seed",
    ["seed", "optional"],
    (seed) => new RandomLTDScheduler(configWith(["model_type"], "decoder"), { seed }),
  ],
  ["lr", ["integer"], (lr) => new LayerTokenLRSchedule({ total_layer_tokens: 9 }, { lr })],
  [
    "floor",
    ["integer", "optional"],
    (floor) => new LayerTokenLRSchedule({ total_layer_tokens: 9 }, { lr: 2, floor }),
  ],
  [
    "decay",
    ["choice", "optional"],
    (decay) => new LayerTokenLRSchedule({ total_layer_tokens: 9 }, { lr: 1, decay }),
  ],
  [
    "warmup_type",
    ["choice", "optional"],
    (v) => new LayerTokenLRSchedule({ total_layer_tokens: 9, warmup_type: v }, { lr: 1 }),
  ],
  [
    "warmup_layer_tokens",
    ["integer", "optional"],
    (n) => new LayerTokenLRSchedule({ total_layer_tokens: 9, warmup_layer_tokens: n }, { lr: 1 }),
  ],
  ["total_layer_tokens", ["integer"], (n) => new LayerTokenLRSchedule({ total_layer_tokens: n }, { lr: 1 })],
  [
    "consumedLayerTokens",
    ["integer"],
    (n) => new LayerTokenLRSchedule({ total_layer_tokens: 9 }, { lr: 1 }).getLR(n),
  ],
];

const scheduler = makeScheduler({ ids: [1, 2] });
scheduler.updateSeq(7);
const before = JSON.stringify(scheduler.stateDict());

const METHODS: typeof CALLS = [
  ["globalStep", ["integer"], (step) => scheduler.updateSeq(step)],
  ["steps", ["integer"], (steps) => scheduler.getTotalLayerTokens(steps)],
  ...["consumed_layer_tokens", "current_steps", "current_value", "min_value", "max_value"].map(
    (key): (typeof CALLS)[number] => [
      key,
      ["integer"],
      (value) => scheduler.loadStateDict({ ...scheduler.stateDict(), [key]: value }),
    ],
  ),
];

describe.each([...CALLS, ...METHODS])("%s", (name, kinds, call) => {
  test.each(
    WRONG_VALUES.filter((wrong) => !wrong.kinds?.some((kind) => kinds.includes(kind))),
  )("$what is a TypeError", ({ value }) => {
    expect(() => call(value)).toThrow(TypeError);
    expect(() => call(value)).toThrow(new RegExp(`^"${name}" expected [\\s\\S]+, got [\\s\\S]+$`));
    expect(JSON.stringify(scheduler.stateDict())).toBe(before);
  });

  if (kinds.includes("integer"))
    test("NaN is a RangeError", () => {
      expect(() => call(Number.NaN)).toThrow(RangeError);
      expect(JSON.stringify(scheduler.stateDict())).toBe(before);
    });
});

import { describe, expect, test } from "vitest";
import { parseDataEfficiencyConfig, RandomLTDScheduler } from "../../src/index.ts";

/** As in DeepSpeed's examples for GPT-2 medium, the optimizer's part shortened. */
const MEDIUM = `{
  "train_batch_size": 4,
  "train_micro_batch_size_per_gpu": 2,
  "optimizer": { "type": "Adam", "params": { "lr": 0.0001 } },
  "fp16": { "enabled": false },
  "data_efficiency": {
    "enabled": true,
    "data_routing": {
      "enabled": true,
      "random_ltd": {
        "enabled": true,
        "total_layer_num": 24,
        "random_ltd_layer_num": 22,
        "random_ltd_layer_id": [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22],
        "model_mask_name": "attention_mask",
        "model_type": "decoder",
        "hidden_state_order": "batch_seq_dim",
        "random_ltd_schedule": {
          "min_value": 128,
          "max_value": 1024,
          "schedule_type": "fixed_linear",
          "schedule_config": { "require_steps": 400, "seq_per_step": 8 }
        }
      }
    }
  }
}`;

/** The configuration with `change` made to it in place. */
function changed(change: (config: any, ltd: any) => void) {
  const config = JSON.parse(MEDIUM);
  change(config, config.data_efficiency.data_routing.random_ltd);
  return config;
}

test("reads DeepSpeed's JSON, batch sizes and defaults filled in, the input untouched", () => {
  const config = changed((c) => {
    c.data_efficiency.data_sampling = { enabled: true, num_epochs: 1, curriculum_learning: { any: "thing" } };
  });
  const before = structuredClone(config);
  const { enabled, seed, data_routing } = parseDataEfficiencyConfig(config);
  expect(config).toEqual(before);
  expect([enabled, seed, data_routing.enabled]).toEqual([true, 1234, true]);
  expect(data_routing.random_ltd).toEqual({
    ...before.data_efficiency.data_routing.random_ltd,
    global_batch_size: 4,
    micro_batch_size: 2,
    layer_token_lr_schedule: { enabled: false },
  });
  const scheduler = new RandomLTDScheduler(data_routing.random_ltd as never, { seed });
  expect(scheduler.getTotalLayerTokens(1)).toBe(4 * (128 * 22 + 1024 * 2));
});

test("every optional key, and its default", () => {
  const { data_routing, seed } = parseDataEfficiencyConfig(
    changed((c, ltd) => {
      c.data_efficiency.seed = 7;
      for (const key of ["random_ltd_layer_id", "model_mask_name", "model_type", "hidden_state_order"]) {
        delete ltd[key];
      }
      delete c.train_micro_batch_size_per_gpu;
      ltd.global_batch_size = 512;
      ltd.layer_token_lr_schedule = { enabled: true, total_layer_tokens: 1000 };
    }),
  );
  expect(seed).toBe(7);
  expect(data_routing.random_ltd).toEqual({
    enabled: true,
    total_layer_num: 24,
    random_ltd_layer_num: 22,
    model_mask_name: null,
    model_type: "decoder",
    hidden_state_order: "batch_seq_dim",
    global_batch_size: 512,
    random_ltd_schedule: JSON.parse(MEDIUM).data_efficiency.data_routing.random_ltd.random_ltd_schedule,
    layer_token_lr_schedule: {
      enabled: true,
      total_layer_tokens: 1000,
      warmup_type: "linear",
      warmup_layer_tokens: 0,
    },
  });
});

test("layers count from the end, resolved before they are sorted", () => {
  const { data_routing } = parseDataEfficiencyConfig(
    changed((_, ltd) => {
      ltd.random_ltd_layer_id = [-2, 1, 22 - 24 - 1, 5];
      ltd.random_ltd_layer_num = 4;
    }),
  );
  expect(data_routing.random_ltd).toMatchObject({ random_ltd_layer_id: [1, 5, 21, 22] });
});

test("takes the data_efficiency object alone", () => {
  const config = changed((_, ltd) => {
    ltd.global_batch_size = 4;
  });
  expect(parseDataEfficiencyConfig(config.data_efficiency).data_routing.random_ltd.enabled).toBe(true);
  expect(() => parseDataEfficiencyConfig(JSON.parse(MEDIUM).data_efficiency)).toThrow(
    new TypeError('"global_batch_size" expected an integer from 1 to 2147483647, got undefined'),
  );
});

describe("batch sizes", () => {
  const sized = (sizes: object, ltd: object = {}) =>
    changed((c, own) => {
      delete c.train_batch_size;
      delete c.train_micro_batch_size_per_gpu;
      Object.assign(c, sizes);
      Object.assign(own, ltd);
    });
  const read = (sizes: object, ltd?: object) => {
    const { random_ltd } = parseDataEfficiencyConfig(sized(sizes, ltd)).data_routing as any;
    return [random_ltd.global_batch_size, random_ltd.micro_batch_size];
  };
  const AUTO = {
    train_batch_size: "auto",
    train_micro_batch_size_per_gpu: "auto",
    gradient_accumulation_steps: "auto",
  };

  test("are told by what HuggingFace's files hold", () => {
    expect(read({ train_batch_size: 8 })).toEqual([8, undefined]);
    expect(read({ ...AUTO, train_batch_size: 8 })).toEqual([8, undefined]);
    expect(read({ train_micro_batch_size_per_gpu: 2, gradient_accumulation_steps: 4 })).toEqual([8, 2]);
    expect(read({ train_micro_batch_size_per_gpu: 2 })).toEqual([2, 2]);
    const micro = { train_micro_batch_size_per_gpu: 2, gradient_accumulation_steps: 4 };
    expect(read({ ...AUTO, ...micro })).toEqual([8, 2]);
    expect(read({ train_batch_size: 16, ...micro })).toEqual([16, 2]); // two devices
    expect(read(AUTO, { global_batch_size: 8, micro_batch_size: 4 })).toEqual([8, 4]);
    expect(read(AUTO, { global_batch_size: 8 })).toEqual([8, undefined]);
  });

  const WAYS =
    'a number (train_batch_size, or train_micro_batch_size_per_gpu and gradient_accumulation_steps; "auto" is ' +
    "the Trainer's to fill in)";
  test.each([
    [{}, "train_batch_size", "undefined"],
    [AUTO, "train_batch_size", '"auto"'],
    [{ train_batch_size: "auto" }, "train_batch_size", '"auto"'],
    [{ train_micro_batch_size_per_gpu: "auto" }, "train_micro_batch_size_per_gpu", '"auto"'],
    [{ ...AUTO, train_micro_batch_size_per_gpu: 2 }, "gradient_accumulation_steps", '"auto"'],
  ])("that nobody can tell name the key at hand: %o", (sizes, key, got) => {
    const parse = () => parseDataEfficiencyConfig(sized(sizes));
    expect(parse).toThrow(new TypeError(`"${key}" expected ${WAYS}, got ${got}`));
  });

  test.each([
    [{ train_batch_size: 0 }, '"train_batch_size" expected an integer from 1 to 2147483647, got 0'],
    [{ train_batch_size: "8" }, '"train_batch_size" expected an integer from 1 to 2147483647, got "8"'],
    [
      { train_micro_batch_size_per_gpu: 2, gradient_accumulation_steps: 1.5 },
      '"gradient_accumulation_steps" expected an integer from 1 to 2147483647, got 1.5',
    ],
    [
      { train_micro_batch_size_per_gpu: 2 ** 20, gradient_accumulation_steps: 2 ** 20 },
      '"train_batch_size" expected an integer from 1 to 2147483647, got 1099511627776',
    ],
  ])("that are wrong go by the user's own names: %o", (sizes, message) => {
    expect(() => parseDataEfficiencyConfig(sized(sizes))).toThrow(message);
  });

  test("stay unread where nothing is dropped", () => {
    expect(parseDataEfficiencyConfig(sized(AUTO, { enabled: false })).data_routing.random_ltd.enabled).toBe(
      false,
    );
  });
});

describe("enabled", () => {
  const off = { enabled: false, layer_token_lr_schedule: { enabled: false } };
  test("is off without a word", () => {
    const renamed = { _data_efficiency: JSON.parse(MEDIUM).data_efficiency };
    for (const config of [{}, { data_efficiency: {} }, { train_batch_size: 8 }, renamed]) {
      expect(parseDataEfficiencyConfig(config)).toEqual({
        enabled: false,
        seed: 1234,
        data_routing: { enabled: false, random_ltd: off },
      });
    }
  });
  test.each([
    ["data_efficiency", (c: any) => c.data_efficiency, [false, false]],
    ["data_routing", (c: any) => c.data_efficiency.data_routing, [true, false]],
    ["random_ltd", (c: any) => c.data_efficiency.data_routing.random_ltd, [true, true]],
  ])("off at %s switches off what lies below, unread", (_, level, upper) => {
    for (const value of [false, undefined]) {
      const config = changed((c, ltd) => {
        level(c).enabled = value;
        ltd.random_ltd_layer_num = "nonsense";
      });
      const { enabled, data_routing } = parseDataEfficiencyConfig(config);
      expect([enabled, data_routing.enabled]).toEqual(upper);
      expect(data_routing.random_ltd).toEqual(off);
    }
  });
  test("must be a boolean", () => {
    const config = changed((c) => {
      c.data_efficiency.enabled = "true";
    });
    expect(() => parseDataEfficiencyConfig(config)).toThrow(
      new TypeError('"enabled" expected a boolean, got "true"'),
    );
  });
});

describe("refuses", () => {
  const cases: [string, (config: any, ltd: any) => void, ErrorConstructor, string][] = [
    [
      "a misspelled data_efficiency",
      (c) => {
        c.data_eficiency = c.data_efficiency;
      },
      RangeError,
      '"config" expected "data_efficiency", got "data_eficiency"',
    ],
    [
      "a misspelled data_routing",
      (c) => {
        c.data_efficiency.data_route = {};
      },
      RangeError,
      '"data_efficiency" expected known keys (did you mean "data_routing"?), got "data_route"',
    ],
    [
      "a misspelled random_ltd",
      (c) => {
        c.data_efficiency.data_routing.random_LTD = {};
      },
      RangeError,
      '"data_routing" expected known keys (did you mean "random_ltd"?), got "random_LTD"',
    ],
    [
      "a misspelled key of it",
      (_, ltd) => {
        ltd.random_ltd_layer_ids = [];
      },
      RangeError,
      '"random_ltd" expected known keys (did you mean "random_ltd_layer_id"?), got "random_ltd_layer_ids"',
    ],
    [
      "a misspelled key of the schedule",
      (_, ltd) => {
        ltd.random_ltd_schedule.schedule_config.require_step = 1;
      },
      RangeError,
      '"schedule_config" expected known keys (did you mean "require_steps"?), got "require_step"',
    ],
    [
      "a misspelled key of the learning rate",
      (_, ltd) => {
        ltd.layer_token_lr_schedule = { enabled: true, warmup_tokens: 1 };
      },
      RangeError,
      '"layer_token_lr_schedule" expected known keys (did you mean "warmup_type"?), got "warmup_tokens"',
    ],
    [
      "another number of layers than ids",
      (_, ltd) => {
        ltd.random_ltd_layer_num = 21;
      },
      RangeError,
      '"random_ltd_layer_num" expected the number of layers in random_ltd_layer_id, 22, got 21',
    ],
    [
      "a layer that isn't there",
      (_, ltd) => {
        ltd.random_ltd_layer_id[21] = 24;
      },
      RangeError,
      '"random_ltd_layer_id" expected an integer from -24 to 23, got 24',
    ],
    [
      "a layer twice, once from the end",
      (_, ltd) => {
        ltd.random_ltd_layer_id[21] = -23;
      },
      RangeError,
      '"random_ltd_layer_id" expected each layer once, got layer 1 twice',
    ],
    [
      "min above max",
      (_, ltd) => {
        ltd.random_ltd_schedule.min_value = 1025;
      },
      RangeError,
      '"min_value" expected an integer from 1 to 1024, got 1025',
    ],
    [
      "a degree without a root",
      (_, ltd) => {
        ltd.random_ltd_schedule.schedule_config.root_degree = 2;
      },
      RangeError,
      '"root_degree" expected none with schedule_type "fixed_linear", got 2',
    ],
    [
      "a micro-batch above the batch",
      (c) => {
        c.train_micro_batch_size_per_gpu = 5;
      },
      RangeError,
      '"train_micro_batch_size_per_gpu" expected an integer from 1 to 4, got 5',
    ],
    [
      "warm-up as long as training",
      (_, ltd) => {
        ltd.layer_token_lr_schedule = { enabled: true, total_layer_tokens: 10, warmup_layer_tokens: 10 };
      },
      RangeError,
      '"warmup_layer_tokens" expected an integer from 0 to 9, got 10',
    ],
    [
      "a negative seed",
      (c) => {
        c.data_efficiency.seed = -1;
      },
      RangeError,
      '"seed" expected an unsigned 64-bit integer (a safe integer or a bigint), got -1',
    ],
    [
      "an unknown model type",
      (_, ltd) => {
        ltd.model_type = "both";
      },
      RangeError,
      '"model_type" expected one of "encoder", "decoder", got "both"',
    ],
    [
      "a mask name that is no name",
      (_, ltd) => {
        ltd.model_mask_name = 1;
      },
      TypeError,
      '"model_mask_name" expected a string or null, got 1',
    ],
  ];
  test.each(cases)("%s", (_, change, kind, message) => {
    expect(() => parseDataEfficiencyConfig(changed(change))).toThrow(new kind(message));
  });
  test.each([undefined, null, 7, "text", []])("%s for a configuration", (config) => {
    expect(() => parseDataEfficiencyConfig(config as never)).toThrow(TypeError);
  });
});

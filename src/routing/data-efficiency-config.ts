import {
  checkBoolean,
  checkInteger,
  checkObject,
  checkSeed,
  editDistance,
  MAX,
  wrongType,
  wrongValue,
} from "../check.ts";
import { checkSection } from "./known-keys.ts";
import { type CheckedRandomLTDConfig, checkRandomLTDConfig } from "./random-ltd-config.ts";

/** `random_ltd` where any level above it, or itself, is switched off. */
export interface DisabledRandomLTD {
  readonly enabled: false;
  readonly layer_token_lr_schedule: { readonly enabled: false };
}

/** What {@link parseDataEfficiencyConfig} returns: DeepSpeed's structure and keys, with defaults filled in. */
export interface DataEfficiencyConfig {
  readonly enabled: boolean;
  /** An unsigned 64-bit number. Default 1234. */
  readonly seed: number | bigint;
  readonly data_routing: {
    /** Whether this level and the one above are switched on. */
    readonly enabled: boolean;
    /** `enabled` here says whether all three levels are. */
    readonly random_ltd: (CheckedRandomLTDConfig & { readonly enabled: true }) | DisabledRandomLTD;
  };
}

const DISABLED: DisabledRandomLTD = { enabled: false, layer_token_lr_schedule: { enabled: false } };

/**
 * Reads the `data_efficiency` part of a DeepSpeed configuration, its JSON unchanged. The counterpart of
 * `get_data_efficiency_config` (`runtime/data_pipeline/config.py`), with what DeepSpeed's engine adds and checks later:
 * `global_batch_size` and `micro_batch_size` default to `train_batch_size` and `train_micro_batch_size_per_gpu`, and
 * layer counts and ids are checked against each other. Where `train_batch_size` is missing, it is the micro-batch times
 * `gradient_accumulation_steps` (default 1), for one device; "auto", as HuggingFace's Trainer takes it, counts as
 * missing.
 *
 * `enabled` is false by default at each level. A level that is off switches off everything below it, which is then not
 * checked. `data_sampling` and every key beside `data_efficiency` belong to other features and are ignored.
 *
 * @param config The whole configuration, or its `data_efficiency` object alone (then `random_ltd` itself holds the
 *   batch sizes).
 * @returns A new object; `data_routing.random_ltd` is what {@link RandomLTDScheduler} takes, its layer numbers from 0
 *   and ascending.
 * @throws TypeError for a value that is missing or of the wrong type; RangeError for an unknown key, naming the nearest
 *   known one, a number out of range, or a contradiction: `min_value` above `max_value`, `random_ltd_layer_num` other
 *   than the number of ids, an id twice.
 * @example
 * const { seed, data_routing } = parseDataEfficiencyConfig(JSON.parse(text));
 * if (data_routing.random_ltd.enabled) {
 *   const scheduler = new RandomLTDScheduler(data_routing.random_ltd, { seed });
 * }
 */
export function parseDataEfficiencyConfig(config: object): DataEfficiencyConfig {
  checkObject("config", config);
  const whole = config as Readonly<Record<string, unknown>>;
  const alone = !("data_efficiency" in whole) && "data_routing" in whole;
  if (!alone) checkMisspelling(whole);
  const { data_efficiency = {} } = whole;
  const efficiency = checkSection("data_efficiency", alone ? whole : data_efficiency, [
    "enabled",
    "seed",
    "data_routing",
    "data_sampling",
  ]);
  const { enabled: wanted = false, seed: given = 1234, data_routing = {} } = efficiency;
  checkSeed("seed", given);
  const seed = given as number | bigint;
  const enabled = checkBoolean("enabled", wanted);
  const routing = checkSection("data_routing", data_routing, ["enabled", "random_ltd"]);
  const { enabled: route = false, random_ltd = {} } = routing;
  const routed = checkBoolean("enabled", route) && enabled;
  checkObject("random_ltd", random_ltd);
  const ltd = random_ltd as { enabled?: unknown };
  const { enabled: drop = false } = ltd;
  const dropping = checkBoolean("enabled", drop) && routed;
  return {
    enabled,
    seed,
    data_routing: {
      enabled: routed,
      random_ltd: dropping
        ? { ...(alone ? checkRandomLTDConfig("random_ltd", ltd) : checkRandomLTD(ltd, whole)), enabled: true }
        : DISABLED,
    },
  };
}

/** `random_ltd` with the batch sizes of the whole configuration, where it has none of its own. */
function checkRandomLTD(ltd: object, whole: Readonly<Record<string, unknown>>): CheckedRandomLTDConfig {
  const { global_batch_size = globalBatchSize(whole), micro_batch_size } = ltd as Record<string, unknown>;
  let micro = micro_batch_size;
  if (micro === undefined && isTold(whole[MICRO])) {
    const most = typeof global_batch_size === "number" ? global_batch_size : MAX.int32;
    micro = checkInteger(MICRO, whole[MICRO], 1, most);
  }
  const sizes = { global_batch_size, ...(micro !== undefined && { micro_batch_size: micro }) };
  return checkRandomLTDConfig("random_ltd", { ...ltd, ...sizes });
}

const BATCH = "train_batch_size";
const MICRO = "train_micro_batch_size_per_gpu";
const ACCUMULATION = "gradient_accumulation_steps";

/** HuggingFace's Trainer replaces "auto" by its own arguments, which are not known here. */
function isTold(size: unknown): boolean {
  return size !== undefined && size !== "auto";
}

/** As DeepSpeed's `_set_batch_related_parameters` (`runtime/config.py`) has it, on one device. */
function globalBatchSize(whole: Readonly<Record<string, unknown>>): number {
  const { [BATCH]: batch, [MICRO]: micro, [ACCUMULATION]: steps = 1 } = whole;
  if (isTold(batch)) return checkInteger(BATCH, batch, 1, MAX.int32);
  if (!isTold(micro) || steps === "auto") {
    // The first of the missing keys that would have helped.
    const key = isTold(micro) ? ACCUMULATION : batch === undefined && micro !== undefined ? MICRO : BATCH;
    const sizes = `${BATCH}, or ${MICRO} and ${ACCUMULATION}`;
    wrongType(key, `a number (${sizes}; "auto" is the Trainer's to fill in)`, whole[key]);
  }
  const rows = checkInteger(MICRO, micro, 1, MAX.int32) * checkInteger(ACCUMULATION, steps, 1, MAX.int32);
  return checkInteger(BATCH, rows, 1, MAX.int32);
}

/**
 * Other keys of the whole configuration are DeepSpeed's own, but a typo in this one would switch everything off. With a
 * mark in front (`_data_efficiency`) it is no typo: that is how a section of JSON is disabled by hand.
 */
function checkMisspelling(whole: Readonly<Record<string, unknown>>): void {
  for (const key of Object.keys(whole)) {
    if (!/^\W*_?data_efficiency$/.test(key) && editDistance(key, "data_efficiency") <= 3) {
      wrongValue("config", '"data_efficiency"', key);
    }
  }
}

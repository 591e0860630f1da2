/**
 * The inner `random_ltd` object of DeepSpeed's configuration, its keys unchanged.
 * The keys are from DeepSpeed's `runtime/data_pipeline/constants.py`; `data_routing/scheduler.py` and
 * `data_routing/basic_layer.py` there show which are read, and when.
 */
import { checkBoolean, checkChoice, checkInteger, checkList, MAX, wrongType, wrongValue } from "../check.ts";
import { checkSection } from "./known-keys.ts";

/** Any other string, as in JSON that TypeScript has read: what is in it is checked when it is used. */
type AnyString = string & {};

/** How K grows from `min_value` to `max_value`: DeepSpeed's `random_ltd_schedule`. Lengths are in tokens. */
export interface RandomLTDScheduleConfig {
  /** K at first, rounded up to a multiple of `seq_per_step`. If it equals `max_value`, nothing is ever dropped. */
  readonly min_value: number;
  /** K at the end: the full sequence length S. */
  readonly max_value: number;
  /**
   * "fixed_linear"; "fixed_root", as in DeepSpeed's `curriculum_scheduler.py`; or "custom", the caller's own function,
   * which the scheduler takes as its `schedule` option.
   */
  readonly schedule_type: "fixed_linear" | "fixed_root" | "custom" | AnyString;
  readonly schedule_config: {
    /** Steps from `min_value` to `max_value`. */
    readonly require_steps: number;
    /** K is a multiple of this, or `max_value`. Not read by "custom". */
    readonly seq_per_step?: number;
    /** The degree d of "fixed_root", an integer: 2 is the square root. */
    readonly root_degree?: number;
  };
}

/** DeepSpeed's `layer_token_lr_schedule`: the learning rate by layer-tokens consumed. */
export interface LayerTokenLRConfig {
  readonly enabled: boolean;
  /** Layer-tokens at which the decay ends. */
  readonly total_layer_tokens?: number;
  /** Default "linear". */
  readonly warmup_type?: "linear" | "log" | AnyString;
  /** Layer-tokens of warm-up. Default 0. */
  readonly warmup_layer_tokens?: number;
}

/** DeepSpeed's `random_ltd` object, with the two batch sizes that its engine adds. */
export interface RandomLTDConfig {
  readonly enabled?: boolean;
  /** Transformer layers in the model. */
  readonly total_layer_num: number;
  /** How many of them drop tokens. */
  readonly random_ltd_layer_num: number;
  /** Which ones, counted from 0; negative numbers count from the end. */
  readonly random_ltd_layer_id?: readonly number[];
  /** The name of a layer's attention mask among its arguments. Null or missing if it takes none. */
  readonly model_mask_name?: string | null;
  /** "encoder": the mask is gathered at the retained positions. "decoder" (the default): `maskMode` decides. */
  readonly model_type?: "encoder" | "decoder" | AnyString | undefined;
  /** `[B,S,C]` or `[S,B,C]`. Default "batch_seq_dim". */
  readonly hidden_state_order?: "batch_seq_dim" | "seq_batch_dim" | AnyString | undefined;
  /** Rows in a step over all devices and micro-batches. */
  readonly global_batch_size: number;
  /** Rows in a micro-batch of one device. */
  readonly micro_batch_size?: number;
  readonly random_ltd_schedule: RandomLTDScheduleConfig;
  readonly layer_token_lr_schedule?: LayerTokenLRConfig;
}

/** A schedule of a known type. */
export interface CheckedScheduleConfig extends RandomLTDScheduleConfig {
  readonly schedule_type: "fixed_linear" | "fixed_root" | "custom";
}

/** The configuration with its defaults filled in and layer numbers resolved and sorted. */
export interface CheckedRandomLTDConfig extends RandomLTDConfig {
  readonly enabled: boolean;
  readonly model_mask_name: string | null;
  readonly model_type: "encoder" | "decoder";
  readonly hidden_state_order: "batch_seq_dim" | "seq_batch_dim";
  readonly layer_token_lr_schedule: LayerTokenLRConfig;
  readonly random_ltd_schedule: CheckedScheduleConfig;
}

const KEYS = [
  "enabled",
  "total_layer_num",
  "random_ltd_layer_num",
  "random_ltd_layer_id",
  "model_mask_name",
  "model_type",
  "hidden_state_order",
  "global_batch_size",
  "micro_batch_size",
  "random_ltd_schedule",
  "layer_token_lr_schedule",
];
const SCHEDULE_KEYS = ["min_value", "max_value", "schedule_type", "schedule_config"];
const SCHEDULE_CONFIG_KEYS = ["require_steps", "seq_per_step", "root_degree"];
const LR_KEYS = ["enabled", "total_layer_tokens", "warmup_type", "warmup_layer_tokens"];

/** A checked copy of the inner `random_ltd` object, with its defaults. */
export function checkRandomLTDConfig(name: string, value: unknown): CheckedRandomLTDConfig {
  const config = checkSection(name, value, KEYS);
  const total = checkInteger("total_layer_num", config.total_layer_num, 1, MAX.uint32);
  const count = checkInteger("random_ltd_layer_num", config.random_ltd_layer_num, 1, total);
  const { random_ltd_layer_id: ids, micro_batch_size: micro, model_mask_name: mask = null } = config;
  const { enabled = true, model_type = "decoder", hidden_state_order = "batch_seq_dim" } = config;
  const { layer_token_lr_schedule = { enabled: false } } = config;
  const batch = checkInteger("global_batch_size", config.global_batch_size, 1, MAX.int32);
  if (mask !== null && typeof mask !== "string") wrongType("model_mask_name", "a string or null", mask);
  return {
    enabled: checkBoolean("enabled", enabled),
    total_layer_num: total,
    random_ltd_layer_num: count,
    ...(ids !== undefined && { random_ltd_layer_id: layerIds(ids, total, count) }),
    model_mask_name: mask,
    model_type: checkChoice("model_type", model_type, ["encoder", "decoder"]),
    hidden_state_order: checkChoice("hidden_state_order", hidden_state_order, [
      "batch_seq_dim",
      "seq_batch_dim",
    ]),
    global_batch_size: batch,
    ...(micro !== undefined && { micro_batch_size: checkInteger("micro_batch_size", micro, 1, batch) }),
    random_ltd_schedule: checkSchedule(config.random_ltd_schedule),
    layer_token_lr_schedule: checkLayerTokenLR("layer_token_lr_schedule", layer_token_lr_schedule),
  };
}

/** Layer numbers from 0, ascending: negative ones count from the end and are resolved before sorting. */
function layerIds(value: unknown, total: number, count: number): number[] {
  const name = "random_ltd_layer_id";
  const ids = checkList(name, "an array of layer numbers", value).map((id) => {
    const number = checkInteger(name, id, -total, total - 1);
    return number < 0 ? number + total : number;
  });
  ids.sort((a, b) => a - b);
  const again = ids.find((id, i) => id === ids[i - 1]);
  if (again !== undefined) wrongValue(name, "each layer once", value, `layer ${again} twice`);
  if (ids.length !== count) {
    wrongValue("random_ltd_layer_num", `the number of layers in ${name}, ${ids.length}`, count);
  }
  return ids;
}

function checkSchedule(value: unknown): CheckedScheduleConfig {
  const schedule = checkSection("random_ltd_schedule", value, SCHEDULE_KEYS);
  const type = checkChoice("schedule_type", schedule.schedule_type, ["fixed_linear", "fixed_root", "custom"]);
  const config = checkSection("schedule_config", schedule.schedule_config, SCHEDULE_CONFIG_KEYS);
  const steps = checkInteger("require_steps", config.require_steps, 1, Number.MAX_SAFE_INTEGER);
  const { seq_per_step: step, root_degree: degree } = config;
  if (type !== "custom") checkInteger("seq_per_step", step, 1, MAX.int32);
  else if (step !== undefined) wrongValue("seq_per_step", 'none with schedule_type "custom"', step);
  if (type === "fixed_root") checkInteger("root_degree", degree, 1, 1000);
  else if (degree !== undefined) wrongValue("root_degree", `none with schedule_type "${type}"`, degree);
  const max = checkInteger("max_value", schedule.max_value, 1, MAX.int32);
  const min = checkInteger("min_value", schedule.min_value, 1, max);
  return {
    min_value: min,
    max_value: max,
    schedule_type: type,
    schedule_config: {
      require_steps: steps,
      ...(step !== undefined && { seq_per_step: step as number }),
      ...(degree !== undefined && { root_degree: degree as number }),
    },
  };
}

/** DeepSpeed's `layer_token_lr_schedule`, checked where it is enabled, with its defaults. */
export function checkLayerTokenLR(name: string, value: unknown): LayerTokenLRConfig {
  const config = checkSection(name, value, LR_KEYS);
  const { enabled = false, warmup_type = "linear", warmup_layer_tokens = 0 } = config;
  if (!checkBoolean("enabled", enabled)) return { enabled: false };
  const total = checkInteger("total_layer_tokens", config.total_layer_tokens, 1, Number.MAX_SAFE_INTEGER);
  return {
    enabled: true,
    total_layer_tokens: total,
    warmup_type: checkChoice<"linear" | "log">("warmup_type", warmup_type, ["linear", "log"]),
    warmup_layer_tokens: checkInteger("warmup_layer_tokens", warmup_layer_tokens, 0, total - 1),
  };
}

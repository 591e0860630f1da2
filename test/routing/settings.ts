import { type RandomLTDConfig, RandomLTDScheduler } from "../../src/index.ts";

/** A scheduler for small models; K stays `min` until it is moved. */
export function makeScheduler({
  layers = 4,
  ids,
  min = 4,
  max = 12,
  steps = 1000,
  by = 1,
  seed = 11,
  ...more
}: {
  layers?: number;
  ids: readonly number[];
  min?: number;
  max?: number;
  steps?: number;
  by?: number;
  seed?: number | bigint;
} & Partial<RandomLTDConfig>): RandomLTDScheduler {
  return new RandomLTDScheduler(
    {
      total_layer_num: layers,
      random_ltd_layer_num: ids.length,
      random_ltd_layer_id: ids,
      global_batch_size: 8,
      model_mask_name: "attention_mask",
      random_ltd_schedule: {
        min_value: min,
        max_value: max,
        schedule_type: "fixed_linear",
        schedule_config: { require_steps: steps, seq_per_step: by },
      },
      ...more,
    },
    { seed },
  );
}

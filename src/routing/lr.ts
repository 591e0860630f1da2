import { checkChoice, checkInteger, checkObject, checkOptions, wrongType, wrongValue } from "../check.ts";
import { checkLayerTokenLR, type LayerTokenLRConfig } from "./random-ltd-config.ts";

/** Options of {@link LayerTokenLRSchedule}. */
export interface LayerTokenLRScheduleOptions {
  /** The rate at the end of warm-up, above 0. */
  lr: number;
  /** How the rate falls after warm-up: "linear" (the default) or "cosine". */
  decay?: "linear" | "cosine" | undefined;
  /** The rate from `total_layer_tokens` on: 0 (the default) to `lr`. */
  floor?: number | undefined;
}

/**
 * The learning rate by consumed layer-tokens instead of steps: a step that drops tokens advances the schedule less.
 * After the LayerToken learning rate of the random-LTD paper (arXiv 2211.11586).
 *
 * With c consumed, w warm-up, T total and `p = min(1, (c - w) / (T - w))`: for c < w, `lr * c / w` ("linear") or `lr *
 * log(1 + c) / log(1 + w)` ("log"); then `floor + (lr - floor) * (1 - p)` ("linear") or `floor + (lr - floor) * (1 +
 * cos(pi * p)) / 2` ("cosine"). The warm-ups are after DeepSpeed's `WarmupLR` (`runtime/lr_schedules.py`), where "log"
 * is the default and divides by `log(w)`, so that it ends one count earlier. The sources don't say what follows T; here
 * the rate stays at the floor. DeepSpeed has the same keys, but raises NotImplementedError.
 *
 * @example
 * const total_layer_tokens = scheduler.getTotalLayerTokens(steps);
 * const schedule = new LayerTokenLRSchedule({ total_layer_tokens, warmup_layer_tokens: 1e6 }, { lr: 3e-4 });
 * for (let step = 0; step < steps; step++) {
 *   scheduler.updateSeq(step); // counts this step's layer-tokens, so that the first rate isn't 0
 *   optimizer.learningRate = schedule.getLR(scheduler.consumedLayerTokens);
 *   trainStep(batches[step]);
 * }
 */
export class LayerTokenLRSchedule {
  readonly #total: number;
  readonly #warmup: number;
  readonly #logarithmic: boolean;
  readonly #lr: number;
  readonly #floor: number;
  readonly #cosine: boolean;

  /**
   * @param config DeepSpeed's `layer_token_lr_schedule` object: `total_layer_tokens`, `warmup_layer_tokens` (default
   *   0, none), `warmup_type` ("linear", the default, or "log").
   * @param options See {@link LayerTokenLRScheduleOptions}; `lr` is required.
   * @throws TypeError for a missing or wrongly typed value; RangeError for an unknown key or a number out of range, such
   *   as a warm-up that doesn't end before `total_layer_tokens`.
   * @example
   * const schedule = new LayerTokenLRSchedule({ total_layer_tokens: 1e9 }, { lr: 3e-4, decay: "cosine" });
   */
  constructor(config: Omit<LayerTokenLRConfig, "enabled">, options: LayerTokenLRScheduleOptions) {
    checkObject("config", config);
    const { total_layer_tokens, warmup_layer_tokens, warmup_type } = checkLayerTokenLR("config", {
      ...config,
      enabled: true,
    });
    checkOptions(options, ["lr", "decay", "floor"]);
    const { lr, floor = 0, decay = "linear" } = options;
    this.#lr = checkRate("lr", lr, Number.MIN_VALUE, Number.MAX_VALUE);
    this.#floor = checkRate("floor", floor, 0, lr);
    this.#cosine = checkChoice<"linear" | "cosine">("decay", decay, ["linear", "cosine"]) === "cosine";
    this.#total = total_layer_tokens!;
    this.#warmup = warmup_layer_tokens!;
    this.#logarithmic = warmup_type === "log";
  }

  /**
   * The learning rate at a number of layer-tokens consumed.
   *
   * @param consumedLayerTokens What {@link RandomLTDScheduler.consumedLayerTokens} says: an integer of at least 0.
   * @throws TypeError, RangeError where it isn't.
   * @example
   * const learningRate = schedule.getLR(scheduler.consumedLayerTokens);
   */
  getLR(consumedLayerTokens: number): number {
    const c = checkInteger("consumedLayerTokens", consumedLayerTokens, 0, Number.MAX_SAFE_INTEGER);
    const [w, lr, floor] = [this.#warmup, this.#lr, this.#floor];
    if (c < w) return this.#logarithmic ? (lr * Math.log(1 + c)) / Math.log(1 + w) : (lr * c) / w;
    const p = Math.min(1, (c - w) / (this.#total - w));
    return floor + (lr - floor) * (this.#cosine ? (1 + Math.cos(Math.PI * p)) / 2 : 1 - p);
  }
}

function checkRate(name: string, value: unknown, min: number, max: number): number {
  const expected = () => (min > 0 ? "a number above 0" : `a number from 0 to ${max}`);
  if (typeof value !== "number") wrongType(name, expected(), value);
  if (!(value >= min && value <= max)) wrongValue(name, expected(), value);
  return value;
}

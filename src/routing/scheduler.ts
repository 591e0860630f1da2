import {
  checkChoice,
  checkInteger,
  checkObject,
  checkOptions,
  checkSeed,
  MAX,
  wrongType,
  wrongValue,
} from "../check.ts";
import { eachStretch, type Lengths, lengthsOf } from "./lengths.ts";
import {
  type CheckedRandomLTDConfig,
  checkRandomLTDConfig,
  type RandomLTDConfig,
} from "./random-ltd-config.ts";

/** The sampling rule that this library draws by. It is saved with the state. */
const SAMPLING_RULE = 1;

/** Options of {@link RandomLTDScheduler}. */
export interface RandomLTDSchedulerOptions {
  /** What the wrapped layers sample with: an unsigned 64-bit number. Default 1234, DeepSpeed's. */
  seed?: number | bigint | undefined;
  /** K at a step, an integer from 1 to `max_value`: with schedule_type "custom", and only with it. */
  schedule?: ((globalStep: number) => number) | undefined;
}

/** What `RandomLTDScheduler.stateDict` returns: DeepSpeed's keys and two of this library's. All of it is JSON. */
export interface RandomLTDState {
  /** Layer-tokens of all steps so far. */
  consumed_layer_tokens: number;
  /** The last step, -1 before the first. */
  current_steps: number;
  /** K. */
  current_value: number;
  min_value: number;
  max_value: number;
  /** Decimal digits. Missing in a state that DeepSpeed saved. */
  seed?: string;
  /** Missing in a state that DeepSpeed saved. */
  sampling_rule?: number;
}

/**
 * Holds what the wrapped layers of a model share: the seed, the step, and the number of tokens K that they retain,
 * which grows with the steps. The counterpart of DeepSpeed's `RandomLTDScheduler`
 * (`runtime/data_pipeline/data_routing/scheduler.py`); random-LTD paper (arXiv 2211.11586), section 3.
 *
 * At step t, "fixed_linear" has `v = floor(t / require_steps * (max_value - min_value) + min_value)` in doubles and
 * "fixed_root" of degree d `v = min_value + n`, n the largest integer for which `n^d * require_steps <= t * (max_value
 * - min_value)^d`; K is v less `v mod seq_per_step`, at least `min_value` rounded up to a multiple of `seq_per_step`,
 * and at most `max_value`. t is not clamped at `require_steps`. So K follows from t alone, and where `min_value` equals
 * `max_value` nothing is ever dropped.
 *
 * @example
 * const scheduler = new RandomLTDScheduler(config.data_efficiency.data_routing.random_ltd, { seed: 1234 });
 * for (let step = 0; step < steps; step++) {
 *   scheduler.updateSeq(step);
 *   trainStep(batches[step]);
 * }
 */
export class RandomLTDScheduler {
  /** The configuration, checked, with its defaults, layer numbers resolved and sorted. */
  readonly config: CheckedRandomLTDConfig;
  /** The seed that the wrapped layers sample with. */
  readonly seed: bigint;
  readonly #lengths: Lengths;
  /** K; undefined until it is asked for. */
  #value: number | undefined;
  #step = -1;
  #consumed = 0;

  /**
   * @param randomLTDConfig DeepSpeed's inner `random_ltd` object, with `global_batch_size` (and, if wanted,
   *   `micro_batch_size`), which DeepSpeed's engine adds.
   * @param options See {@link RandomLTDSchedulerOptions}.
   * @throws TypeError for a missing, unknown or wrongly typed key; RangeError for a number out of range, for
   *   `min_value` above `max_value`, and for ids that don't fit the layer counts.
   * @example
   * const scheduler = new RandomLTDScheduler(randomLTDConfig, { seed: 7 });
   */
  constructor(randomLTDConfig: RandomLTDConfig, options: RandomLTDSchedulerOptions = {}) {
    this.config = checkRandomLTDConfig("randomLTDConfig", randomLTDConfig);
    checkOptions(options, ["seed", "schedule"]);
    const { seed = 1234, schedule } = options;
    checkSeed("seed", seed);
    this.seed = BigInt(seed);
    const { schedule_type } = this.config.random_ltd_schedule;
    const wanted = schedule_type === "custom" ? "function" : "undefined";
    if (typeof schedule !== wanted) {
      const expected = schedule_type === "custom" ? "a function of the step" : "nothing";
      wrongType("schedule", `${expected} with schedule_type "${schedule_type}"`, schedule);
    }
    this.#lengths = lengthsOf(this.config.random_ltd_schedule, schedule);
  }

  /**
   * The step t that the wrapped layers sample with: the last one given to `updateSeq`, 0 before the first.
   *
   * @example
   * const { seed, step } = scheduler; // what gptSampleTokens takes
   */
  get step(): number {
    return Math.max(this.#step, 0);
  }

  /**
   * Layer-tokens of all steps so far, for {@link LayerTokenLRSchedule}.
   *
   * @example
   * optimizer.learningRate = schedule.getLR(scheduler.consumedLayerTokens);
   */
  get consumedLayerTokens(): number {
    return this.#consumed;
  }

  /**
   * Sets K for a step and counts the step's layer-tokens, once however often it is called with the same step:
   * `global_batch_size * (K * random_ltd_layer_num + max_value * (total_layer_num - random_ltd_layer_num))`.
   * Called before the forward pass of each step, as DeepSpeed's engine does.
   *
   * @param globalStep The optimizer step, counted from 0: an unsigned 32-bit number.
   * @throws TypeError, RangeError where it isn't; nothing is changed then.
   * @example
   * scheduler.updateSeq(step);
   */
  updateSeq(globalStep: number): void {
    checkInteger("globalStep", globalStep, 0, MAX.uint32);
    const value = this.#lengths.at(globalStep);
    if (globalStep !== this.#step) this.#consumed += this.#layerTokens(value, 1);
    [this.#value, this.#step] = [value, globalStep];
  }

  #layerTokens(value: number, steps: number): number {
    const { global_batch_size, random_ltd_layer_num, total_layer_num, random_ltd_schedule } = this.config;
    const full = random_ltd_schedule.max_value * (total_layer_num - random_ltd_layer_num);
    return steps * global_batch_size * (value * random_ltd_layer_num + full);
  }

  /**
   * K, the tokens that a random-LTD layer retains now: that of step 0 before the first `updateSeq`.
   *
   * @example
   * const reservedLength = scheduler.getCurrentSeq();
   */
  getCurrentSeq(): number {
    this.#value ??= this.#lengths.at(this.step);
    return this.#value;
  }

  /**
   * The layer-tokens that steps 0 to `steps - 1` of this schedule consume, to size a {@link LayerTokenLRSchedule}.
   * Unlike in DeepSpeed, nothing is changed. It is fast for any number of steps, except with a "custom" schedule, which is
   * called for each step.
   *
   * @param steps How many, from 0 to 2^32.
   * @throws TypeError, RangeError where `steps` isn't that.
   * @example
   * const total_layer_tokens = scheduler.getTotalLayerTokens(200_000);
   */
  getTotalLayerTokens(steps: number): number {
    checkInteger("steps", steps, 0, MAX.uint32 + 1);
    let total = 0;
    eachStretch(this.#lengths, 0, steps, (value, n) => {
      total += this.#layerTokens(value, n);
    });
    return total;
  }

  /**
   * The distinct lengths from the current step on (from step 0 before the first), ascending: what to compile ahead,
   * where each new length costs a compile. A "custom" schedule is asked for each step up to `require_steps`.
   *
   * @example
   * for (const reservedLength of scheduler.getSeqValues()) await compile(reservedLength);
   */
  getSeqValues(): number[] {
    const values = new Set<number>();
    const { require_steps } = this.config.random_ltd_schedule.schedule_config;
    const last = this.#lengths.monotone
      ? MAX.uint32
      : Math.min(Math.max(require_steps, this.step), MAX.uint32);
    eachStretch(this.#lengths, this.step, last + 1, (value) => values.add(value));
    return [...values].sort((a, b) => a - b);
  }

  /**
   * The state to save in a checkpoint, in DeepSpeed's keys and `seed` and `sampling_rule`. It is JSON.
   *
   * @example
   * await writeFile("random-ltd.json", JSON.stringify(scheduler.stateDict()));
   */
  stateDict(): Required<RandomLTDState> {
    const { min_value, max_value } = this.config.random_ltd_schedule;
    return {
      consumed_layer_tokens: this.#consumed,
      current_steps: this.#step,
      current_value: this.getCurrentSeq(),
      min_value,
      max_value,
      seed: this.seed.toString(),
      sampling_rule: SAMPLING_RULE,
    };
  }

  /**
   * Goes on from a saved state. K follows from its step, so `current_value` is only checked.
   *
   * @param stateDict What the method `stateDict` gave, or DeepSpeed's, which lacks `seed` and `sampling_rule`. In
   *   DeepSpeed's whole checkpoint it lies under `random_ltd`.
   * @throws TypeError for a missing or wrongly typed key; RangeError for numbers out of range, and for a state with
   *   another seed or sampling rule, which could not repeat its run, or another `min_value` or `max_value` than the
   *   configuration's. Nothing is changed then.
   * @example
   * scheduler.loadStateDict(JSON.parse(await readFile("random-ltd.json", "utf8")));
   */
  loadStateDict(stateDict: RandomLTDState): void {
    checkObject("stateDict", stateDict);
    if ("random_ltd" in stateDict && !("max_value" in stateDict)) {
      wrongType("stateDict", "its part random_ltd", stateDict, "DeepSpeed's whole checkpoint");
    }
    const { seed, sampling_rule } = stateDict;
    if (seed !== undefined) checkChoice("seed", seed, [this.seed.toString()]);
    if (sampling_rule !== undefined && sampling_rule !== SAMPLING_RULE) {
      const refuse = typeof sampling_rule === "number" ? wrongValue : wrongType;
      refuse("sampling_rule", `${SAMPLING_RULE}, the rule that this library draws by`, sampling_rule);
    }
    const { random_ltd_schedule } = this.config;
    for (const key of ["max_value", "min_value"] as const) {
      const own = random_ltd_schedule[key];
      if (checkInteger(key, stateDict[key], 1, MAX.int32) !== own) {
        wrongValue(key, `${own}, as in the configuration`, stateDict[key]);
      }
    }
    checkInteger("current_value", stateDict.current_value, 1, random_ltd_schedule.max_value);
    const last = checkInteger("current_steps", stateDict.current_steps, -1, MAX.uint32);
    // JSON keeps any integer that stateDict can give, even beyond the safe ones.
    const tokens = stateDict.consumed_layer_tokens;
    this.#consumed = checkInteger("consumed_layer_tokens", tokens, 0, Number.MAX_VALUE);
    [this.#value, this.#step] = [undefined, last];
  }
}

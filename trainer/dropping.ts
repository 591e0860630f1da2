/** Which layers see which tokens, and how many: the settings of random-LTD as the models and runs here use them. */
import { bertSampleTokens, gptSampleTokens, RandomLTDScheduler } from "random-ltd";
import { type TokenRoute, tokenRoutes } from "random-ltd/jax";
import type { Dropping, LengthSchedule } from "./types.ts";

/** Layers that run one after another on the same tokens: all of them where `route` is null, else those of that draw. */
export interface Segment {
  readonly layers: readonly number[];
  readonly route: number | null;
}

/** The layers of a model, in order, by what they see. With `input` all of them see what entered. */
export function segmentsOf(dropping: Dropping, layers: number): Segment[] {
  const all = Array.from({ length: layers }, (_, l) => l);
  switch (dropping.how) {
    case "none":
    case "input":
      return all.map((l) => ({ layers: [l], route: null }));
    case "layers":
      return all.map((l) => {
        const ordinal = dropping.layers.indexOf(l);
        return { layers: [l], route: ordinal < 0 ? null : ordinal };
      });
    case "route": {
      const { first, last } = dropping;
      const before = all.slice(0, first).map((l) => ({ layers: [l], route: null }));
      const after = all.slice(last + 1).map((l) => ({ layers: [l], route: null }));
      return [...before, { layers: all.slice(first, last + 1), route: 0 }, ...after];
    }
  }
}

/** Throws where `dropping` does not fit a model of so many layers. */
export function checkDropping(dropping: Dropping, layers: number): void {
  const refuse = (expected: string, got: unknown) => {
    throw new RangeError(`"dropping" expected ${expected}, got ${got}`);
  };
  const isLayer = (l: number) => Number.isInteger(l) && l >= 0 && l < layers;
  if (dropping.how === "layers") {
    const { layers: dropped } = dropping;
    const ascending = dropped.every((l, i) => isLayer(l) && (i === 0 || l > dropped[i - 1]));
    if (!ascending || dropped.length === 0)
      refuse(`ascending layers from 0 to ${layers - 1}`, `[${dropped}]`);
  }
  if (dropping.how === "route") {
    const { first, last } = dropping;
    if (!isLayer(first) || !isLayer(last) || first > last) {
      refuse(`a first and a last layer from 0 to ${layers - 1}`, `${first} and ${last}`);
    }
  }
}

/** How many layers see only the retained tokens. */
export function droppedLayers(dropping: Dropping, layers: number): number {
  switch (dropping.how) {
    case "none":
      return 0;
    case "layers":
      return dropping.layers.length;
    case "route":
      return dropping.last - dropping.first + 1;
    case "input":
      return layers;
  }
}

/** How many draws a step needs: one for each layer, or one for all. */
export function drawsOf(dropping: Dropping): number {
  if (dropping.how === "none") return 0;
  return dropping.how === "layers" ? dropping.layers.length : 1;
}

/** The retained tokens of a step, as arrays for a compiled step. */
export function sampleRoutes(
  dropping: Dropping,
  sizes: { K: number; S: number; B: number; seed: number; step: number; keepPrefix: number; causal: boolean },
): TokenRoute[] {
  const { K, S, B, seed, step, keepPrefix, causal } = sizes;
  if (dropping.how === "none" || K === S) return [];
  const sample = causal ? gptSampleTokens : bertSampleTokens;
  const layers = drawsOf(dropping);
  const request = { reservedLength: K, seqLength: S, batchSize: B, layers, seed, step, keepPrefix };
  return tokenRoutes(sample(request).sampledIndices, S);
}

/** As fine as K and the costs of a run are looked at. */
const FINENESS = 2000;

/**
 * K over a run, and how far through its steps a run is that has spent a part of its operations.
 *
 * @example
 * const lengths = new Lengths(config.lengths, 128, (K) => model.flops(K));
 * lengths.at(0.5); // K in the middle of the steps
 */
export class Lengths {
  readonly #schedule: LengthSchedule;
  readonly #seq: number;
  readonly #scheduler: RandomLTDScheduler | null;
  /** Of a run's operations, the part that is spent after n of FINENESS parts of its steps. */
  readonly #spent: Float64Array;

  /** @param cost What a step at K costs, in any unit. */
  constructor(schedule: LengthSchedule, seq: number, cost: (K: number) => number) {
    const { start, until, growth, by = seq } = schedule;
    if (!Number.isInteger(start) || start < 1 || start > seq) {
      throw new RangeError(`"lengths" expected a start from 1 to ${seq}, got ${start}`);
    }
    if (!(until >= 0 && until <= 1)) {
      throw new RangeError(`"lengths" expected until from 0 to 1, got ${until}`);
    }
    this.#schedule = schedule;
    this.#seq = seq;
    this.#scheduler = null;
    if (growth === "linear") {
      const schedule_config = { require_steps: FINENESS, seq_per_step: by };
      this.#scheduler = new RandomLTDScheduler({
        total_layer_num: 1,
        random_ltd_layer_num: 1,
        random_ltd_layer_id: [0],
        global_batch_size: 1,
        random_ltd_schedule: {
          min_value: start,
          max_value: seq,
          schedule_type: "fixed_linear",
          schedule_config,
        },
      });
    }
    this.#spent = new Float64Array(FINENESS + 1);
    for (let n = 0; n < FINENESS; n++) {
      this.#spent[n + 1] = this.#spent[n] + cost(this.at((n + 0.5) / FINENESS));
    }
    const whole = this.#spent[FINENESS];
    for (let n = 0; n <= FINENESS; n++) this.#spent[n] /= whole;
  }

  /** K where this part of the steps is done. */
  at(progress: number): number {
    const { start, until } = this.#schedule;
    if (progress >= until) return this.#seq;
    if (this.#scheduler === null) return start;
    this.#scheduler.updateSeq(Math.floor((progress / until) * FINENESS));
    return this.#scheduler.getCurrentSeq();
  }

  /** Every K of a run, the largest first: what to compile. */
  all(): number[] {
    const found = new Set<number>();
    for (let n = 0; n <= FINENESS; n++) found.add(this.at(n / FINENESS));
    return [...found].sort((a, b) => b - a);
  }

  /** The part of a run's operations that is spent when this part of its steps is done. */
  spentAt(progress: number): number {
    const at = Math.min(1, Math.max(0, progress)) * FINENESS;
    const n = Math.min(FINENESS - 1, Math.floor(at));
    return this.#spent[n] + (at - n) * (this.#spent[n + 1] - this.#spent[n]);
  }

  /** The part of its steps that is done when a run has spent this part of its operations: the way back. */
  progressAt(spent: number): number {
    if (spent >= 1) return 1;
    let n = 0;
    for (let width = FINENESS; width > 0; width >>= 1) {
      while (n + width <= FINENESS && this.#spent[n + width] <= spent) n += width;
    }
    return (n + (spent - this.#spent[n]) / (this.#spent[n + 1] - this.#spent[n])) / FINENESS;
  }
}

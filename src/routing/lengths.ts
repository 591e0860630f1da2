/**
 * How many tokens a random-LTD layer retains at a step. After DeepSpeed's
 * `runtime/data_pipeline/data_routing/scheduler.py` at its commit ac0bde6cb, which has the linear schedule only; the
 * root schedule and its `root_degree` come from `curriculum_scheduler.py` beside it.
 */
import { checkInteger, wrongType } from "../check.ts";
import type { CheckedScheduleConfig } from "./random-ltd-config.ts";

/** K at a step. `monotone`: it never falls, so stretches of equal length can be found by bisection. */
export interface Lengths {
  at(step: number): number;
  readonly monotone: boolean;
}

/** The lengths of a checked schedule; `custom` is the caller's function of the step. */
export function lengthsOf(
  config: CheckedScheduleConfig,
  custom: ((globalStep: number) => number) | undefined,
): Lengths {
  const { min_value: min, max_value: max } = config;
  const { require_steps, seq_per_step = 1, root_degree = 1 } = config.schedule_config;
  const least = Math.ceil(min / seq_per_step) * seq_per_step;
  const round = (v: number) => Math.min(Math.max(v - (v % seq_per_step), least), max);
  switch (config.schedule_type) {
    case "fixed_linear": // in doubles, in this order of operations, as DeepSpeed computes it
      return {
        monotone: true,
        at: (step) => round(Math.floor((step / require_steps) * (max - min) + min)),
      };
    case "fixed_root": {
      const root = rootOf(require_steps, max - min, root_degree, max - min + seq_per_step);
      return { monotone: true, at: (step) => round(min + root(step)) };
    }
    case "custom":
      return {
        monotone: false,
        at: (step) => {
          const length = custom!(step);
          if (typeof length !== "number") wrongType(`schedule(${step})`, "a number of tokens", length);
          return checkInteger(`schedule(${step})`, length, 1, max);
        },
      };
  }
}

/**
 * The largest integer n, at most `most`, for which n^d * steps <= step * range^d. Doubles only give a guess: at the
 * steps where a length begins, the root is an integer, and the guess may be too small by one.
 */
function rootOf(steps: number, range: number, degree: number, most: number): (step: number) => number {
  const [scale, whole] = [BigInt(steps), power(BigInt(range), degree)];
  return (step) => {
    const bound = BigInt(step) * whole;
    const fits = (n: number) => power(BigInt(n), degree) * scale <= bound;
    let n = Math.min(Math.floor(range * (step / steps) ** (1 / degree)), most);
    while (n < most && fits(n + 1)) n++;
    while (n > 0 && !fits(n)) n--;
    return n;
  };
}

/** By squaring, as compilers to old JavaScript turn the operator into Math.pow, which throws for BigInts. */
function power(base: bigint, exponent: number): bigint {
  if (exponent === 1) return base;
  const half = power(base * base, Math.floor(exponent / 2));
  return exponent % 2 === 1 ? half * base : half;
}

/** Calls `visit` with each stretch of steps that have the same length, from step `from` up to `to`, exclusive. */
export function eachStretch(
  lengths: Lengths,
  from: number,
  to: number,
  visit: (length: number, steps: number) => void,
): void {
  let stride = 1;
  for (let start = from; start < to; ) {
    const length = lengths.at(start);
    let end = start + 1;
    if (lengths.monotone) {
      // Strides double as long as the length stays the same; then bisection finds the first step of the next length. So
      // a run of any number of steps costs a few evaluations per length.
      while (end < to && lengths.at(Math.min(end + stride, to) - 1) === length) {
        end = Math.min(end + stride, to);
        stride *= 2;
      }
      let beyond = Math.min(end + stride, to);
      while (end < beyond) {
        const middle = Math.floor((end + beyond) / 2);
        if (lengths.at(middle) === length) end = middle + 1;
        else beyond = middle;
      }
      stride = Math.max(1, Math.floor((end - start) / 2));
    }
    visit(length, end - start);
    start = end;
  }
}

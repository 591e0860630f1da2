/** What results come to, over seeds. Nothing here is measured, and nothing is said that isn't. */
import { deviation, type Estimate, estimate, mean, median } from "../trainer/statistics.ts";
import type { Evaluation } from "../trainer/types.ts";
import { costOf, isClear, type Judgement, judge } from "../trainer/verdict.ts";
import type { Entry, Plan, RunJob } from "./plan.ts";
import type { Result, RunResult } from "./results.ts";

/** Student's t for a two-sided 5% at n - 1 degrees of freedom, n from 2: what a mean over n seeds is held to. */
const STUDENT = [12.71, 4.3, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26];

/** A contestant with the results that there are. */
export interface Row {
  readonly entry: Entry;
  /** By seed. */
  readonly runs: ReadonlyMap<number, RunResult>;
}

export const lastOf = (run: RunResult): Evaluation => run.evaluations.at(-1) as Evaluation;

/** The contestants of a task's group, in the plan's order. */
export function rowsOf(plan: Plan, results: ReadonlyMap<string, Result>, task: string, group: string): Row[] {
  const jobs = plan.jobs.filter((job): job is RunJob => job.kind === "run");
  const of = jobs.filter(({ entry }) => entry.task === task && entry.group === group);
  const entries = [...new Map(of.map(({ entry }) => [entry.id, entry])).values()];
  return entries.map((entry) => {
    const runs = new Map<number, RunResult>();
    for (const job of of) {
      const result = results.get(job.id);
      if (job.entry.id === entry.id && result?.kind === "run") runs.set(job.seed, result);
    }
    return { entry, runs };
  });
}

/** Seeds that both have. */
export function sharedSeeds(a: Row, b: Row): number[] {
  return [...a.runs.keys()].filter((seed) => b.runs.has(seed));
}

/** A value of the last evaluation over the seeds: mean and standard deviation. */
export function over(
  row: Row,
  value: (run: RunResult) => number,
): { mean: number; deviation: number } | null {
  const values = [...row.runs.values()].map(value);
  return values.length === 0 ? null : { mean: mean(values), deviation: deviation(values) };
}

/** The full model with the lowest mean loss, of those that have all seeds of `dropping`. */
export function bestOf(rows: readonly Row[], dropping: Row): Row | null {
  const whole = rows.filter(
    (row) => row.runs.size > 0 && sharedSeeds(dropping, row).length === dropping.runs.size,
  );
  const loss = (row: Row) => over(row, (run) => lastOf(run).loss)?.mean ?? Number.POSITIVE_INFINITY;
  return whole.reduce<Row | null>((a, b) => (a && loss(a) <= loss(b) ? a : b), null);
}

/** Dropping against another over seeds. */
export interface Comparison {
  readonly against: Row;
  readonly seeds: number;
  /** Seeds on which dropping's last loss is the lower one. */
  readonly ahead: number;
  /** Of the last losses, by seed: below zero dropping is ahead. */
  readonly difference: Estimate;
  readonly clear: boolean;
  /** Dropping's time to the other's last loss over that one's whole time, for each seed; Infinity: never. */
  readonly times: readonly number[];
}

export function compare(dropping: Row, against: Row): Comparison | null {
  const seeds = sharedSeeds(dropping, against);
  if (seeds.length === 0) return null;
  const pairs = seeds.map(
    (seed) => [dropping.runs.get(seed), against.runs.get(seed)] as [RunResult, RunResult],
  );
  const differences = pairs.map(([a, b]) => lastOf(a).loss - lastOf(b).loss);
  const difference = estimate(differences);
  const clear = seeds.length > 1 && isClear(difference, STUDENT[seeds.length - 2] ?? 2);
  const times = pairs.map(([a, b]) => {
    const cost = costOf(a.evaluations, lastOf(b).loss);
    return cost ? cost.seconds / lastOf(b).seconds : Number.POSITIVE_INFINITY;
  });
  return {
    against,
    seeds: seeds.length,
    ahead: differences.filter((d) => d < 0).length,
    difference,
    clear,
    times,
  };
}

/** The verdict on a task, over seeds. */
export interface TaskSummary {
  readonly rows: readonly Row[];
  readonly dropping: Row;
  readonly comparisons: readonly Comparison[];
  readonly judgement: Judgement;
  /** Against the best full model. */
  readonly best: Comparison | null;
  /** Seeds on which dropping's last loss is below that of every full model. */
  readonly aheadOfAll: number;
  readonly seeds: number;
}

/** Null where there are no results yet. The contestant with dropping is the first one of the plan. */
export function summarize(
  plan: Plan,
  results: ReadonlyMap<string, Result>,
  task: string,
  group: string,
): TaskSummary | null {
  const rows = rowsOf(plan, results, task, group);
  const dropping = rows.find(({ entry }) => entry.recipe.role === "dropping");
  if (!dropping || dropping.runs.size === 0) return null;
  const others = rows.filter((row) => row.entry.recipe.role !== "dropping");
  const comparisons = others.map((row) => compare(dropping, row)).filter((c): c is Comparison => c !== null);
  const differences = comparisons.map(({ against, difference, clear }) => ({
    ...difference,
    clear,
    role: against.entry.recipe.role,
  }));
  const fulls = others.filter(({ entry }) => entry.recipe.role === "full");
  const best = bestOf(fulls, dropping);
  const started = fulls.filter(({ runs }) => runs.size > 0);
  const seeds = [...dropping.runs].filter(([seed]) => started.some(({ runs }) => runs.has(seed)));
  const aheadOfAll = seeds.filter(([seed, run]) =>
    started.every(
      ({ runs }) => !runs.has(seed) || lastOf(run).loss < lastOf(runs.get(seed) as RunResult).loss,
    ),
  );
  return {
    rows,
    dropping,
    comparisons,
    judgement: judge(differences),
    best: best && compare(dropping, best),
    aheadOfAll: aheadOfAll.length,
    seeds: seeds.length,
  };
}

export const medianOf = median;

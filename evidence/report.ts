/** docs/evidence.md, from the results alone. */
import { mean } from "../trainer/statistics.ts";
import type { Plan } from "./plan.ts";
import type { Result, RunResult, StepResult } from "./results.ts";
import {
  type Comparison,
  lastOf,
  medianOf,
  over,
  type Row,
  rowsOf,
  summarize,
  type TaskSummary,
} from "./summary.ts";

/** The plots beside the page. */
export const PLOTS = {
  small: "small-arrows.svg",
  arrows: "arrows.svg",
  digits: "digits.svg",
  text: "text.svg",
  curve: "break-even.svg",
} as const;

const TASKS = [
  ["arrows", "small", "*small arrows* (synthetic)"],
  ["arrows", "main", "*arrows* (synthetic)"],
  ["digits", "main", "*digits*"],
  ["text", "main", "*text*"],
] as const;

const NOT_YET = "not measured yet";

const percent = (ratio: number) => (Number.isFinite(ratio) ? `${(100 * ratio).toFixed(0)}%` : "never");
const plusMinus = (v: { mean: number; deviation: number } | null, digits: number, factor = 1) =>
  v ? `${(factor * v.mean).toFixed(digits)} ± ${(factor * v.deviation).toFixed(digits)}` : "";

function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const line = (cells: readonly (string | number)[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

/** The median of a comparison's times, with its range. */
function timeOf({ times }: Comparison): string {
  const sorted = [...times].sort((a, b) => a - b);
  const all = times.length > 1 ? ` (${percent(sorted[0])} to ${percent(sorted[sorted.length - 1])})` : "";
  return `${percent(medianOf(times))}${all}`;
}

function first(summaries: readonly (TaskSummary | null)[]): string {
  const rows = TASKS.map(([, , title], i) => {
    const s = summaries[i];
    if (!s) return [title, NOT_YET, "", "", "", ""];
    const control = s.comparisons.filter(({ against }) => against.entry.recipe.role === "control");
    const bestControl = control.reduce<Comparison | null>(
      (a, b) => (a && a.difference.mean >= b.difference.mean ? a : b),
      null,
    );
    return [
      title,
      s.dropping.entry.recipe.name,
      s.best ? `${s.best.against.entry.recipe.name}: ${timeOf(s.best)}` : NOT_YET,
      s.best ? `${s.aheadOfAll} of ${s.seeds}` : "",
      bestControl
        ? `${bestControl.against.entry.recipe.name}: ahead on ${bestControl.ahead} of ${bestControl.seeds}`
        : NOT_YET,
      s.best ? (s.best.seeds < 2 ? "one seed: no verdict" : s.judgement) : "",
    ];
  });
  const head = [
    "task",
    "dropping",
    "time to the best full model's last loss, of that model's time",
    "seeds ahead of every full model",
    "against the best control",
    "verdict",
  ];
  return table(head, rows);
}

/** One line for each contestant. */
function contestants(rows: readonly Row[]): string {
  const cells = rows.map((row) => {
    const { recipe, seeds } = row.entry;
    const steps = over(row, (run) => lastOf(run).step);
    return [
      recipe.name,
      recipe.lr,
      `${row.runs.size} of ${seeds.length}`,
      plusMinus(
        over(row, (run) => lastOf(run).loss),
        3,
      ) || NOT_YET,
      plusMinus(
        over(row, (run) => lastOf(run).accuracy),
        1,
        100,
      ),
      steps ? steps.mean.toFixed(0) : "",
      [...row.runs].map(([, run]) => lastOf(run).loss.toFixed(3)).join(", "),
    ];
  });
  const head = ["", "learning rate", "seeds", "held-out loss", "accuracy, %", "steps", "loss by seed"];
  return table(head, cells);
}

function taskPart(
  plan: Plan,
  results: ReadonlyMap<string, Result>,
  task: string,
  about: string,
  group = "main",
): string {
  const rows = rowsOf(plan, results, task, group);
  if (rows.length === 0) return `${about} Not in this plan.`;
  const one = [...rows.flatMap(({ runs }) => [...runs.values()])][0];
  const seconds = rows[0]?.entry.budget;
  const budget = seconds
    ? `${seconds.amount} ${seconds.unit === "seconds" ? "seconds of processor time" : seconds.unit}`
    : "";
  const baseline = one
    ? ` Knowing nothing (${one.baseline.name}) is a loss of ${one.baseline.loss.toFixed(3)}.`
    : "";
  return `${about} Each run has ${budget}.${baseline}\n\n${contestants(rows)}`;
}

/** Rows that vary one thing, beside the route that they vary. */
function settings(plan: Plan, results: ReadonlyMap<string, Result>): string {
  const base = rowsOf(plan, results, "arrows", "small").slice(0, 2);
  const groups = ["length", "growth", "until", "last", "follows", "lr"];
  return contestants([...base, ...groups.flatMap((group) => rowsOf(plan, results, "arrows", group))]);
}

function curve(plan: Plan, results: ReadonlyMap<string, Result>): string {
  const jobs = plan.jobs.filter((job) => job.kind === "steps");
  const seqs = [...new Set(jobs.map(({ seq }) => seq))];
  const depths = [...new Set(jobs.map(({ layers }) => layers))];
  const rows = seqs.map((seq) => [
    seq,
    ...depths.map((layers) => {
      const job = jobs.find((j) => j.seq === seq && j.layers === layers);
      const point = job && (results.get(job.id) as StepResult | undefined);
      if (!point) return NOT_YET;
      const ratio = point.dropping / point.full;
      return `${percent(ratio)} (${percent(point.predicted)}; ${(ratio / point.predicted).toFixed(2)})`;
    }),
  ]);
  return table(["S", ...depths.map((depth) => `${depth} layers`)], rows);
}

/** What the tables of a task say of dropping, or that they say nothing yet. */
function found(summary: TaskSummary | null, title: string): string {
  if (!summary?.best) return `(${title}: ${NOT_YET})`;
  const { best, judgement } = summary;
  const seeds = best.seeds === 1 ? "one seed, so no verdict" : `${best.seeds} seeds, ${judgement}`;
  return `(${title}: the best full model's last loss after ${percent(medianOf(best.times))} of its time; ${seeds})`;
}

/** Last losses of contestants, in words, on the seeds that all of them have. */
function losses(rows: readonly (Row | undefined)[], words: readonly string[]): string {
  const all = rows.filter((row): row is Row => row !== undefined);
  const seeds = [...(all[0]?.runs.keys() ?? [])].filter((seed) => all.every(({ runs }) => runs.has(seed)));
  if (all.length < rows.length || seeds.length === 0) return NOT_YET;
  const last = (row: Row, seed: number) => lastOf(row.runs.get(seed) as RunResult).loss;
  const each = all.map((row, i) => `${words[i]} ${mean(seeds.map((seed) => last(row, seed))).toFixed(3)}`);
  return `${each.join(", ")}; ${seeds.length === 1 ? "one seed" : `${seeds.length} seeds`}`;
}

/** What to do. Where figures decide, the line has them; where they are still to come, it says so. */
function advice(
  [small, arrows, digits, text]: readonly (TaskSummary | null)[],
  plan: Plan,
  results: ReadonlyMap<string, Result>,
): string {
  const rows = (task: string, group: string) => rowsOf(plan, results, task, group);
  const called = (id: string) => {
    const [task, group] = id.split("-");
    return rows(task, group).find(({ entry }) => entry.id === id);
  };
  const kept = [...rows("arrows", "length"), ...rows("arrows", "growth")];
  const lengths = losses(
    [rows("arrows", "small")[0], ...kept],
    ["*small arrows*, held-out loss: S/4", "S/8", "S/2", "growing from S/8"],
  );
  const end = losses([rows("arrows", "small")[0], ...rows("arrows", "until")], ["the last 7%", "15%", "2%"]);
  const draws = losses(
    [called("arrows-small-route4"), called("arrows-small-fresh4")],
    ["*small arrows*: a route", "fresh draws"],
  );
  const drawsDigits = losses(
    [called("digits-main-route4"), called("digits-main-ltd4")],
    ["*digits*: a route", "fresh draws"],
  );
  return [
    "Try it where the task needs depth and the tokens say much the same thing: a route is then a cheaper way to a deep " +
      `model ${found(small, "*small arrows*")} ${found(arrows, "*arrows*")}.`,
    `Try it where the depth is given, as when a deep model is fine-tuned ${found(digits, "*digits*")}.`,
    "Train a shallow model first, with all tokens: it has more steps in the same time. Where the depth is yours to choose and a shallow one is ahead, drop nothing; each table has such a control.",
    "Drop tokens at the input for comparison: where they are redundant that is simpler, and may do as well.",
    `Expect least on the characters of a text, where a layer that misses the nearest letters has little to go by ${found(text, "*text*")}.`,
    "Look at what a step costs before all else: for few tokens, or few layers, there is little to save (the last table).",
    `Start with K = S/4, constant (${lengths}), and all tokens for the last 7% of the steps (${end}).`,
    `Start with one route where information has to travel through several layers, a fresh draw in each layer elsewhere (${draws}; ${drawsDigits}).`,
    "Keep what the answer is read from (`keepPrefix`), and K a multiple of 4 on jax-js's WASM backend.",
    "Judge by held-out loss at equal time and over several seeds: a single seed can fall either way.",
  ]
    .map((line, i) => `${i + 1}. ${line}`)
    .join("\n");
}

/** The machines of the results, in words. */
function machines(results: ReadonlyMap<string, Result>): string {
  const all = new Set(
    [...results.values()].map(({ machine }) => `${machine.processor}, Node ${machine.node}`),
  );
  return [...all].join("; ") || NOT_YET;
}

/** The page. */
export function report(plan: Plan, results: ReadonlyMap<string, Result>): string {
  const summaries = TASKS.map(([task, group]) => summarize(plan, results, task, group));
  const missing = plan.jobs.length - results.size;
  const state =
    missing === 0
      ? `All ${plan.jobs.length} runs of the plan are in.`
      : `${results.size} of the ${plan.jobs.length} runs of the plan are in; rows without figures are ${NOT_YET}. \`npm run evidence\` goes on with the others.`;
  const plot = (task: keyof typeof PLOTS, words: string) => `![${words}](evidence/${PLOTS[task]})`;
  return `# When dropping tokens pays

Written by \`npm run evidence -- --report\` from the results in evidence/results/; don't edit it. ${state}

The trainer of this repository (trainer/, jax-js on WASM, one thread) on small models that anyone can train again. All contestants on a task have the same processor time, so cheaper steps are more steps; losses are on held-out data with all tokens in all layers. ± is the standard deviation over seeds. Measured on: ${machines(results)}.

${first(summaries)}

A verdict over seeds holds each difference to Student's t at 5%; "beaten by a control" means that something simpler, a shallower model or tokens dropped at the input, was clearly ahead.

## When to use it and when not

${advice(summaries, plan, results)}

## *Small arrows*: what \`npm start\` races

${taskPart(plan, results, "arrows", "Made up for the purpose. A row is a permutation of 4 nodes as 127 arrows, each node's 31 or 32 times, and a start; four hops are to be followed (S = 128, 32 channels, K = 32 for 93% of the steps, then all tokens). So small a permutation is within the reach of two layers.", "small")}

${plot("small", "Held-out loss by processor time on small arrows, mean over seeds")}

With 15% of the arrows false:

${contestants(rowsOf(plan, results, "arrows", "false"))}

## *Arrows*: depth needed, tokens redundant

${taskPart(plan, results, "arrows", "Made up for the purpose. A row is a permutation of 8 nodes as 127 arrows, each node's 15 or 16 times, and a start; six hops are to be followed (S = 128, 32 channels, K = 32 for 93% of the steps, then all tokens).")}

${plot("arrows", "Held-out loss by processor time on arrows, mean over seeds")}

## *Digits*: images, shallow models do well

${taskPart(plan, results, "digits", "Handwritten digits as 196 overlapping patches (64 channels, K = 48 for 93% of the steps, then all tokens).")}

${plot("digits", "Held-out loss by processor time on digits, mean over seeds")}

## *Text*: characters of Moby Dick

${taskPart(plan, results, "text", "A GPT with rotary positions (S = 256, 64 channels, K from 64 to 256 over two thirds of the steps).")}

${plot("text", "Held-out loss by processor time on text, mean over seeds")}

## How to set it

On *small arrows*. The first two rows are those of its table; each of the others varies one thing of the route, or the learning rate of the model with all tokens:

${settings(plan, results)}

## What a step costs

Step time with K = S/4 on all layers but one, over that of the full model: measured, in brackets what operations predict and measured over predicted. A GPT of 64 channels, 1024 tokens a step, processor time.

${curve(plan, results)}

${plot("curve", "Step time with dropping over the full model's, by sequence length and depth")}
`;
}

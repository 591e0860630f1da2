/** A race in words and tables, ready to print. */
import Table from "cli-table3";
import type { RaceRecord } from "../trainer/race.ts";
import { median } from "../trainer/statistics.ts";
import type { Evaluation, Task } from "../trainer/types.ts";
import { inWords } from "../trainer/verdict.ts";

type Contestant = RaceRecord["contestants"][number];

const percent = (ratio: number) => `${(100 * ratio).toFixed(0)}%`;
const seconds = (value: number) => `${value.toFixed(1)} s`;
const milliseconds = (value: number) => `${(1000 * value).toFixed(0)} ms`;
const plusMinus = (value: number, error: number, digits: number) =>
  `${value.toFixed(digits)} ± ${error.toFixed(digits)}`;

function table(head: string[], rows: string[][]): string {
  const colAligns = head.map((_, i) => (i ? "right" : "left")) as ("left" | "right")[];
  // No colours: the table is also read in files.
  const drawn = new Table({ head, colAligns, style: { head: [], border: [], compact: true } });
  drawn.push(...rows);
  return drawn.toString();
}

const last = ({ history }: Contestant): Evaluation | undefined => history.evaluations.at(-1);

function comparison(contestants: readonly Contestant[]): string {
  const row = (name: string, cell: (e: Evaluation, c: Contestant) => string) => [
    name,
    ...contestants.map((c) => {
      const e = last(c);
      return e ? cell(e, c) : "-";
    }),
  ];
  return table(
    ["", ...contestants.map(({ name, role }) => (role === "control" ? `control: ${name}` : name))],
    [
      row("layers", (_, { config }) => String(config.model.layers)),
      row("held-out loss", (e) => plusMinus(e.loss, e.lossError, 3)),
      row("accuracy, %", (e) => plusMinus(100 * e.accuracy, 100 * e.accuracyError, 1)),
      row("steps", (e) => String(e.step)),
      row("layer-tokens", (e) => `${(e.layerTokens / 1e6).toFixed(2)} M`),
      row("time in steps", (e) => seconds(e.seconds)),
      row("compile time", (_, { compileSeconds }) => seconds(compileSeconds)),
    ],
  );
}

/** Median times of a step by length, beside a step of the full model, and what operations predict. */
function stepTimes(contestants: readonly Contestant[]): string {
  const timesAt = ({ history }: Contestant, K: number) =>
    history.seconds.filter((_, i) => history.lengths[i] === K);
  const full = contestants.find(({ role }) => role === "full");
  const S = full?.config.model.seq ?? 0;
  const fullTimes = full ? timesAt(full, S) : [];
  const rows = contestants.flatMap((c) =>
    [...new Set(c.history.lengths)].map((K) => {
      const times = timesAt(c, K);
      const time = median(times);
      const measured = fullTimes.length > 0 ? percent(time / median(fullTimes)) : "-";
      const predicted = full ? percent(c.flops[K] / full.flops[S]) : "-";
      return [
        c.name,
        K === c.config.model.seq ? `${K}, all` : String(K),
        String(times.length),
        milliseconds(time),
        measured,
        predicted,
      ];
    }),
  );
  return table(["", "K", "steps", "a step", "of all tokens'", "FLOPs predict"], rows);
}

/** Lines of at most 92 characters, those after the first indented. */
function wrap(text: string): string {
  const lines = [""];
  for (const word of text.split(" ")) {
    const line = lines[lines.length - 1];
    if (line.length + word.length < 92) lines[lines.length - 1] = line === "" ? word : `${line} ${word}`;
    else lines.push(`  ${word}`);
  }
  return lines.join("\n");
}

/** What the numbers say, each sentence from this race alone. */
function remarks(task: Task, { contestants, verdict }: RaceRecord): string[] {
  const lines: string[] = [];
  if (verdict) lines.push(...inWords(verdict));
  const control = verdict?.differences.find(({ role }) => role === "control");
  if (control?.clear && control.mean > 0) {
    lines.push(
      `So whoever is free to choose the depth takes the control: ${control.name}, and drops nothing.`,
    );
  } else if (control?.clear) {
    lines.push("The shallow control, with more steps in the same time, does not make up for the depth.");
  } else if (control) {
    lines.push(
      "The control is as good as far as these rows can tell: where it is, it is the simpler choice.",
    );
  }
  for (const { name, failure } of contestants) if (failure) lines.push(`${name} stopped: ${failure}.`);
  const { baseline } = task;
  const unlearned = contestants.filter((c) => (last(c)?.loss ?? 0) > 0.95 * baseline.loss);
  for (const { name } of unlearned) {
    lines.push(
      `${name} is hardly past ${baseline.name} (${baseline.loss.toFixed(3)}): it has learned little in this time.`,
    );
  }
  if (task.synthetic)
    lines.push(`${task.name} is synthetic: made up so that depth is needed and tokens repeat.`);
  lines.push("One seed, small models, minutes: docs/evidence.md has more seeds, tasks and time.");
  return lines;
}

/** All that is printed of a race. */
export function report(task: Task, record: RaceRecord, stopped: string | null): string {
  const { contestants } = record;
  const parts = [comparison(contestants), stepTimes(contestants)];
  if (stopped) parts.unshift(`Stopped by ${stopped}: learning rates had not come down to their end.`);
  const said = remarks(task, record).map((line) => wrap(`- ${line}`));
  return [...parts, said.join("\n")].join("\n\n");
}

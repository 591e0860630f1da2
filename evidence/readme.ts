/** The README's lines on when dropping pays, from the results alone. */
import type { Plan } from "./plan.ts";
import type { Result } from "./results.ts";
import { type Comparison, lastOf, medianOf, over, type Row, summarize, type TaskSummary } from "./summary.ts";

const MARKED = /(<!-- npm run evidence -->\n)[\s\S]*(<!-- \/npm run evidence -->)/;

const percent = (ratio: number) =>
  Number.isFinite(ratio) ? `${(100 * ratio).toFixed(0)}%` : "more than 100%";
const lossOf = ({ against }: Comparison) => over(against, (run) => lastOf(run).loss)?.mean ?? Number.NaN;

const named = ({ entry }: Row) => entry.recipe.name.replace(", ", " with ");

/** Dropping beside the best full model: how much of its time, on how many seeds. */
function beside({ dropping, best, aheadOfAll, seeds }: TaskSummary): string {
  if (!best) return `${named(dropping)} has nothing to be compared with yet`;
  const { layers } = best.against.entry.recipe;
  const deep = `${layers} ${layers === 1 ? "layer" : "layers"}`;
  const other =
    layers === dropping.entry.recipe.layers
      ? `of ${deep} with all tokens`
      : `of the best model with all tokens (${deep})`;
  const of = seeds === 1 ? "one seed so far" : `median of ${seeds} seeds; ahead on ${aheadOfAll}`;
  return `${named(dropping)} came to the last held-out loss ${other} in ${percent(medianOf(best.times))} of its time (${of})`;
}

/** The controls of a task, the best one first. */
function controls({ comparisons }: TaskSummary): Comparison[] {
  const all = comparisons.filter(({ against }) => against.entry.recipe.role === "control");
  return all.sort((a, b) => lossOf(a) - lossOf(b));
}

function against(summary: TaskSummary): string {
  const [best] = controls(summary);
  if (!best) return "";
  const own = over(summary.dropping, (run) => lastOf(run).loss)?.mean ?? Number.NaN;
  const other = lossOf(best);
  const losses = `${other.toFixed(3)}, dropping ${own.toFixed(3)}`;
  return other < own
    ? `, yet something simpler is ahead of both: ${named(best.against)} (held-out loss ${losses})`
    : `; the best of what is simpler, ${named(best.against)}, stays behind (held-out loss ${losses})`;
}

/** Three lines, for people who have not read the page. */
export function readmeLines(plan: Plan, results: ReadonlyMap<string, Result>): string {
  const [long, small, digits] = (
    [
      ["arrows", "main"],
      ["arrows", "small"],
      ["digits", "main"],
    ] as const
  ).map(([task, group]) => summarize(plan, results, task, group));
  // Of the two sizes, the one that more seeds speak for.
  const arrows = (long?.best?.seeds ?? 0) >= (small?.best?.seeds ?? 0) ? long : small;
  const lines = [];
  if (arrows) {
    const what =
      "Dropping can pay where a model is deep and its tokens repeat. On *arrows*, made up for the purpose,";
    lines.push(`${what} ${beside(arrows)}${against(arrows)}.`);
  }
  if (digits) {
    const what = "It does not pay by itself, so train a shallow model first. On *digits*,";
    lines.push(`${what} ${beside(digits)}${against(digits)}.`);
  }
  lines.push(
    "Every figure with its spread and its control, and when to drop and when not: [docs/evidence.md](docs/evidence.md).",
  );
  return lines.join("\n\n");
}

/** The README with these lines between its two marks. */
export function withLines(readme: string, lines: string): string {
  if (!MARKED.test(readme)) throw new Error("README.md has no <!-- npm run evidence --> marks");
  return readme.replace(MARKED, (_, from: string, to: string) => `${from}${lines}\n${to}`);
}

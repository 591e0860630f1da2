/** What a race came to: one computation, for the terminal, the page and the evidence alike. */
import { type Estimate, estimate } from "./statistics.ts";
import type { Evaluation, History } from "./types.ts";

/**
 * What a contestant is in the race.
 * - `full`: the model as deep as the one with dropping, all tokens.
 * - `dropping`: the one the race is about.
 * - `control`: something simpler that may do as well: a shallow model, or tokens dropped at the input.
 */
export type Role = "full" | "dropping" | "control";

/** Differences of this many standard errors are clear: some 19 in 20. */
const CLEAR = 2;

export type Judgement = "ahead" | "behind" | "too close to call" | "beaten by a control";

/** How dropping's loss differs from another's: below zero it is ahead. */
export interface Difference extends Estimate {
  readonly name: string;
  readonly role: Role;
  /** Whether the difference is clear of its standard error. */
  readonly clear: boolean;
}

/** Whether a difference is clear of chance. */
export function isClear({ mean, error }: Estimate, errors: number = CLEAR): boolean {
  return Math.abs(mean) > errors * error;
}

/**
 * Dropping is behind if a full model is clearly ahead of it, else beaten by a control if one of those is, else ahead if it
 * is itself clearly ahead of every full model, else too close to call.
 */
export function judge(differences: readonly Omit<Difference, "name">[]): Judgement {
  const ahead = (role: Role) => differences.some((d) => d.role === role && d.clear && d.mean > 0);
  if (ahead("full")) return "behind";
  if (ahead("control")) return "beaten by a control";
  const fulls = differences.filter(({ role }) => role === "full");
  return fulls.length > 0 && fulls.every((d) => d.clear && d.mean < 0) ? "ahead" : "too close to call";
}

/** What a contestant came to. */
export interface Outcome {
  readonly name: string;
  readonly role: Role;
  readonly history: History;
  /** Losses of the held-out rows at the last evaluation, alike for all. */
  readonly rowLosses: readonly number[];
}

/** What it took to reach a loss. */
export interface Cost {
  readonly seconds: number;
  readonly steps: number;
  readonly layerTokens: number;
}

/** Where the evaluations of a run first come down to `loss`, on the straight line between two; null: never. */
export function costOf(evaluations: readonly Evaluation[], loss: number): Cost | null {
  const at = evaluations.findIndex((e) => e.loss <= loss);
  if (at < 0) return null;
  const b = evaluations[at];
  const a = at > 0 ? evaluations[at - 1] : b;
  const part = a.loss > b.loss ? (a.loss - loss) / (a.loss - b.loss) : 1;
  const between = (x: number, y: number) => x + part * (y - x);
  return {
    seconds: between(a.seconds, b.seconds),
    steps: between(a.step, b.step),
    layerTokens: between(a.layerTokens, b.layerTokens),
  };
}

/** Dropping's cost of the best full model's last loss, over what that model spent. */
export interface Savings extends Cost {
  readonly full: string;
  readonly loss: number;
}

export interface Verdict {
  readonly judgement: Judgement;
  /** Of the contestant with dropping whose last loss is the lowest. */
  readonly dropping: string;
  readonly differences: readonly Difference[];
  /** Null where dropping never came down to the best full model's last loss. */
  readonly savings: Savings | null;
}

const last = ({ history }: Outcome): Evaluation => history.evaluations.at(-1) as Evaluation;

/** The best full model's last loss, and what dropping needed to reach it. */
export function savingsOf(dropping: Outcome, fulls: readonly Outcome[]): Savings | null {
  const best = lowest(fulls);
  if (!best) return null;
  const whole = last(best);
  const cost = costOf(dropping.history.evaluations, whole.loss);
  if (!cost) return null;
  return {
    full: best.name,
    loss: whole.loss,
    seconds: cost.seconds / whole.seconds,
    steps: cost.steps / whole.step,
    layerTokens: cost.layerTokens / whole.layerTokens,
  };
}

function lowest(outcomes: readonly Outcome[]): Outcome | undefined {
  return outcomes.reduce<Outcome | undefined>(
    (a, b) => (a && last(a).loss <= last(b).loss ? a : b),
    undefined,
  );
}

/**
 * The verdict of a race whose contestants were all evaluated on the same held-out rows; null where that is not so yet, or
 * nothing with dropping, or nothing else, was in it. The standard errors are those of the held-out rows, paired: of one
 * seed, and they say nothing of others.
 */
export function verdictOf(outcomes: readonly Outcome[]): Verdict | null {
  const finite = outcomes.every((o) => o.history.evaluations.length > 0 && Number.isFinite(last(o).loss));
  const dropping = finite ? lowest(outcomes.filter(({ role }) => role === "dropping")) : undefined;
  const others = outcomes.filter(({ role }) => role !== "dropping");
  if (!dropping || others.length === 0) return null;
  const differences = others.map(({ name, role, rowLosses }) => {
    const difference = estimate(dropping.rowLosses.map((loss, i) => loss - rowLosses[i]));
    return { name, role, ...difference, clear: isClear(difference) };
  });
  const fulls = others.filter(({ role }) => role === "full");
  return {
    judgement: judge(differences),
    dropping: dropping.name,
    differences,
    savings: savingsOf(dropping, fulls),
  };
}

const number = (value: number) => Math.abs(value).toFixed(3);

/** A verdict in words, a sentence each. */
export function inWords(verdict: Verdict): string[] {
  const { judgement, dropping, differences, savings } = verdict;
  const head = {
    ahead: `${dropping} is ahead: more was learned in the same time.`,
    behind: `${dropping} is behind: all tokens learned more in the same time.`,
    "too close to call": `${dropping} and all tokens are too close to call.`,
    "beaten by a control": `${dropping} is beaten by a control: something simpler learned more in the same time.`,
  }[judgement];
  const each = differences.map(({ name, role, mean, error, clear }) => {
    const what = role === "control" ? `the control, ${name}` : name;
    const by = `${number(mean)} (standard error ${number(error)})`;
    if (!clear) return `Against ${what}: no clear difference, ${by}.`;
    return `Against ${what}: the held-out loss of ${dropping} is ${mean < 0 ? "lower" : "higher"} by ${by}.`;
  });
  const saved = savings
    ? `It came down to the last loss of ${savings.full}, ${savings.loss.toFixed(3)}, in ${percent(savings.seconds)} of ` +
      `the time, ${percent(savings.steps)} of the steps and ${percent(savings.layerTokens)} of the layer-tokens.`
    : `It never came down to the last loss of the best full model.`;
  const fulls = differences.some(({ role }) => role === "full");
  return [head, ...each, ...(fulls ? [saved] : [])];
}

const percent = (ratio: number) => `${(100 * ratio).toFixed(0)}%`;

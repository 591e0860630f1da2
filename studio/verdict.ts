/** What the page says of a race, its marks and its tables: all from the trainer's one computation. */
import { type Cost, costOf, inWords, type Outcome, type Verdict, verdictOf } from "../trainer/verdict.ts";
import type { Mark } from "./charts/figure.ts";
import type { LaneName, Settings } from "./settings.ts";
import { capital, laneName } from "./words.ts";
import { historyOf, type LaneSeries, roleOf } from "./worker/protocol.ts";

/** The currencies of a race, as the charts count them. */
type Currency = "seconds" | "steps" | "layerTokens";

/** What the page shows of who is ahead. */
export interface Shown {
  /** One sentence. */
  readonly say: string;
  /** What it does not show. */
  readonly but: string;
  /** The level from the one that got there first to the one that is there now, by currency. */
  readonly mark?: Readonly<Record<Currency, Mark>>;
  /** What each needed for one loss. */
  readonly price?: { readonly loss: number } & Readonly<Record<Currency, Partial<Record<LaneName, number>>>>;
  readonly verdict: Verdict | null;
}

const CURRENCIES: readonly Currency[] = ["seconds", "steps", "layerTokens"];

/** The race so far, or at its end. */
export function shownOf(series: readonly LaneSeries[], settings: Settings, done: boolean): Shown {
  const outcomes = series.map((one): Outcome & { lane: LaneName } => ({
    lane: one.lane,
    name: laneName(one.lane, settings),
    role: roleOf(one.lane),
    history: historyOf(one),
    rowLosses: one.rowLosses,
  }));
  const verdict = verdictOf(outcomes);
  if (!verdict) {
    return {
      say: "No verdict yet: the first held-out check decides.",
      but: "One seed is one seed.",
      verdict,
    };
  }
  const dropping = outcomes.find(({ name }) => name === verdict.dropping)!;
  const full = outcomes.find(({ role }) => role === "full");
  return { ...sentences(verdict, done, full, dropping), ...levels(outcomes, full, dropping), verdict };
}

/** Early in a race, whole seconds would make all runs alike. */
const inSeconds = (seconds: number) => `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;

function sentences(
  verdict: Verdict,
  done: boolean,
  full: Outcome | undefined,
  dropping: Outcome,
): Pick<Shown, "say" | "but"> {
  const [, ...rest] = inWords(verdict);
  const name = capital(verdict.dropping);
  const is = done ? "ended" : "is";
  const whole = full?.history.evaluations.at(-1);
  const cost = whole && costOf(dropping.history.evaluations, whole.loss);
  const say = {
    ahead:
      cost && whole
        ? `${name} ${is} ahead: it needed ${inSeconds(cost.seconds)} for what all tokens have after ${inSeconds(whole.seconds)}.`
        : `${name} ${is} ahead of all tokens.`,
    behind: `${name} ${is} behind: all tokens learned more in the same time.`,
    "too close to call": `${name} and all tokens ${done ? "ended" : "are"} too close to call.`,
    "beaten by a control": `The control ${done ? "beat" : "beats"} ${verdict.dropping}${
      verdict.differences.some(({ role, mean }) => role === "full" && mean < 0) ? " and all tokens" : ""
    }: depth does not pay here yet.`,
  }[verdict.judgement];
  const each = rest.slice(0, verdict.differences.length);
  return { say, but: [...each, "One seed is one seed."].join(" ") };
}

/** The mark and the table: both for the higher of the two last losses, which both runs have reached. */
function levels(
  outcomes: readonly (Outcome & { lane: LaneName })[],
  full: Outcome | undefined,
  dropping: Outcome,
): Pick<Shown, "mark" | "price"> {
  const [a, b] = [full?.history.evaluations.at(-1), dropping.history.evaluations.at(-1)];
  if (!a || !b) return {};
  const [slow, fast] = a.loss >= b.loss ? [a, dropping] : [b, full!];
  const reached = costOf(fast.history.evaluations, slow.loss);
  const costs = outcomes.map(({ lane, history }) => [lane, costOf(history.evaluations, slow.loss)] as const);
  const of = (currency: Currency) =>
    Object.fromEntries(costs.flatMap(([lane, cost]) => (cost ? [[lane, cost[currency]]] : [])));
  const now: Cost = { seconds: slow.seconds, steps: slow.step, layerTokens: slow.layerTokens };
  const price = {
    loss: slow.loss,
    seconds: of("seconds"),
    steps: of("steps"),
    layerTokens: of("layerTokens"),
  };
  if (!reached) return { price };
  const marks = CURRENCIES.map((c) => [c, { y: slow.loss, from: reached[c], to: now[c] }] as const);
  return { price, mark: Object.fromEntries(marks) as Record<Currency, Mark> };
}

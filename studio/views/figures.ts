/** The race's charts as plain data. */
import { type Figure, inFigures, type Line, type Mark } from "../charts/figure.ts";
import type { LaneName } from "../settings.ts";
import type { LaneSeries } from "../worker/protocol.ts";

/** What the x axis counts. */
export type Currency = "seconds" | "steps" | "layerTokens";

/** What the y axis shows. */
export type Measure = "loss" | "right";

export const CURRENCIES: readonly (readonly [Currency, string])[] = [
  ["seconds", "seconds"],
  ["steps", "steps"],
  ["layerTokens", "layer-tokens"],
];

export const MEASURES: readonly (readonly [Measure, string])[] = [
  ["loss", "Held-out loss"],
  ["right", "Right answers, percent"],
];

/** Says where on the x axis a reading is. */
export const AT: Readonly<Record<Currency, (x: number) => string>> = {
  seconds: (x) => `At ${x.toFixed(0)} s`,
  steps: (x) => `At step ${x.toFixed(0)}`,
  layerTokens: (x) => `At ${inFigures(x)} layer-tokens`,
};

const AXIS: Readonly<Record<Currency, string>> = {
  seconds: "seconds of training, without pauses and compiling",
  steps: "steps",
  layerTokens: "layer-tokens",
};

const APART: Readonly<Record<Currency, (d: number) => string>> = {
  seconds: (d) => `${d.toFixed(0)} s`,
  steps: (d) => `${d.toFixed(0)} steps`,
  layerTokens: (d) => inFigures(d),
};

/** A dash for some runs, so that colour is not all that tells them apart. */
const DASHES = { full: undefined, ltd: undefined, route: [9, 3], shallow: [6, 4] } as const;

type NameOf = (lane: LaneName) => string;

function stepX({ steps }: LaneSeries, currency: Currency): readonly number[] {
  return currency === "steps" ? steps.loss.map((_, i) => i + 1) : steps[currency];
}

/** The held-out checks of a run as a curve. */
function heldLine(one: LaneSeries, name: string, measure: Measure, currency: Currency): Line {
  const key = currency === "steps" ? "step" : currency;
  return {
    name,
    color: `--${one.lane}`,
    x: one.held.map((check) => check[key]),
    y: one.held.map(({ loss, accuracy }) => (measure === "loss" ? loss : 100 * accuracy)),
  };
}

/** What the large chart shows. */
export interface Choices {
  readonly measure: Measure;
  readonly currency: Currency;
  readonly log: boolean;
}

/**
 * The large chart: held-out checks, with the losses of training faint behind them.
 *
 * @param behind Runs of kept races, drawn faintly.
 * @param seconds Training time of each run, where the axis of seconds ends.
 */
export function raceFigure(
  series: readonly LaneSeries[],
  behind: readonly LaneSeries[],
  { measure, currency, log }: Choices,
  seconds: number,
  mark: Mark | undefined,
  nameOf: NameOf,
): Figure {
  const title = MEASURES.find(([each]) => each === measure)![1];
  const kept = behind.map((one) => ({
    ...heldLine(one, `kept: ${nameOf(one.lane)}`, measure, currency),
    faint: true,
  }));
  const training = measure === "loss" ? series : [];
  const faint = training.map((one) => ({
    name: `${nameOf(one.lane)}, training`,
    color: `--${one.lane}`,
    x: stepX(one, currency),
    y: one.steps.loss,
    faint: true,
  }));
  const held = series.map((one) => ({
    ...heldLine(one, nameOf(one.lane), measure, currency),
    dash: DASHES[one.lane],
  }));
  const reach = Math.max(1e-9, ...series.map((one) => stepX(one, currency).at(-1) ?? 0));
  return {
    title,
    xName: AXIS[currency],
    yName: title,
    lines: [...kept, ...faint, ...held],
    xMax: currency === "seconds" ? Math.max(seconds, reach) : reach * 1.02,
    log,
    mark: mark && { ...mark, words: APART[currency](mark.to - mark.from) },
  };
}

/** The small charts: K, milliseconds a step beside what FLOPs predict, layer-tokens. */
export function smallFigures(series: readonly LaneSeries[], seconds: number, nameOf: NameOf): Figure[] {
  const chart = (
    title: string,
    value: (one: LaneSeries) => ArrayLike<number>,
    more: Line[] = [],
  ): Figure => ({
    title,
    xName: "seconds",
    yName: title,
    xMax: Math.max(seconds, ...series.map(({ steps }) => steps.seconds.at(-1) ?? 0)),
    lines: [
      ...series.map((one) => ({
        name: nameOf(one.lane),
        color: `--${one.lane}`,
        x: one.steps.seconds,
        y: value(one),
        dash: DASHES[one.lane],
      })),
      ...more,
    ],
  });
  const predicted = series
    .filter(({ lane }) => lane === "ltd" || lane === "route")
    .map(({ lane, steps }) => ({
      name: `${nameOf(lane)}, by FLOPs`,
      color: "--ink",
      x: steps.seconds,
      y: predictedSteps(series, steps),
      dash: [2, 4],
    }));
  return [
    chart("Tokens that a middle layer sees (K)", ({ steps }) => steps.reserved),
    chart("Milliseconds a step (dotted: by FLOPs)", ({ steps }) => smoothed(steps.ms), predicted),
    chart("Layer-tokens spent", ({ steps }) => steps.layerTokens),
  ];
}

const mean = (list: readonly number[]) => list.reduce((sum, v) => sum + v, 0) / list.length;

/** Steps that "now" is told from. */
const RECENT = 20;

/**
 * Milliseconds of a step, and what they would be if time went as FLOPs do, measured by the full model: of the last steps,
 * or of all once the race is over. Both are means over the same steps, for K changes on the way.
 */
export function stepMs(
  series: readonly LaneSeries[],
  steps: LaneSeries["steps"],
  isOver: boolean,
): { ms: number; byFlops: number } {
  const part = (list: readonly number[]) => mean(isOver ? list : list.slice(-RECENT));
  const full = series.find(({ lane }) => lane === "full")?.steps;
  const byFlops = full ? (part(full.ms) / part(full.flops)) * part(steps.flops) : Number.NaN;
  return { ms: part(steps.ms), byFlops };
}

function predictedSteps(series: readonly LaneSeries[], steps: LaneSeries["steps"]): number[] {
  const full = series.find(({ lane }) => lane === "full")?.steps;
  if (!full || full.ms.length === 0) return [];
  const ms = mean(full.ms);
  return steps.flops.map((flops) => (ms / full.flops[0]) * flops);
}

/** A running mean over nine steps. */
function smoothed(list: readonly number[]): number[] {
  let sum = 0;
  return list.map((v, i) => {
    sum += v - (i >= 9 ? list[i - 9] : 0);
    return sum / Math.min(9, i + 1);
  });
}

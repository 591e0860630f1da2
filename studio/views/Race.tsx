/** The race: verdict, curves, tables. Everything shown of who is ahead comes from `session.verdict`. */
import { useMemo, useState } from "preact/hooks";
import { type Figure, inFigures, type Line } from "../charts/figure.ts";
import { Plot, saveChart } from "../charts/Plot.tsx";
import * as session from "../session.ts";
import { TASKS } from "../settings.ts";
import { theme } from "../theme.ts";
import { duration, EXPLAINED, laneName } from "../words.ts";
import type { LaneSeries } from "../worker/protocol.ts";
import { Choice } from "./Setup.tsx";

/** What the x axis counts. */
type Currency = "seconds" | "steps" | "layerTokens";
type Shown = "loss" | "right";

const CURRENCIES: readonly (readonly [Currency, string])[] = [
  ["seconds", "seconds"],
  ["steps", "steps"],
  ["layerTokens", "layer-tokens"],
];

const AT: Readonly<Record<Currency, (x: number) => string>> = {
  seconds: (x) => `at ${x.toFixed(0)} s`,
  steps: (x) => `at step ${x.toFixed(0)}`,
  layerTokens: (x) => `at ${inFigures(x)} layer-tokens`,
};

const RIGHT = "Right answers, percent";

/** A dash for each control, so that colour is not all that tells runs apart. */
const DASHES = { full: undefined, ltd: undefined, route: [9, 3], shallow: [6, 4] } as const;

/** The x values of a run's held-out points in one currency. */
function heldX({ held }: LaneSeries, currency: Currency): readonly number[] {
  return held.map((evaluation) => evaluation[currency === "steps" ? "step" : currency]);
}

function heldY({ held }: LaneSeries, shown: Shown): readonly number[] {
  return held.map((evaluation) => (shown === "loss" ? evaluation.loss : 100 * evaluation.accuracy));
}

const nameOf = ({ lane }: LaneSeries) => laneName(lane, session.settings.value);

function stepX({ steps }: LaneSeries, currency: Currency): readonly number[] {
  return currency === "steps" ? steps.loss.map((_, i) => i + 1) : steps[currency];
}

function figureOf(
  series: readonly LaneSeries[],
  behind: readonly LaneSeries[],
  shown: Shown,
  currency: Currency,
  log: boolean,
  mark: Figure["mark"],
): Figure {
  const title = shown === "loss" ? "Held-out loss" : RIGHT;
  const lines: Line[] = [];
  for (const one of behind) {
    lines.push({
      name: `kept: ${nameOf(one)}`,
      color: `--${one.lane}`,
      x: heldX(one, currency),
      y: heldY(one, shown),
      faint: true,
    });
  }
  for (const one of series) {
    if (shown === "loss" && one.steps.loss.length > 0) {
      const x = stepX(one, currency);
      lines.push({
        name: `${nameOf(one)}, training`,
        color: `--${one.lane}`,
        x,
        y: one.steps.loss,
        faint: true,
      });
    }
  }
  for (const one of series) {
    const dash = DASHES[one.lane];
    lines.push({
      name: nameOf(one),
      color: `--${one.lane}`,
      x: heldX(one, currency),
      y: heldY(one, shown),
      dash,
    });
  }
  const reach = Math.max(1e-9, ...series.map((one) => stepX(one, currency).at(-1) ?? 0));
  const xMax =
    currency === "seconds"
      ? Math.max(session.recordedSeconds.value ?? session.settings.value.seconds, reach)
      : reach * 1.05;
  const xName =
    currency === "seconds"
      ? "seconds of training; pauses and compiling left out"
      : CURRENCIES.find(([c]) => c === currency)![1];
  return { title, xName, yName: title, lines, xMax, log, mark };
}

export function Race() {
  const { series, verdict, phase, settings, kept, overlaid } = session;
  const [currency, setCurrency] = useState<Currency>("seconds");
  const [shown, setShown] = useState<Shown>("loss");
  const [log, setLog] = useState(false);
  const behind = kept.value.filter(({ id }) => overlaid.value.has(id)).flatMap((race) => race.series);
  const { mark } = verdict.value;
  const figure = useMemo(
    () =>
      figureOf(series.value, behind, shown, currency, log, shown === "loss" ? mark?.[currency] : undefined),
    [series.value, behind.length, shown, currency, log, settings.value, mark],
  );
  return (
    <section class="panel" id="race" aria-labelledby="h-race">
      <div class="head">
        <h2 id="h-race">The race</h2>
        <State />
      </div>
      <Verdict />
      <div class="charts">
        <div>
          <div class="bar">
            <label>
              <span class="sr">Shown</span>
              <select value={shown} onChange={(event) => setShown(event.currentTarget.value as Shown)}>
                <option value="loss">Held-out loss</option>
                <option value="right">{RIGHT}</option>
              </select>
            </label>
            <div class="small">
              <Choice
                legend="Against"
                name="currency"
                choices={CURRENCIES}
                value={currency}
                disabled={false}
                onChoose={setCurrency}
              />
            </div>
            <div class="tools">
              <label>
                <input
                  type="checkbox"
                  checked={log}
                  onChange={(event) => setLog(event.currentTarget.checked)}
                />{" "}
                log
              </label>
              <button type="button" class="ghost sm" onClick={() => void saveChart(figure, "svg", "race")}>
                Save SVG
              </button>
              <button type="button" class="ghost sm" onClick={() => void saveChart(figure, "png", "race")}>
                Save PNG
              </button>
            </div>
          </div>
          <Plot figure={figure} height={300} at={AT[currency]} whole theme={theme.value} />
        </div>
        <div class="tables">
          <Score done={phase.value === "done"} />
          <Price />
        </div>
      </div>
      <Minis />
    </section>
  );
}

/** What the page is doing, in words. */
function State() {
  const { phase, compiling, used, spent, settings, recordedSeconds } = session;
  const isRecorded = phase.value === "idle" && recordedSeconds.value !== undefined;
  const { now, of, unit } = spent.value;
  // Every run takes as long as this one has, for as much of the budget.
  const left = now > 0 ? ((of - now) / now) * used.value * settings.value.lanes.length : 0;
  const far = `${now.toFixed(0)} of ${of} ${unit} each`;
  const words = {
    idle: isRecorded ? "race: press Start for one of your own" : "press Start",
    starting: "starting",
    compiling: compiling.value
      ? `compiling ${compiling.value.what}, ${compiling.value.done + 1} of ${compiling.value.of}; the clock stands`
      : "compiling; the clock stands",
    running: `${far}, about ${duration(left)} to go`,
    paused: `at ${far}`,
    done: `${far}`,
    failed: "stopped by an error",
  }[phase.value];
  return (
    <p class={`state ${phase.value}`}>
      <b>{isRecorded ? "Recorded" : phase.value}</b> {words}
    </p>
  );
}

/** One sentence that says who is ahead, and one that says what it does not show. Told to screen readers every 5 s at most. */
function Verdict() {
  const { say, but } = session.verdict.value;
  return (
    <div class="verdict">
      <p class="say">{say}</p>
      <p class="but">
        {but} <a href="#words">What this shows, and what it does not</a>
      </p>
    </div>
  );
}

function Score({ done }: { done: boolean }) {
  const { series, settings } = session;
  const { task } = settings.value;
  return (
    <table class="score">
      <caption>{done ? "At the end" : "Now"}</caption>
      <thead>
        <tr>
          <th scope="col">Run</th>
          <th scope="col">Loss</th>
          <th scope="col">Right</th>
          <th scope="col">Steps</th>
          <th scope="col">A step</th>
        </tr>
      </thead>
      <tbody>
        {series.value.map(({ lane, layers, steps, held }) => {
          const last = held.at(-1);
          const ms = recentMean(steps.ms);
          const K = steps.reserved.at(-1);
          return (
            <tr key={lane}>
              <th scope="row" title={EXPLAINED[lane]}>
                <i class={`key k-${lane}`} aria-hidden="true" />
                {laneName(lane, settings.value)}
                <small class="sub">
                  {lane === "ltd" || lane === "route"
                    ? `K ${K ?? "–"} of ${TASKS[task].seqLength}`
                    : `${layers} layer${layers === 1 ? "" : "s"}${lane === "shallow" ? ", a control" : ""}`}
                </small>
              </th>
              <td class={`c-${lane}`}>
                <b>{inFigures(last?.loss ?? Number.NaN)}</b>
              </td>
              <td>{last ? `${(100 * last.accuracy).toFixed(1)}%` : "–"}</td>
              <td>{steps.loss.length}</td>
              <td>
                {Number.isNaN(ms) ? "–" : `${ms.toFixed(0)} ms`}
                <small>FLOPs: {inFigures(predictedMs(series.value, steps))}</small>
              </td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

/** The mean of the last steps. */
function recentMean(list: readonly number[]): number {
  const recent = list.slice(-20);
  return recent.reduce((sum, v) => sum + v, 0) / recent.length;
}

/** Milliseconds of a step if time went as FLOPs do, measured by the full model. */
function predictedMs(series: readonly LaneSeries[], steps: LaneSeries["steps"]): number {
  const full = series.find(({ lane }) => lane === "full")?.steps;
  if (!full || full.ms.length === 0 || steps.flops.length === 0) return Number.NaN;
  return (recentMean(full.ms) / full.flops.at(-1)!) * steps.flops.at(-1)!;
}

/** What it took each run to get as far as the slower of the first two. */
function Price() {
  const { verdict, series, settings } = session;
  const { price } = verdict.value;
  if (!price) return null;
  return (
    <table class="score same">
      <caption>To a held-out loss of {inFigures(price.loss)}</caption>
      <thead>
        <tr>
          <th scope="col">What it took</th>
          {series.value.map(({ lane }) => (
            <th scope="col" class={`c-${lane}`} key={lane}>
              {laneName(lane, settings.value)}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {CURRENCIES.map(([currency, words]) => (
          <tr key={currency}>
            <th scope="row">{words}</th>
            {series.value.map(({ lane }) => (
              <td key={lane}>{inFigures(price[currency][lane] ?? Number.NaN)}</td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Minis() {
  const { series, settings } = session;
  const seconds = session.recordedSeconds.value ?? settings.value.seconds;
  const mini = (title: string, value: (one: LaneSeries) => ArrayLike<number>, more: Line[] = []): Figure => ({
    title,
    xName: "seconds",
    yName: title,
    xMax: Math.max(seconds, session.used.value),
    lines: [
      ...series.value.map((one) => ({
        name: nameOf(one),
        color: `--${one.lane}`,
        x: one.steps.seconds,
        y: value(one),
        dash: DASHES[one.lane],
      })),
      ...more,
    ],
  });
  const figures = useMemo(() => {
    const predicted = series.value
      .filter(({ lane }) => lane === "ltd" || lane === "route")
      .map(({ lane, steps }) => ({
        name: `${laneName(lane, settings.value)}, by FLOPs`,
        color: "--ink",
        x: steps.seconds,
        y: predictedSteps(series.value, steps),
        dash: [2, 4],
      }));
    return [
      mini("Tokens that a middle layer sees (K)", ({ steps }) => steps.reserved),
      mini("Milliseconds a step, and what FLOPs predict", ({ steps }) => smoothed(steps.ms), predicted),
      mini("Layer-tokens", ({ steps }) => steps.layerTokens),
    ];
  }, [series.value, seconds]);
  return (
    <div class="minis">
      {figures.map((figure) => (
        <Plot key={figure.title} figure={figure} height={120} at={AT.seconds} theme={theme.value} />
      ))}
    </div>
  );
}

function predictedSteps(series: readonly LaneSeries[], steps: LaneSeries["steps"]): number[] {
  const full = series.find(({ lane }) => lane === "full")?.steps;
  if (!full || full.ms.length === 0) return [];
  const mean = full.ms.reduce((sum, v) => sum + v, 0) / full.ms.length;
  return steps.flops.map((flops) => (mean / full.flops[0]) * flops);
}

/** A running mean over nine steps. */
function smoothed(list: readonly number[]): number[] {
  let sum = 0;
  return list.map((v, i) => {
    sum += v - (i >= 9 ? list[i - 9] : 0);
    return sum / Math.min(9, i + 1);
  });
}

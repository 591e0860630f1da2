/** The race: verdict, curves, tables. Everything shown of who is ahead comes from `session.verdict`. */
import { useMemo, useState } from "preact/hooks";
import { Plot } from "../charts/Plot.tsx";
import { saveChart } from "../charts/save.ts";
import * as session from "../session.ts";
import type { LaneName } from "../settings.ts";
import { scheme } from "../theme.ts";
import { laneName } from "../words.ts";
import { Choice } from "./Choice.tsx";
import {
  AT,
  CURRENCIES,
  type Currency,
  MEASURES,
  type Measure,
  raceFigure,
  smallFigures,
} from "./figures.ts";
import { Progress, State, Verdict } from "./State.tsx";
import { Price, Score } from "./Tables.tsx";

const nameOf = (lane: LaneName) => laneName(lane, session.settings.value);

/** Where the axis of seconds ends. */
const axisSeconds = () => session.recordedSeconds.value ?? session.settings.value.seconds;

export function Race() {
  const { shown, verdict, settings, kept, overlaid } = session;
  const [currency, setCurrency] = useState<Currency>("seconds");
  const [measure, setMeasure] = useState<Measure>("loss");
  const [log, setLog] = useState(false);
  const behind = kept.value.filter(({ id }) => overlaid.value.has(id)).flatMap((race) => race.series);
  const mark = measure === "loss" ? verdict.value.mark?.[currency] : undefined;
  const figure = useMemo(
    () => raceFigure(shown.value, behind, { measure, currency, log }, axisSeconds(), mark, nameOf),
    [shown.value, behind.length, measure, currency, log, settings.value, mark],
  );
  const save = (kind: "svg" | "png") => void saveChart(figure, kind, "race");
  return (
    <section class="panel" id="race" aria-labelledby="h-race">
      <div class="head">
        <h2 id="h-race">The race</h2>
        <State />
      </div>
      <Progress />
      <Verdict />
      <div class="charts">
        <div>
          <div class="bar">
            <label>
              <span class="sr">Shown</span>
              <select value={measure} onChange={(event) => setMeasure(event.currentTarget.value as Measure)}>
                {MEASURES.map(([each, words]) => (
                  <option value={each} key={each}>
                    {words}
                  </option>
                ))}
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
              <label class="check">
                <input
                  type="checkbox"
                  checked={log}
                  onChange={(event) => setLog(event.currentTarget.checked)}
                />{" "}
                log
              </label>
              <button type="button" class="ghost sm" aria-label="Save SVG" onClick={() => save("svg")}>
                SVG
              </button>
              <button type="button" class="ghost sm" aria-label="Save PNG" onClick={() => save("png")}>
                PNG
              </button>
            </div>
          </div>
          <Plot
            figure={figure}
            height={310}
            at={AT[currency]}
            whole
            waiting="The curves appear here once the race is on."
            scheme={scheme.value}
          />
        </div>
        <div class="tables">
          <Score />
          <Price />
        </div>
      </div>
      <Minis />
    </section>
  );
}

function Minis() {
  const { shown, settings } = session;
  const seconds = axisSeconds();
  const figures = useMemo(
    () => smallFigures(shown.value, seconds, nameOf),
    [shown.value, seconds, settings.value],
  );
  return (
    <div class="minis">
      {figures.map((figure) => (
        <Plot
          key={figure.title}
          figure={figure}
          height={124}
          at={AT.seconds}
          waiting="Nothing yet"
          scheme={scheme.value}
        />
      ))}
    </div>
  );
}

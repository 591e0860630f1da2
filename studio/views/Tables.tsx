/** The race in figures: how each run does, and what each needed for the same loss. */
import { inFigures } from "../charts/figure.ts";
import * as session from "../session.ts";
import { TASKS } from "../settings.ts";
import { EXPLAINED, laneName } from "../words.ts";
import { CURRENCIES, stepMs } from "./figures.ts";

export function Score() {
  const { shown, settings, over } = session;
  const { task } = settings.value;
  return (
    <table class="score">
      <caption>{over.value ? "At the end" : "Now"}</caption>
      <thead>
        <tr>
          <th scope="col">Run</th>
          <th scope="col">Loss</th>
          <th scope="col">Right</th>
          <th scope="col">Steps</th>
          <th scope="col">ms a step</th>
        </tr>
      </thead>
      <tbody>
        {shown.value.map(({ lane, layers, steps, held }) => {
          const last = held.at(-1);
          const { ms, byFlops } = stepMs(shown.value, steps, over.value);
          const K = steps.reserved.at(-1) ?? settings.value.reserved;
          const drops = lane === "ltd" || lane === "route";
          return (
            <tr key={lane}>
              <th scope="row" title={EXPLAINED[lane]}>
                <i class={`key k-${lane}`} aria-hidden="true" />
                {laneName(lane, settings.value)}
                <small class="sub">
                  {drops
                    ? `K ${K} of ${TASKS[task].seqLength}`
                    : lane === "shallow"
                      ? "the control"
                      : `${layers} layers`}
                </small>
              </th>
              <td class={`c-${lane}`}>
                <b>{inFigures(last?.loss ?? Number.NaN)}</b>
              </td>
              <td>{last ? `${(100 * last.accuracy).toFixed(1)}%` : "–"}</td>
              <td>{steps.loss.length}</td>
              <td>
                {Number.isNaN(ms) ? "–" : ms.toFixed(0)}
                {drops && !Number.isNaN(byFlops) && <small>by FLOPs {byFlops.toFixed(0)}</small>}
              </td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

const FIGURES = { seconds: inFigures, steps: (v: number) => v.toFixed(0), layerTokens: inFigures };

/** What it took each run to get as far as the slower of the first two. */
export function Price() {
  const { verdict, shown, settings } = session;
  const { price } = verdict.value;
  if (!price) return null;
  return (
    <table class="score same">
      <caption>What each needed for a held-out loss of {inFigures(price.loss)}</caption>
      <thead>
        <tr>
          <th scope="col">
            <span class="sr">Currency</span>
          </th>
          {shown.value.map(({ lane }) => (
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
            {shown.value.map(({ lane }) => {
              const cost = price[currency][lane];
              return <td key={lane}>{cost === undefined ? "–" : FIGURES[currency](cost)}</td>;
            })}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** Races kept in this browser: overlaid, continued, exported, and run again with more seeds. */
import { useRef } from "preact/hooks";
import { inFigures } from "../charts/figure.ts";
import { LANGUAGE } from "../charts/language.ts";
import { save } from "../charts/save.ts";
import * as session from "../session.ts";
import { toAddress } from "../settings.ts";
import { fromFile, type KeptRace, toFile } from "../storage.ts";
import { laneName } from "../words.ts";
import { lazily } from "./lazily.tsx";

/** With the library, which draws the tokens. */
const Fingerprint = lazily(
  async () => (await import("./Fingerprint.tsx")).Fingerprint,
  <p class="note">Fingerprint of the tokens that this race draws.</p>,
);

/** Seeds that "more seeds" adds. */
const SEEDS = 4;

export function Runs() {
  const { kept, storageRefused, busy, seedsLeft } = session;
  const file = useRef<HTMLInputElement>(null);
  const open = async () => {
    const [chosen] = file.current!.files ?? [];
    if (!chosen) return;
    try {
      await session.take(fromFile(await chosen.text()));
    } catch (error) {
      session.notice.value = error instanceof Error ? error.message : String(error);
    }
    file.current!.value = "";
  };
  return (
    <section class="panel" id="runs" aria-labelledby="h-runs">
      <div class="head">
        <h2 id="h-runs">Races kept in this browser</h2>
        <div class="tools">
          <button type="button" class="sm" disabled={busy.value} onClick={() => void session.runSeeds(SEEDS)}>
            Run this with {SEEDS} more seeds
          </button>
          <button type="button" class="ghost sm" onClick={() => file.current!.click()}>
            Open a file
          </button>
          <input
            ref={file}
            type="file"
            accept=".json,application/json"
            hidden
            aria-label="A race's file"
            onChange={open}
          />
        </div>
      </div>
      {storageRefused.value && (
        <p class="notice">
          This browser keeps nothing for this page ({storageRefused.value}). Races stay until the page is
          closed; export those that matter.
        </p>
      )}
      {seedsLeft.value > 0 && <p class="cap">{seedsLeft.value} more seeds to come.</p>}
      {kept.value.length === 0 ? (
        <p class="cap">
          None yet. Each race is kept here with its models' weights, so that it can go on after a reload.
        </p>
      ) : (
        <>
          <p class="cap">Tick a race to draw it behind the one above.</p>
          <ul class="runs">
            {kept.value.map((race) => (
              <Kept key={race.id} race={race} />
            ))}
          </ul>
        </>
      )}
      <Spread />
      <Fingerprint />
    </section>
  );
}

function Kept({ race }: { race: KeptRace }) {
  const { overlaid, busy } = session;
  const { id, begun, settings, series, done } = race;
  const on = overlaid.value.has(id);
  const overlay = (wanted: boolean) => {
    const next = new Set(overlaid.value);
    if (wanted) next.add(id);
    else next.delete(id);
    overlaid.value = next;
  };
  const when = new Date(begun).toLocaleString(LANGUAGE, { dateStyle: "medium", timeStyle: "short" });
  const best = Math.min(...series.map((one) => one.held.at(-1)?.loss ?? Number.POSITIVE_INFINITY));
  return (
    <li>
      <label>
        <input type="checkbox" checked={on} onChange={(event) => overlay(event.currentTarget.checked)} />{" "}
        <span class="sr">Draw behind this race: </span>
        <b>{when}</b>
      </label>
      <span>
        {settings.task}, {settings.steps > 0 ? `${settings.steps} steps` : `${settings.seconds} s`} each, seed{" "}
        {settings.seed}
        {done ? "" : ", not finished"}.{" "}
        {series.map(({ lane, held }, i) => {
          const loss = held.at(-1)?.loss;
          const words = `${laneName(lane, settings)} ${loss === undefined ? "–" : inFigures(loss)}`;
          return (
            <span key={lane} class={`c-${lane}`}>
              {i > 0 ? " · " : ""}
              {loss === best ? <b>{words}</b> : words}
            </span>
          );
        })}
      </span>
      <span class="tools">
        <a href={toAddress(settings)}>Settings</a>
        {!done && (
          <button type="button" class="sm" disabled={busy.value} onClick={() => void session.goOn(race)}>
            Go on
          </button>
        )}
        <button
          type="button"
          class="sm"
          onClick={() =>
            save(
              new Blob([toFile(race)], { type: "application/json" }),
              `race-${settings.task}-${settings.seed}.json`,
            )
          }
        >
          Export
        </button>
        <button
          type="button"
          class="sm"
          onClick={() => void session.forget(id)}
          aria-label={`Delete the race of ${when}`}
        >
          Delete
        </button>
      </span>
    </li>
  );
}

/** Mean and spread over the kept races that differ from these settings by their seed alone. */
function Spread() {
  const { kept, settings } = session;
  const alike = (race: KeptRace) =>
    toAddress({ ...race.settings, seed: 0 }) === toAddress({ ...settings.value, seed: 0 });
  const finished = kept.value.filter((race) => race.done && alike(race));
  if (new Set(finished.map((race) => race.settings.seed)).size < 2) return null;
  return (
    <table class="score">
      <caption>
        {finished.length} races with these settings and different seeds: held-out loss at the end, mean and
        standard deviation
      </caption>
      <tbody>
        {settings.value.lanes.map((lane) => {
          const losses = finished.flatMap(
            ({ series }) => series.find((one) => one.lane === lane)?.held.at(-1)?.loss ?? [],
          );
          const mean = losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
          const square = losses.reduce((sum, loss) => sum + (loss - mean) ** 2, 0);
          return (
            <tr key={lane}>
              <th scope="row" class={`c-${lane}`}>
                {laneName(lane, settings.value)}
              </th>
              <td>
                {mean.toFixed(3)} ± {Math.sqrt(square / Math.max(1, losses.length - 1)).toFixed(3)}
              </td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

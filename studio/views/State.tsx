/** What the page is doing, and who is ahead, in words. */
import * as session from "../session.ts";
import { hiddenSeconds } from "../visibility.ts";
import { duration } from "../words.ts";
import { Coloured } from "./Coloured.tsx";

/** How far the race is, as a value and its end; undefined where nothing is under way. */
export function progressOf(): { value: number | undefined; max: number } | undefined {
  const { phase, compiling, spent } = session;
  switch (phase.value) {
    case "starting":
      return { value: undefined, max: 1 };
    case "compiling":
      return { value: compiling.value?.done, max: compiling.value?.of ?? 1 };
    case "running":
    case "paused":
      return { value: spent.value.now, max: spent.value.of };
    default:
      return undefined;
  }
}

export function State() {
  const { phase, compiling, used, spent, settings, isRecorded } = session;
  const { now, of, unit } = spent.value;
  // Every run takes as long as this one has, for as much of the budget.
  const left = now > 0 ? ((of - now) / now) * used.value * settings.value.lanes.length : 0;
  const hidden =
    hiddenSeconds.value >= 1
      ? `. The tab was hidden for ${duration(hiddenSeconds.value)}, which may slow all runs`
      : "";
  const far = `${now.toFixed(0)} of ${of} ${unit} each`;
  const [name, words] = {
    idle: isRecorded.value
      ? ["Recorded", "on two cores of a server, by WebAssembly. Press Start for a race of your own."]
      : ["Ready", "Press Start, and the curves appear here."],
    starting: ["Starting", ""],
    compiling: [
      "Compiling",
      compiling.value
        ? `${compiling.value.done + 1} of ${compiling.value.of}: ${compiling.value.what}. The clock stands still.`
        : "The clock stands still.",
    ],
    running: ["Running", `${far}, about ${duration(left)} to go${hidden}`],
    paused: ["Paused", `at ${far}`],
    done: ["Done", far],
    failed: ["Stopped", "The notice at the top says why."],
  }[phase.value];
  return (
    <p class={`state ${phase.value}`}>
      <b>{name}</b> {words}
    </p>
  );
}

/** A bar that fills as the race goes on. */
export function Progress() {
  const progress = progressOf();
  if (!progress) return <div class="progress" />;
  return <progress class="progress" {...progress} aria-label="How far the race is" />;
}

/** One sentence that says who is ahead, and one that says what it does not show. Told to screen readers every 5 s at most. */
export function Verdict() {
  const { verdict, settings } = session;
  const { say, but } = verdict.value;
  return (
    <div class="verdict">
      <p class="say">
        <Coloured text={say} settings={settings.value} />
      </p>
      <p class="but">
        {but} <a href="#words">What this shows, and what it does not</a>
      </p>
    </div>
  );
}

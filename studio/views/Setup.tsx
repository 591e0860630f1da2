/** What is raced, and the buttons: the top of the page, and the bar at the bottom of a phone. */
import { useState } from "preact/hooks";
import * as session from "../session.ts";
import { defaultsOf, LANES, type LaneName, type Settings, TIMES, toAddress } from "../settings.ts";
import { laneName } from "../words.ts";
import { SettingsDialog } from "./SettingsDialog.tsx";

const TASK_NAMES = { arrows: "Follow arrows", digits: "Read digits", text: "Write Moby Dick" } as const;
const TIME_NAMES: Record<number, string> = { 20: "20 s", 120: "2 min", 600: "10 min" };

interface ChoiceProps<T extends string | number> {
  readonly legend: string;
  readonly name: string;
  readonly choices: readonly (readonly [T, string])[];
  readonly value: T;
  readonly disabled: boolean;
  readonly onChoose: (value: T) => void;
}

/** One of a few, as a row of radio buttons. */
export function Choice<T extends string | number>(props: ChoiceProps<T>) {
  const { legend, name, choices, value, disabled, onChoose } = props;
  return (
    <fieldset class="seg" disabled={disabled}>
      <legend>{legend}</legend>
      {choices.map(([each, words]) => (
        <label key={each}>
          <input type="radio" name={name} checked={each === value} onChange={() => onChoose(each)} />
          <span>{words}</span>
        </label>
      ))}
    </fieldset>
  );
}

/** Whether a race is under way, so that its settings stand. */
function isBusy(): boolean {
  return ["starting", "compiling", "running", "paused"].includes(session.phase.value);
}

export function Setup() {
  const { settings, phase, machine, addressNotes, notice } = session;
  const { task, seconds, lanes, backend } = settings.value;
  const [dialog, setDialog] = useState(false);
  const busy = isBusy();
  const toggle = (lane: LaneName, on: boolean) => {
    const next = LANES.filter((each) => (each === lane ? on : lanes.includes(each)));
    if (next.length >= 2) session.change({ lanes: next });
  };
  const quiet = phase.value === "idle" || phase.value === "done" || phase.value === "failed";
  return (
    <section class="setup" aria-labelledby="h-setup">
      <h1 id="h-setup" tabIndex={-1}>
        Transformers, one seed. <span>One skips most of its tokens.</span>
      </h1>
      {quiet && (
        <p class="lead">
          They see the same batches and take turns on your own machine, so that each has had the same time.
          Does the one that computes less learn faster by the clock? Sometimes. Watch, and check.
        </p>
      )}
      <form class="recipe" onSubmit={(event) => event.preventDefault()}>
        <Choice
          legend="Task"
          name="task"
          choices={Object.entries(TASK_NAMES) as [Settings["task"], string][]}
          value={task}
          disabled={busy}
          onChoose={(next) => session.change({ task: next })}
        />
        <Choice
          legend="Training time for each"
          name="seconds"
          choices={[
            ...TIMES.map((time) => [time as number, TIME_NAMES[time]] as const),
            ...((TIMES as readonly number[]).includes(seconds) ? [] : [[seconds, `${seconds} s`] as const]),
          ]}
          value={seconds}
          disabled={busy}
          onChoose={(next) => session.change({ seconds: next })}
        />
        <fieldset class="seg lanes" disabled={busy}>
          <legend>In the race</legend>
          {LANES.map((lane) => (
            <label key={lane}>
              <input
                type="checkbox"
                checked={lanes.includes(lane)}
                disabled={lane === "full"}
                onChange={(event) => toggle(lane, event.currentTarget.checked)}
              />
              <span class={`c-${lane}`}>{laneName(lane, settings.value)}</span>
            </label>
          ))}
        </fieldset>
        <Buttons onSettings={() => setDialog(true)} />
      </form>
      <p class="machine">
        <span class="dot" aria-hidden="true" />
        {machine.value ? (
          <>
            <b>{machine.value.backend === "webgpu" ? "WebGPU." : "WebAssembly, one thread."}</b>{" "}
            {machine.value.why}
          </>
        ) : (
          <>
            <b>
              {backend === "auto" ? "WebGPU where this browser has it, else WebAssembly." : `On ${backend}.`}
            </b>{" "}
            Nothing is sent anywhere: the models train in this tab.
          </>
        )}
      </p>
      {addressNotes.value.length > 0 && (
        <p class="notice" role="status">
          <b>The address was not taken as it stands.</b>{" "}
          {addressNotes.value.map(({ text }) => text).join(" ")}
        </p>
      )}
      {notice.value && (
        <p class="notice" role="alert">
          {notice.value}{" "}
          <button type="button" class="sm" onClick={() => (notice.value = undefined)}>
            Dismiss
          </button>
        </p>
      )}
      {dialog && <SettingsDialog onClose={() => setDialog(false)} />}
    </section>
  );
}

/** What the main button does now. */
function mainAction(): readonly [string, () => void] {
  switch (session.phase.value) {
    case "starting":
    case "compiling":
    case "running":
      return ["Pause", session.pause];
    case "paused":
      return ["Go on", session.resume];
    case "done":
      return ["Race again", () => void session.startRace()];
    default:
      return ["Start", () => void session.startRace()];
  }
}

function Buttons({ onSettings }: { onSettings: () => void }) {
  const [words, act] = mainAction();
  const busy = isBusy();
  return (
    <div class="go">
      <button type="button" class="primary" onClick={act}>
        {words}
      </button>
      {busy && (
        <button type="button" onClick={session.stop}>
          Stop
        </button>
      )}
      <button type="button" class="ghost" aria-haspopup="dialog" disabled={busy} onClick={onSettings}>
        Settings
      </button>
    </div>
  );
}

/** The bar at the bottom of a phone: the same button, and how far the race is. */
export function Dock() {
  const [words, act] = mainAction();
  const { now, of, unit } = session.spent.value;
  return (
    <section class="dock" aria-label="Race controls">
      <button type="button" class="primary" onClick={act}>
        {words}
      </button>
      <div class="prog">
        <span>
          <b>{now.toFixed(0)}</b> of {of} {unit} each
        </span>
        <progress value={now} max={of} aria-label="How far the race is" />
      </div>
    </section>
  );
}

/** The address of these settings, as a whole link. */
export function linkOf(settings: Settings): string {
  return location.origin + location.pathname + toAddress(settings);
}

export { defaultsOf };

/** What is raced, and the buttons: the top of the page, and the bar at the bottom of a phone. */
import { signal } from "@preact/signals";
import * as session from "../session.ts";
import { LANES, type LaneName, type Settings, TIMES } from "../settings.ts";
import { EXPLAINED, headline, laneName } from "../words.ts";
import { Choice } from "./Choice.tsx";
import { lazily } from "./lazily.tsx";
import { progressOf } from "./State.tsx";

const TASK_NAMES = { arrows: "Follow arrows", digits: "Read digits", text: "Write Moby Dick" } as const;
const TIME_NAMES: Record<number, string> = { 20: "20 s", 120: "2 min", 600: "10 min" };

/** Whether the settings' dialog is open. */
const dialog = signal(false);

const SettingsDialog = lazily(async () => (await import("./SettingsDialog.tsx")).SettingsDialog);

function setLane(lane: LaneName, on: boolean): void {
  const { lanes } = session.settings.value;
  const next = LANES.filter((each) => (each === lane ? on : lanes.includes(each)));
  if (next.length >= 2) session.change({ lanes: next });
}

export function Setup() {
  const { settings, busy } = session;
  const { task, seconds, steps, lanes } = settings.value;
  const [who, what] = headline(settings.value);
  const times: (readonly [number, string])[] = TIMES.map((time) => [time, TIME_NAMES[time]]);
  if (!(TIMES as readonly number[]).includes(seconds)) times.push([seconds, `${seconds} s`]);
  return (
    <section class="setup" aria-labelledby="h-setup">
      <h1 id="h-setup" tabIndex={-1}>
        {who} <span>{what}</span>
      </h1>
      {!busy.value && (
        <p class="lead">
          They learn from the same batches and take turns on your machine, so that each gets the same time.
          Does the one that computes less learn faster by the clock? Sometimes. Watch, and check.
        </p>
      )}
      <form class="recipe" onSubmit={(event) => event.preventDefault()}>
        <Choice
          legend="Task"
          name="task"
          choices={Object.entries(TASK_NAMES) as [Settings["task"], string][]}
          value={task}
          disabled={busy.value}
          onChoose={(next) => session.change({ task: next })}
        />
        {steps > 0 ? (
          <fieldset class="seg" disabled={busy.value}>
            <legend>Steps for each</legend>
            <div>
              <button type="button" disabled={busy.value} onClick={() => session.change({ steps: 0 })}>
                {steps} steps <span class="dim">· by time instead</span>
              </button>
            </div>
          </fieldset>
        ) : (
          <Choice
            legend="Training time for each"
            name="seconds"
            choices={times}
            value={seconds}
            disabled={busy.value}
            onChoose={(next) => session.change({ seconds: next })}
          />
        )}
        <fieldset class="seg lanes" disabled={busy.value}>
          <legend>In the race</legend>
          <div>
            {LANES.map((lane) => (
              <label key={lane} title={EXPLAINED[lane]}>
                <input
                  type="checkbox"
                  checked={lanes.includes(lane)}
                  disabled={lane === "full"}
                  onChange={(event) => setLane(lane, event.currentTarget.checked)}
                />
                <span class={`c-${lane}`}>{laneName(lane, settings.value)}</span>
              </label>
            ))}
          </div>
        </fieldset>
        <div class="go">
          <Buttons />
        </div>
      </form>
      {!busy.value && (
        <ul class="who">
          {lanes.map((lane) => (
            <li key={lane}>
              <b class={`c-${lane}`}>{laneName(lane, settings.value)}</b> {EXPLAINED[lane]}
            </li>
          ))}
        </ul>
      )}
      <Where />
      <Notices />
      {dialog.value && <SettingsDialog onClose={() => (dialog.value = false)} />}
    </section>
  );
}

/** Where the models train, and why there. */
function Where() {
  const { machine, settings } = session;
  const { backend } = settings.value;
  const before = {
    auto: "WebGPU where this browser has it, else WebAssembly.",
    wasm: "WebAssembly, one thread.",
    webgpu: "WebGPU where this browser has it, else WebAssembly.",
  }[backend];
  const now = { webgpu: "WebGPU.", wasm: "WebAssembly, one thread." };
  return (
    <p class="machine">
      <span class="dot" aria-hidden="true" />
      <b>{machine.value ? now[machine.value.backend] : before}</b>{" "}
      {machine.value?.why ?? "The models train in this tab, and nothing is sent anywhere."}
    </p>
  );
}

/** What went otherwise than asked for, and what was done about it. */
function Notices() {
  const { addressNotes, notice } = session;
  return (
    <>
      {addressNotes.value.length > 0 && (
        <p class="notice" role="status">
          <b>Not all of the address could be used.</b> {addressNotes.value.map(({ text }) => text).join(" ")}
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
    </>
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

function Buttons() {
  const [words, act] = mainAction();
  return (
    <>
      <button type="button" class="primary" onClick={act}>
        {words}
      </button>
      {session.busy.value ? (
        <button type="button" onClick={session.stop}>
          Stop
        </button>
      ) : (
        <button type="button" class="ghost" aria-haspopup="dialog" onClick={() => (dialog.value = true)}>
          Settings
        </button>
      )}
    </>
  );
}

/** The bar at the bottom of a phone: the same buttons, and how far the race is. */
export function Dock() {
  const { spent, busy, settings, over } = session;
  const { now, of, unit } = spent.value;
  const { seconds, steps, lanes } = settings.value;
  const each = steps > 0 ? `${steps} steps` : (TIME_NAMES[seconds] ?? `${seconds} s`);
  return (
    <section class="dock" aria-label="Race controls">
      <Buttons />
      <div class="prog">
        {busy.value || over.value ? (
          <span>
            <b>{now.toFixed(0)}</b> of {of} {unit} each
          </span>
        ) : (
          <span>
            {lanes.length} runs, {each} each
          </span>
        )}
        {busy.value && <progress {...progressOf()} aria-label="How far the race is" />}
      </div>
    </section>
  );
}

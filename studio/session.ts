/** The race under way, as signals that the views read: the only file that talks to the worker. */
import { batch, computed, signal } from "@preact/signals";
import { dataOf } from "./data.ts";
import { layersOf } from "./plan.ts";
import { defaultsOf, fromAddress, type Settings, toAddress } from "./settings.ts";
import { type KeptRace, newId, openStorage, type Storage } from "./storage.ts";
import { shownOf } from "./verdict.ts";
import {
  append,
  copied,
  emptySeries,
  type LaneSeries,
  type Machine,
  type News,
  type Order,
  type Sample,
} from "./worker/protocol.ts";

/** What the page is doing. */
export type Phase = "idle" | "starting" | "compiling" | "running" | "paused" | "done" | "failed";

const start = fromAddress(location.search);

export const settings = signal<Settings>(start.settings);
/** What the address asked for and did not get. */
export const addressNotes = signal(start.notes);
export const phase = signal<Phase>("idle");
export const machine = signal<Machine | undefined>(undefined);
export const compiling = signal<{ done: number; of: number; what: string } | undefined>(undefined);
/** A sentence about something that went wrong and what was done about it. */
export const notice = signal<string | undefined>(undefined);
export const series = signal<readonly LaneSeries[]>([]);
export const samples = signal<readonly Sample[]>([]);
/** Races in this browser, the newest first. */
export const kept = signal<readonly KeptRace[]>([]);
/** Ids of kept races whose curves are drawn behind this race's. */
export const overlaid = signal<ReadonlySet<string>>(new Set());
export const storageRefused = signal<string | undefined>(undefined);
/** Seconds of the recorded race, while it is what is shown. */
export const recordedSeconds = signal<number | undefined>(undefined);

/** Whether what is shown is the recorded race. */
export const isRecorded = computed(() => phase.value === "idle" && recordedSeconds.value !== undefined);
/** Whether what is shown has come to its end. */
export const over = computed(() => phase.value === "done" || isRecorded.value);
/** Whether a race is under way, so that its settings stand. */
export const busy = computed(() => ["starting", "compiling", "running", "paused"].includes(phase.value));
/** The runs: those of the race, before it those that the settings name, still without steps. */
export const shown = computed(() => (series.value.length > 0 ? series.value : emptyRuns(settings.value)));

/** Seconds that the run which has used most has used. */
export const used = computed(() =>
  Math.max(0, ...series.value.map(({ steps }) => steps.seconds.at(-1) ?? 0)),
);
/** How much of its budget the run has spent that has spent most, and of how much, in words and as a number. */
export const spent = computed(() => {
  const { steps } = settings.value;
  const seconds = recordedSeconds.value ?? settings.value.seconds;
  if (steps === 0) return { now: Math.min(used.value, seconds), of: seconds, unit: "s" };
  const now = Math.max(0, ...series.value.map((one) => one.steps.loss.length));
  return { now, of: steps, unit: "steps" };
});
export const verdict = computed(() => shownOf(shown.value, settings.value, over.value));

const emptyRuns = (of: Settings): LaneSeries[] =>
  of.lanes.map((lane) => emptySeries(lane, layersOf(of, lane)));

let worker: Worker | undefined;
let storage: Storage | undefined;
let current: Pick<KeptRace, "id" | "begun" | "fingerprint"> | undefined;
/** Seeds of the same race still to run, one after the other. */
let seedsToCome: number[] = [];
/** How many they are. */
export const seedsLeft = signal(0);
/** The last state that the worker saved, to go on from when a device is lost. */
let lastState: Uint8Array | undefined;
/** Whether the graphics device of this race has gone away. */
let isLost = false;

/** Opens the storage and shows what it holds. */
export async function begin(): Promise<void> {
  storage = await openStorage();
  storageRefused.value = storage.refused;
  kept.value = await storage.list();
}

/** Takes new settings, and writes them to the address. */
export function change(next: Partial<Settings>): void {
  const before = settings.value;
  const task = next.task ?? before.task;
  const base =
    task === before.task ? before : { ...defaultsOf(task), seconds: before.seconds, seed: before.seed };
  const isOther = recordedSeconds.value !== undefined || phase.value === "done" || phase.value === "failed";
  batch(() => {
    settings.value = { ...base, ...next };
    addressNotes.value = [];
    // What is shown of a race that is over would be read as one of the new settings.
    if (isOther && !busy.value) clear();
  });
  history.replaceState(null, "", location.pathname + toAddress(settings.value) + location.hash);
}

/** Shows no race. */
function clear(): void {
  phase.value = "idle";
  recordedSeconds.value = undefined;
  series.value = [];
  samples.value = [];
}

/** Starts a race of its own with the settings at hand. */
export async function startRace(): Promise<void> {
  current = { id: newId(), begun: Date.now(), fingerprint: "" };
  lastState = undefined;
  isLost = false;
  batch(() => {
    notice.value = undefined;
    recordedSeconds.value = undefined;
  });
  await launch();
}

/** The same race with other seeds, one after the other, each kept. */
export async function runSeeds(count: number): Promise<void> {
  const { seed } = settings.value;
  seedsToCome = Array.from({ length: count }, (_, i) => seed + i + 1);
  await nextSeed();
}

async function nextSeed(): Promise<void> {
  const seed = seedsToCome.shift();
  seedsLeft.value = seedsToCome.length;
  if (seed === undefined) return;
  change({ seed });
  await startRace();
}

/** Goes on with a kept race from its last save. */
export async function goOn(race: KeptRace): Promise<void> {
  const state = await storage?.stateOf(race.id);
  if (!state) {
    notice.value =
      "This race was kept without its weights, so it can't go on. Start it anew with the same settings.";
    return;
  }
  batch(() => {
    change(race.settings);
    series.value = race.series.map(copied); // which grow from here on
    recordedSeconds.value = undefined;
  });
  current = { id: race.id, begun: race.begun, fingerprint: race.fingerprint };
  lastState = state;
  isLost = false;
  await launch(state);
}

/** Starts a worker for the current race, from a state or from its beginning. */
async function launch(state?: Uint8Array, backend?: "wasm"): Promise<void> {
  worker?.terminate();
  batch(() => {
    phase.value = "starting";
    compiling.value = undefined;
    if (!state) series.value = emptyRuns(settings.value);
    samples.value = [];
  });
  const settled: Settings = backend ? { ...settings.value, backend } : settings.value;
  try {
    const data = await dataOf(settled.task);
    const { fingerprintOf } = await import("./fingerprint.ts");
    if (current) current = { ...current, fingerprint: fingerprintOf(settled) };
    worker = new Worker(new URL("./worker/worker.ts", import.meta.url), { type: "module" });
    worker.onmessage = ({ data }: MessageEvent<News>) => hear(data);
    worker.onerror = (event) => fail(event.message || "The worker that trains did not start.");
    order({ kind: "start", settings: settled, data, state });
  } catch (error) {
    fail(error instanceof Error ? error.message : String(error));
  }
}

function order(order: Order): void {
  worker?.postMessage(order);
}

export function pause(): void {
  order({ kind: "pause" });
}

export function resume(): void {
  order({ kind: "resume" });
}

/** Ends the race here: what it has is kept, and can go on later. */
export function stop(): void {
  seedsToCome = [];
  seedsLeft.value = 0;
  order({ kind: "stop" });
}

function fail(reason: string): void {
  worker?.terminate();
  worker = undefined;
  batch(() => {
    phase.value = "failed";
    notice.value = reason;
  });
}

function hear(news: News): void {
  batch(() => {
    switch (news.kind) {
      case "machine":
        machine.value = isLost
          ? { ...news.machine, why: "The graphics device went away, so the CPU trains." }
          : news.machine;
        break;
      case "compiling":
        phase.value = "compiling";
        compiling.value = news;
        break;
      case "running":
        phase.value = "running";
        break;
      case "steps":
      case "held":
        grow(news);
        break;
      case "samples":
        samples.value = news.samples;
        break;
      case "paused":
        phase.value = "paused";
        break;
      case "saved":
        lastState = news.state;
        void keep(news.last);
        break;
      case "done":
        finish();
        break;
      case "lost":
        void deviceLost(news.reason);
        break;
      case "failed":
        fail(news.reason);
        break;
    }
  });
}

function grow(news: Extract<News, { kind: "steps" | "held" }>): void {
  series.value = series.value.map((one) => {
    if (one.lane !== news.lane) return one;
    if (news.kind === "steps") append(one.steps, news.steps);
    else return { ...one, held: [...one.held, news.held], rowLosses: news.rowLosses };
    return { ...one };
  });
}

function finish(): void {
  worker?.terminate();
  worker = undefined;
  phase.value = "done";
  void nextSeed();
}

async function deviceLost(reason: string): Promise<void> {
  worker?.terminate();
  isLost = true;
  console.info(`the graphics device was lost: ${reason}`);
  const at = lastState ? "from its last save" : "from its beginning";
  notice.value =
    `The graphics device went away. The race goes on ${at}, on the CPU with WebAssembly and with the same tokens. ` +
    "Milliseconds a step before and after this do not compare.";
  if (lastState && current) {
    const saved = kept.value.find(({ id }) => id === current!.id);
    if (saved) series.value = saved.series.map(copied);
  }
  await launch(lastState, "wasm");
}

/** Keeps the race as it stands, with the state that it goes on from. */
async function keep(done: boolean): Promise<void> {
  if (!storage || !current) return;
  const race: KeptRace = {
    ...current,
    settings: settings.value,
    backend: machine.value?.backend ?? "wasm",
    series: series.value.map(copied), // which go on growing
    verdict: verdict.value.say,
    done,
  };
  // Not listed anew: the races of a week are long to read.
  kept.value = [race, ...kept.value.filter(({ id }) => id !== race.id)].sort((a, b) => b.begun - a.begun);
  try {
    await storage.keep(race, lastState);
  } catch (error) {
    storageRefused.value = error instanceof Error ? error.message : String(error);
  }
}

/** Takes a race from a file into the list. */
export async function take(race: KeptRace): Promise<void> {
  await storage?.keep(race);
  kept.value = (await storage?.list()) ?? [];
}

export async function forget(id: string): Promise<void> {
  await storage?.forget(id);
  kept.value = (await storage?.list()) ?? [];
}

/** The settings of a race, kept in the page's address: range-checked, a bad value falls back and leaves a note. */

/** What the models learn. */
export type TaskName = "arrows" | "digits" | "text";

/** Who is in the race; `full` always is. */
export type LaneName = "full" | "ltd" | "route" | "shallow";

/** Where the models train: `auto` is WebGPU where the browser has it, else WASM. */
export type BackendChoice = "auto" | "wasm" | "webgpu";

/** Everything that decides a race. */
export interface Settings {
  readonly task: TaskName;
  /** Training time of each run, seconds. */
  readonly seconds: number;
  /** Steps of each run instead, for a race that repeats to the bit; 0: by the clock. */
  readonly steps: number;
  readonly lanes: readonly LaneName[];
  readonly layers: number;
  readonly channels: number;
  /** Rows in a batch. */
  readonly batch: number;
  /** K at first, in tokens; a multiple of 4. */
  readonly reserved: number;
  /** How K goes on: `constant` until all tokens return, or `growing` in equal steps. */
  readonly growth: "constant" | "growing";
  /** The part of the run, in percent, after which no token is dropped. */
  readonly until: number;
  /** The learning rate in millionths, so that the address has no fractions. */
  readonly rate: number;
  readonly seed: number;
  readonly backend: BackendChoice;
}

/** What a task begins with. */
export interface TaskDefaults
  extends Omit<Settings, "task" | "lanes" | "seconds" | "steps" | "seed" | "backend"> {
  /** S, tokens in a row. */
  readonly seqLength: number;
}

export const TASKS: Readonly<Record<TaskName, TaskDefaults>> = {
  // Few channels, much depth, repeated tokens: where dropping wins outright.
  arrows: {
    seqLength: 128,
    layers: 4,
    channels: 32,
    batch: 16,
    reserved: 32,
    growth: "constant",
    until: 93,
    rate: 6000,
  },
  digits: {
    seqLength: 196,
    layers: 4,
    channels: 32,
    batch: 8,
    reserved: 48,
    growth: "constant",
    until: 93,
    rate: 3000,
  },
  text: {
    seqLength: 128,
    layers: 4,
    channels: 32,
    batch: 8,
    reserved: 32,
    growth: "growing",
    until: 67,
    rate: 8000,
  },
};

export const TIMES = [20, 120, 600] as const;
export const LANES: readonly LaneName[] = ["full", "ltd", "route", "shallow"];
const DEFAULT_LANES: Readonly<Record<TaskName, readonly LaneName[]>> = {
  arrows: ["full", "route", "shallow"],
  digits: ["full", "ltd", "shallow"],
  text: ["full", "ltd", "shallow"],
};

/** The settings that a task begins with. */
export function defaultsOf(task: TaskName): Settings {
  const { seqLength: _, ...rest } = TASKS[task];
  return { task, seconds: 120, steps: 0, lanes: DEFAULT_LANES[task], seed: 7, backend: "auto", ...rest };
}

/** A setting that the address names and that could not be taken as it stands. */
export interface Note {
  readonly name: string;
  readonly text: string;
}

/** Reads a query string. Nothing in it can throw: what is no setting is passed over, what is out of range falls back. */
export function fromAddress(query: string): { settings: Settings; notes: Note[] } {
  const found = new URLSearchParams(query);
  const notes: Note[] = [];
  const fallBack = (name: string, wanted: string, used: string | number) =>
    notes.push({ name, text: `"${name}" takes ${wanted}; here it is ${used}.` });

  const choose = <T extends string>(name: string, choices: readonly T[], fallback: T): T => {
    const value = found.get(name);
    if (value === null) return fallback;
    if ((choices as readonly string[]).includes(value)) return value as T;
    fallBack(name, choices.join(" or "), fallback);
    return fallback;
  };
  const integer = (name: string, low: number, high: number, fallback: number, step = 1): number => {
    const value = found.get(name);
    if (value === null) return fallback;
    const n = /^\d{1,10}$/.test(value) ? Number(value) : Number.NaN;
    if (n >= low && n <= high && n % step === 0) return n;
    fallBack(
      name,
      `a whole number from ${low} to ${high}${step > 1 ? ` in steps of ${step}` : ""}`,
      fallback,
    );
    return fallback;
  };

  const task = choose("task", Object.keys(TASKS) as TaskName[], "arrows");
  const start = defaultsOf(task);
  const { seqLength } = TASKS[task];
  const channels = integer("channels", 16, 128, start.channels, 16);
  const settings: Settings = {
    task,
    seconds: integer("seconds", 5, 3600, start.seconds),
    steps: integer("steps", 0, 100_000, 0),
    lanes: lanesOf(found.get("lanes"), start.lanes, fallBack),
    layers: integer("layers", 3, 12, start.layers),
    channels,
    batch: integer("batch", 1, 64, start.batch),
    reserved: integer("k", 4, seqLength, start.reserved, 4),
    growth: choose("growth", ["constant", "growing"], start.growth),
    until: integer("until", 10, 100, start.until),
    rate: integer("rate", 10, 100_000, start.rate),
    seed: integer("seed", 0, 2 ** 32 - 1, start.seed),
    backend: choose("backend", ["auto", "wasm", "webgpu"], start.backend),
  };
  return { settings, notes };
}

function lanesOf(
  value: string | null,
  fallback: readonly LaneName[],
  fallBack: (name: string, wanted: string, used: string) => void,
): readonly LaneName[] {
  if (value === null) return fallback;
  const names = value.split(".");
  const lanes = LANES.filter((lane) => lane === "full" || names.includes(lane));
  if (lanes.length >= 2 && names.every((name) => (LANES as readonly string[]).includes(name))) return lanes;
  fallBack("lanes", `at least one of ${LANES.slice(1).join(", ")}, with dots between`, fallback.join("."));
  return fallback;
}

/** The shortest query string that gives these settings: what is a task's default is left out. */
export function toAddress(settings: Settings): string {
  const start = defaultsOf(settings.task);
  const query = new URLSearchParams({ task: settings.task });
  const put = (name: string, value: string | number, usual: string | number) => {
    if (value !== usual) query.set(name, String(value));
  };
  put("seconds", settings.seconds, start.seconds);
  put("lanes", settings.lanes.join("."), start.lanes.join("."));
  for (const name of [
    "steps",
    "layers",
    "channels",
    "batch",
    "growth",
    "until",
    "rate",
    "seed",
    "backend",
  ] as const) {
    put(name, settings[name], start[name]);
  }
  put("k", settings.reserved, start.reserved);
  return `?${query}`;
}

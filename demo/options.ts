/** What the command line may say. */
import { parseArgs } from "node:util";
import { PRESETS, type Recipe, type Sizes, TASK_NAMES, type TaskName } from "../trainer/presets.ts";
import type { Budget, Dropping, LengthSchedule } from "../trainer/types.ts";

/** The range of a number, and a line of help. */
interface Rule {
  readonly min: number;
  readonly max: number;
  readonly multiple?: number;
  readonly fraction?: boolean;
  readonly help: string;
}

const NUMBERS: Readonly<Record<string, Rule>> = {
  seconds: { min: 1, max: 1e6, help: "training time of each contestant (default 40)" },
  steps: { min: 1, max: 1e6, help: "steps of each contestant, in place of a time" },
  layers: { min: 2, max: 48, help: "layers of the full model and of the one with dropping" },
  control: { min: 1, max: 48, help: "layers of the shallow control" },
  channels: { min: 8, max: 1024, help: "C, channels; a multiple of twice the heads (digits: four times)" },
  heads: { min: 1, max: 64, help: "attention heads" },
  seq: { min: 16, max: 2048, multiple: 4, help: "S, tokens a row; digits have 196" },
  keep: { min: 1, max: 2048, help: "K, tokens that are retained at first; a multiple of 4 is fastest" },
  until: { min: 0, max: 1, fraction: true, help: "part of the steps after which all tokens are seen" },
  nodes: { min: 2, max: 64, help: "of arrows: nodes of the permutation" },
  hops: { min: 1, max: 64, help: "of arrows: how many are to be followed" },
  batch: { min: 1, max: 256, help: "B, rows a step" },
  lr: { min: 1e-7, max: 1, fraction: true, help: "highest learning rate, of all contestants alike" },
  rows: { min: 8, max: 4096, help: "held-out rows (default 256)" },
  seed: { min: 0, max: 2 ** 32 - 2, help: "of weights, batches and retained tokens (default 0)" },
};

const DEFAULT_SECONDS = 40;
const DEFAULT_ROWS = 256;

/** A mistake on the command line: one line to the user, no stack. */
export class OptionError extends Error {}

export interface Options {
  readonly task: TaskName;
  readonly sizes: Sizes;
  readonly contestants: readonly Recipe[];
  readonly budget: Budget;
  readonly rows: number;
  readonly seed: number;
  readonly out: string;
}

/** The text that `--help` prints. */
export function helpText(): string {
  const lines = Object.entries(NUMBERS).map(([name, { help }]) => `  --${name.padEnd(9)} ${help}`);
  return `Usage: npm start -- [options]

A race of small transformers, trained here and now: all tokens in all layers; random layerwise token
dropping at the same depth; and a control, a shallow model with all tokens. Each has the same time,
the one that has used least of it always steps next. Prints a table and a verdict, writes a picture
and the numbers. Ctrl-C stops after the step at hand and keeps what there is.

  --task      ${TASK_NAMES.join(", ")} (default ${TASK_NAMES[0]}): arrows to follow (synthetic: made up so that depth
              is needed and tokens repeat), handwritten digits, the characters of Moby Dick
  --how       route: one draw for all dropping layers; layers: a fresh draw in each
${lines.join("\n")}
  --out       folder for the files (default out)
  --help      this text

Sizes and learning rates that are not given are the task's own.
Exit status: 0 when done, 130 after Ctrl-C, 2 for a wrong option.
`;
}

type Values = Readonly<Record<string, string | boolean | undefined>>;

function readArgs(args: string[]): Values {
  const strings = [...Object.keys(NUMBERS), "task", "how", "out"].map((name) => [name, { type: "string" }]);
  try {
    const help = { type: "boolean", short: "h" } as const;
    return parseArgs({ args, options: { ...Object.fromEntries(strings), help } }).values as Values;
  } catch (error) {
    throw new OptionError(`${(error as Error).message.split("\n")[0].split(". ")[0]} (see --help)`);
  }
}

function readNumber(name: string, text: Values[string]): number | undefined {
  if (typeof text !== "string") return undefined;
  const { min, max, multiple = 1, fraction = false } = NUMBERS[name];
  const number = text.trim() === "" ? Number.NaN : Number(text);
  const whole = fraction || (Number.isInteger(number) && number % multiple === 0);
  if (whole && number >= min && number <= max) return number;
  const kind = fraction ? "a number" : multiple > 1 ? `a multiple of ${multiple}` : "an integer";
  throw new OptionError(`"--${name}" expected ${kind} from ${min} to ${max}, got ${text}`);
}

function readChoice<T extends string>(
  name: string,
  text: Values[string],
  choices: readonly T[],
): T | undefined {
  if (text === undefined) return undefined;
  if (choices.includes(text as T)) return text as T;
  throw new OptionError(`"--${name}" expected ${choices.join(" or ")}, got ${text}`);
}

/**
 * The options of a race, checked; null for `--help`.
 *
 * @param args `process.argv` without the first two.
 * @throws OptionError with a message of one line.
 */
export function parseOptions(args: string[]): Options | null {
  const values = readArgs(args);
  if (values.help) return null;
  const out = typeof values.out === "string" ? values.out : "out";
  if (out === "") throw new OptionError('"--out" expected a folder, got nothing');
  const task = readChoice("task", values.task, TASK_NAMES) ?? TASK_NAMES[0];
  const numbers = Object.fromEntries(
    Object.keys(NUMBERS).map((name) => [name, readNumber(name, values[name])]),
  );
  const preset = PRESETS[task];
  const given = ["channels", "heads", "seq", "batch", "nodes", "hops"]
    .filter((name) => numbers[name] !== undefined)
    .map((name) => [name, numbers[name]]);
  const sizes: Sizes = { ...preset.sizes, ...Object.fromEntries(given) };
  if (task === "digits" && sizes.seq !== preset.sizes.seq) {
    throw new OptionError(`"--seq" expected ${preset.sizes.seq} for digits, got ${sizes.seq}`);
  }
  const multiple = (task === "digits" ? 4 : 2) * sizes.heads;
  if (sizes.channels % multiple !== 0) {
    const got = sizes.channels;
    throw new OptionError(
      `"--channels" expected a multiple of ${multiple} for ${sizes.heads} heads, got ${got}`,
    );
  }
  const lengths = lengthsOf(preset.lengths, preset.sizes.seq, sizes.seq, numbers);
  const how = readChoice("how", values.how, ["route", "layers"]);
  const contestants = preset.contestants.map((recipe) => contestant(recipe, how, lengths, numbers));
  const budget: Budget = numbers.steps
    ? { unit: "steps", amount: numbers.steps }
    : { unit: "seconds", amount: numbers.seconds ?? DEFAULT_SECONDS };
  return {
    task,
    sizes,
    contestants,
    budget,
    rows: numbers.rows ?? DEFAULT_ROWS,
    seed: numbers.seed ?? 0,
    out,
  };
}

type Numbers = Readonly<Record<string, number | undefined>>;

/** The preset's schedule at another S, where nothing else is asked for. */
function lengthsOf(
  preset: LengthSchedule,
  before: number,
  seq: number,
  { keep, until }: Numbers,
): LengthSchedule {
  const scaled = (K: number) => Math.max(4, 4 * Math.round((K * seq) / before / 4));
  const start = keep ?? scaled(preset.start);
  if (start > seq) throw new OptionError(`"--keep" expected an integer from 1 to ${seq}, got ${start}`);
  const by = preset.by === undefined ? {} : { by: scaled(preset.by) };
  return { ...preset, start, until: until ?? preset.until, ...by };
}

function contestant(
  recipe: Recipe,
  how: "route" | "layers" | undefined,
  lengths: LengthSchedule,
  numbers: Numbers,
): Recipe {
  const lr = numbers.lr ?? recipe.lr;
  if (recipe.role === "control") {
    const layers = numbers.control ?? recipe.layers;
    return { ...recipe, layers, lr, name: `${layers} ${layers === 1 ? "layer" : "layers"}, all tokens` };
  }
  const layers = numbers.layers ?? recipe.layers;
  if (recipe.role === "full") return { ...recipe, layers, lr };
  const { last } = ends(recipe.dropping, recipe.layers, layers);
  const asked = how ?? (recipe.dropping.how === "layers" ? "layers" : "route");
  const dropped = Array.from({ length: last }, (_, i) => i + 1);
  const dropping: Dropping =
    asked === "route" ? { how: "route", first: 1, last } : { how: "layers", layers: dropped };
  return { ...recipe, layers, lr, lengths, dropping, name: asked === "route" ? "a route" : "random-LTD" };
}

/** The last layer that drops, as far from the end as in the preset. */
function ends(dropping: Dropping, before: number, layers: number): { last: number } {
  const last =
    dropping.how === "route" ? dropping.last : dropping.how === "layers" ? dropping.layers.at(-1) : undefined;
  return { last: Math.max(1, layers - (before - (last ?? before - 1))) };
}

/** The tasks with models and settings that were tried: what a race or a table starts from. */
import { ADAMW } from "./optimizer.ts";
import { type ArrowsOptions, arrows } from "./tasks/arrows.ts";
import { DIGIT_SIZES, type DigitsData, digits } from "./tasks/digits.ts";
import { type TextData, text } from "./tasks/text.ts";
import type {
  Budget,
  Dropping,
  LengthSchedule,
  ModelConfig,
  OptimizerConfig,
  RunConfig,
  Task,
} from "./types.ts";
import type { Role } from "./verdict.ts";

export type TaskName = "arrows" | "digits" | "text";
export const TASK_NAMES: readonly TaskName[] = ["arrows", "digits", "text"];

/** What the tasks are made from, where they need anything: whoever has files or a network hands it in. */
export interface TaskData {
  readonly digits?: DigitsData;
  readonly text?: TextData;
}

/** A contestant to be. */
export interface Recipe {
  readonly name: string;
  readonly role: Role;
  readonly layers: number;
  readonly dropping: Dropping;
  readonly lr: number;
  /** In place of the preset's. */
  readonly lengths?: LengthSchedule;
  readonly optimizer?: Partial<OptimizerConfig>;
}

/** Sizes of a task that are not a contestant's own. */
export interface Sizes {
  readonly seq: number;
  readonly channels: number;
  readonly heads: number;
  readonly batch: number;
  /** Of *arrows*: nodes of the permutation, and hops to follow. */
  readonly nodes?: number;
  readonly hops?: number;
}

export interface Preset {
  readonly sizes: Sizes;
  readonly lengths: LengthSchedule;
  readonly optimizer: Omit<OptimizerConfig, "lr">;
  /** For a race: all tokens, dropping at the same depth, and the best control that is known. */
  readonly contestants: readonly Recipe[];
}

const NODES = 4;
const HOPS = 4;

/** All layers but the first and the last. */
const middle = (layers: number) => Array.from({ length: layers - 2 }, (_, i) => i + 1);

export const PRESETS: { readonly [name in TaskName]: Preset } = {
  arrows: {
    sizes: { seq: 128, channels: 32, heads: 2, batch: 16, nodes: 4, hops: 4 },
    lengths: { start: 32, until: 0.93, growth: "constant" },
    optimizer: ADAMW,
    contestants: [
      { name: "all tokens", role: "full", layers: 4, dropping: { how: "none" }, lr: 0.006 },
      {
        name: "a route",
        role: "dropping",
        layers: 4,
        dropping: { how: "route", first: 1, last: 3 },
        lr: 0.006,
      },
      { name: "2 layers, all tokens", role: "control", layers: 2, dropping: { how: "none" }, lr: 0.006 },
    ],
  },
  digits: {
    sizes: { seq: DIGIT_SIZES.seq, channels: 64, heads: 2, batch: 8 },
    lengths: { start: 48, until: 0.93, growth: "constant" },
    optimizer: ADAMW,
    contestants: [
      { name: "all tokens", role: "full", layers: 4, dropping: { how: "none" }, lr: 0.003 },
      {
        name: "random-LTD",
        role: "dropping",
        layers: 4,
        dropping: { how: "layers", layers: [1, 2, 3] },
        lr: 0.003,
      },
      { name: "1 layer, all tokens", role: "control", layers: 1, dropping: { how: "none" }, lr: 0.003 },
    ],
  },
  text: {
    sizes: { seq: 256, channels: 64, heads: 2, batch: 4 },
    lengths: { start: 64, until: 0.67, growth: "linear", by: 64 },
    optimizer: { ...ADAMW, decay: "cosine", floor: 0.1, beta2: 0.99, weightDecay: 0.1 },
    contestants: [
      { name: "all tokens", role: "full", layers: 6, dropping: { how: "none" }, lr: 0.008 },
      {
        name: "random-LTD",
        role: "dropping",
        layers: 6,
        dropping: { how: "layers", layers: middle(6) },
        lr: 0.008,
      },
      { name: "2 layers, all tokens", role: "control", layers: 2, dropping: { how: "none" }, lr: 0.008 },
    ],
  },
};

/** The model of a task, as deep as a recipe says. */
export function modelOf(task: TaskName, layers: number, sizes: Sizes, data: TaskData): ModelConfig {
  const { seq, channels, heads, nodes = NODES, hops = HOPS } = sizes;
  const shared = { layers, channels, heads, seq };
  switch (task) {
    case "arrows":
      return { kind: "follower", ...shared, nodes, hops };
    case "digits":
      return { kind: "vit", ...shared, patch: DIGIT_SIZES.patch, classes: DIGIT_SIZES.classes };
    case "text":
      return { kind: "gpt", ...shared, vocab: given("text", data.text).vocab };
  }
}

export interface TaskOptions extends ArrowsOptions {
  readonly heldOutRows?: number;
}

/** A task of these sizes. */
export function taskOf(name: TaskName, sizes: Sizes, data: TaskData, options: TaskOptions = {}): Task {
  const { seq, nodes = NODES, hops = HOPS } = sizes;
  switch (name) {
    case "arrows":
      return arrows({ seq, nodes, hops }, options);
    case "digits":
      return digits(given("digits", data.digits), options);
    case "text":
      return text(given("text", data.text), { seq, heldOutRows: options.heldOutRows });
  }
}

function given<T>(name: string, data: T | undefined): T {
  if (data === undefined)
    throw new TypeError(`"data" expected what the task ${name} is made from, got undefined`);
  return data;
}

/** The configuration of a run of a recipe. */
export function runConfig(
  task: TaskName,
  recipe: Recipe,
  { sizes, budget, seed, data }: { sizes: Sizes; budget: Budget; seed: number; data: TaskData },
): RunConfig {
  const preset = PRESETS[task];
  return {
    task,
    model: modelOf(task, recipe.layers, sizes, data),
    dropping: recipe.dropping,
    lengths: recipe.lengths ?? preset.lengths,
    optimizer: { ...preset.optimizer, lr: recipe.lr, ...recipe.optimizer },
    batch: sizes.batch,
    budget,
    seed,
  };
}

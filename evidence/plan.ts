/** What is measured, as data, in the order in which it is. */
import { PRESETS, type Recipe, type Sizes, type TaskName, type TaskOptions } from "../trainer/presets.ts";
import type { Budget, Dropping, LengthSchedule } from "../trainer/types.ts";

/** Runs of one contestant over seeds. */
export interface Entry {
  /** Unique; the results of seed 3 lie in `ID-3.json`. */
  readonly id: string;
  readonly task: TaskName;
  /** `main`: the comparison of its task. Others: what is varied. */
  readonly group: string;
  readonly recipe: Recipe;
  readonly sizes: Sizes;
  readonly budget: Budget;
  readonly options: TaskOptions;
  readonly seeds: readonly number[];
}

/** One training run. */
export interface RunJob {
  readonly kind: "run";
  readonly id: string;
  readonly entry: Entry;
  readonly seed: number;
}

/** One point of the break-even curve: step times of a GPT with all tokens, and with S/4 on all layers but one. */
export interface StepJob {
  readonly kind: "steps";
  readonly id: string;
  readonly seq: number;
  readonly layers: number;
  readonly channels: number;
  readonly batch: number;
  /** Steps of each. */
  readonly steps: number;
}

export type Job = RunJob | StepJob;

export interface Plan {
  readonly name: string;
  readonly jobs: readonly Job[];
}

const none: Dropping = { how: "none" };
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);
const FIVE = [0, 1, 2, 3, 4];

/** Seconds of processor time for each run of a task; the arrows of `npm start`, and all that varies them, have less. */
const SECONDS: { readonly [name in TaskName]: number } = { arrows: 300, digits: 60, text: 90 };
const SMALL_SECONDS = 40;
/** To go over more held-out rows would take as long as the training. */
const SMALL_SET: TaskOptions = { heldOutRows: 256 };
/** The long way: 8 nodes and 6 hops, where `npm start` has 4 of each. */
const LONG: Sizes = { ...PRESETS.arrows.sizes, nodes: 8, hops: 6, batch: 32 };

const full = (layers: number, lr: number): Recipe => ({
  name: layers === 1 ? "1 layer, all tokens" : `${layers} layers, all tokens`,
  role: "full",
  layers,
  dropping: none,
  lr,
});
const route = (layers: number, lr: number, last = layers - 1): Recipe => ({
  name: `${layers} layers, a route over ${1} to ${last}`,
  role: "dropping",
  layers,
  dropping: { how: "route", first: 1, last },
  lr,
});
const fresh = (layers: number, lr: number, last = layers - 1): Recipe => ({
  name: `${layers} layers, random-LTD in ${last === 1 ? "1" : `1 to ${last}`}`,
  role: "dropping",
  layers,
  dropping: { how: "layers", layers: range(1, last) },
  lr,
});
const input = (layers: number, lr: number): Recipe => ({
  name: `${layers} layers, tokens dropped at the input`,
  role: "control",
  layers,
  dropping: { how: "input" },
  lr,
});
const as = (recipe: Recipe, role: Recipe["role"]): Recipe => ({ ...recipe, role });

function entry(
  task: TaskName,
  group: string,
  id: string,
  recipe: Recipe,
  seeds: readonly number[],
  options: TaskOptions = {},
): Entry {
  const small = task === "arrows" && group !== "main";
  const sizes = task === "arrows" && !small ? LONG : PRESETS[task].sizes;
  const budget: Budget = { unit: "seconds", amount: small ? SMALL_SECONDS : SECONDS[task] };
  const given = small ? { ...SMALL_SET, ...options } : options;
  return { id: `${task}-${group}-${id}`, task, group, recipe, sizes, budget, options: given, seeds };
}

/** The jobs of entries, all of the first seed before the second, so that each comparison is whole as early as can be. */
function bySeed(entries: readonly Entry[]): RunJob[] {
  const seeds = [...new Set(entries.flatMap(({ seeds }) => seeds))].sort((a, b) => a - b);
  return seeds.flatMap((seed) =>
    entries
      .filter(({ seeds }) => seeds.includes(seed))
      .map((entry): RunJob => ({ kind: "run", id: `${entry.id}-${seed}`, entry, seed })),
  );
}

/** What a recipe may have in place of its task's preset. */
const at = (recipe: Recipe, name: string, lengths: LengthSchedule, more: Partial<Recipe> = {}): Recipe => ({
  ...recipe,
  name,
  lengths,
  ...more,
});
const constant = (start: number, until: number): LengthSchedule => ({ start, until, growth: "constant" });

const ROUTE4 = route(4, 0.006);
const small = [
  entry("arrows", "small", "route4", ROUTE4, FIVE),
  entry("arrows", "small", "full4", full(4, 0.006), FIVE),
  entry("arrows", "small", "full2", full(2, 0.006), FIVE),
  entry("arrows", "small", "input4", input(4, 0.006), FIVE),
  entry("arrows", "small", "fresh4", fresh(4, 0.006), FIVE),
  entry("arrows", "small", "full3", full(3, 0.006), FIVE),
  entry("arrows", "small", "full5", full(5, 0.006), FIVE),
  entry("arrows", "small", "full6", full(6, 0.006), FIVE),
];
const ROUTE = route(6, 0.0045);
const arrowsMain = [
  entry("arrows", "main", "route", ROUTE, FIVE),
  entry("arrows", "main", "full4", full(4, 0.006), FIVE),
  entry("arrows", "main", "full3", full(3, 0.012), FIVE),
];
const arrowsRest = [
  entry("arrows", "main", "full6", full(6, 0.006), FIVE),
  entry("arrows", "main", "input", input(6, 0.0045), FIVE),
  entry("arrows", "main", "full2", full(2, 0.012), FIVE),
  entry("arrows", "main", "full5", full(5, 0.006), FIVE),
  entry("arrows", "main", "fresh", fresh(6, 0.006, 4), FIVE),
];
const digitsMain = [
  entry("digits", "main", "ltd4", fresh(4, 0.003), FIVE),
  entry("digits", "main", "full4", full(4, 0.003), FIVE),
  entry("digits", "main", "full1", as(full(1, 0.003), "control"), FIVE),
];
const digitsRest = [
  entry("digits", "main", "ltd2", fresh(2, 0.003), FIVE),
  entry("digits", "main", "full2", as(full(2, 0.003), "control"), FIVE),
  entry("digits", "main", "ltd3", fresh(3, 0.003), FIVE),
  entry("digits", "main", "full3", as(full(3, 0.003), "control"), FIVE),
  entry("digits", "main", "route4", route(4, 0.003), FIVE),
  entry("digits", "main", "input4", input(4, 0.003), FIVE),
];
const textMain = [
  entry("text", "main", "ltd6", fresh(6, 0.008, 4), [0, 1, 2]),
  entry("text", "main", "full6", full(6, 0.008), [0, 1, 2]),
  entry("text", "main", "full2", as(full(2, 0.008), "control"), [0, 1, 2]),
];
const falseArrows = [ROUTE4, full(4, 0.006), full(2, 0.006), input(4, 0.006)].map((recipe, i) =>
  entry("arrows", "false", ["route4", "full4", "full2", "input4"][i], recipe, FIVE, { falseArrows: 0.15 }),
);

const THREE = [0, 1, 2];
/** How to set it: each row varies one thing of the route on the small *arrows*. */
const settings = [
  entry("arrows", "length", "k16", at(ROUTE4, "K = S/8", constant(16, 0.93)), THREE),
  entry("arrows", "length", "k64", at(ROUTE4, "K = S/2", constant(64, 0.93)), THREE),
  entry(
    "arrows",
    "growth",
    "linear",
    at(ROUTE4, "K grows from S/8", { start: 16, until: 0.93, growth: "linear", by: 28 }),
    THREE,
  ),
  entry("arrows", "until", "85", at(ROUTE4, "all tokens for the last 15%", constant(32, 0.85)), THREE),
  entry("arrows", "until", "98", at(ROUTE4, "all tokens for the last 2%", constant(32, 0.98)), THREE),
  entry("arrows", "last", "out", route(4, 0.006, 2), THREE),
  entry(
    "arrows",
    "follows",
    "tokens",
    { ...ROUTE4, name: "the learning rate by layer-tokens", optimizer: { follows: "layer-tokens" } },
    THREE,
  ),
  ...[0.003, 0.012].flatMap((lr) => [
    entry("arrows", "lr", `route4-${lr}`, { ...ROUTE4, name: `a route, learning rate ${lr}`, lr }, THREE),
    entry("arrows", "lr", `full4-${lr}`, { ...full(4, lr), name: `4 layers, learning rate ${lr}` }, THREE),
  ]),
];

/** Tokens of a step on the break-even curve, whatever S. */
const CURVE_TOKENS = 1024;
const curve = [64, 128, 256, 512, 1024].flatMap((seq) =>
  [2, 4, 8].map((layers): StepJob => {
    const id = `steps-${seq}-${layers}`;
    return { kind: "steps", id, seq, layers, channels: 64, batch: CURVE_TOKENS / seq, steps: 5 };
  }),
);

/** All that the page shows. */
export const PLAN: Plan = {
  name: "whole",
  jobs: [
    ...bySeed(arrowsMain),
    ...bySeed(digitsMain),
    ...bySeed(small),
    ...curve,
    ...bySeed(arrowsRest),
    ...bySeed(digitsRest),
    ...bySeed(settings),
    ...bySeed(falseArrows),
    ...bySeed(textMain),
  ],
};

/** The same in small, for tests: it takes a minute and shows nothing. */
export const QUICK: Plan = {
  name: "quick",
  jobs: [
    ...bySeed(
      [ROUTE, full(3, 0.006)].map((recipe, i) => ({
        ...entry("arrows", "main", ["route", "full3"][i], recipe, [0, 1], { heldOutRows: 8 }),
        recipe: { ...recipe, layers: 3, dropping: i === 0 ? { how: "route", first: 1, last: 2 } : none },
        sizes: { seq: 32, channels: 8, heads: 1, batch: 4 },
        budget: { unit: "steps", amount: 12 } as const,
      })),
    ).map((job) => ({
      ...job,
      entry: { ...job.entry, recipe: { ...job.entry.recipe, lengths: constant(8, 0.75) } },
    })),
    { kind: "steps", id: "steps-64-2", seq: 64, layers: 2, channels: 8, batch: 2, steps: 2 },
  ],
};

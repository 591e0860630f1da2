/** What the page and the worker that trains say to each other. */
import type { Evaluation, History } from "../../trainer/types.ts";
import type { Role } from "../../trainer/verdict.ts";
import type { LaneName, Settings } from "../settings.ts";

/** What a run did, step by step: one entry a step in each list. */
export interface StepSeries {
  /** Training time used after the step, seconds. */
  readonly seconds: number[];
  /** Layer-tokens worked on so far. */
  readonly layerTokens: number[];
  readonly loss: number[];
  /** K of the step. */
  readonly reserved: number[];
  /** Milliseconds that the step took. */
  readonly ms: number[];
  /** Floating-point operations of the step. */
  readonly flops: number[];
}

/** Everything measured of one run. */
export interface LaneSeries {
  readonly lane: LaneName;
  /** Layers of the model. */
  readonly layers: number;
  readonly steps: StepSeries;
  /** On examples that no run trains on. */
  readonly held: readonly Evaluation[];
  /** Losses of the held-out rows at the last of these. */
  readonly rowLosses: readonly number[];
}

/** Answers of a model to examples that no run trains on. */
export interface Sample {
  readonly lane: LaneName;
  /** What it was shown: a text's beginning, or the name of a start. */
  readonly shown: readonly string[];
  /** Digits, bytes of a square image each. */
  readonly images?: readonly Uint8Array[];
  readonly says: readonly string[];
  /** What is right, where there is a right answer. */
  readonly right: readonly string[];
}

/** Where the models train, and why there. */
export interface Machine {
  readonly backend: "wasm" | "webgpu";
  readonly why: string;
}

/** From the page. */
export type Order =
  | {
      readonly kind: "start";
      readonly settings: Settings;
      /** The task's data, where it has any: digits or text as they were downloaded. */
      readonly data?: ArrayBuffer;
      /** A state to go on from. */
      readonly state?: Uint8Array;
    }
  | { readonly kind: "pause" }
  | { readonly kind: "resume" }
  | { readonly kind: "stop" }
  | { readonly kind: "save" };

/** From the worker. */
export type News =
  | { readonly kind: "machine"; readonly machine: Machine }
  | { readonly kind: "compiling"; readonly done: number; readonly of: number; readonly what: string }
  | { readonly kind: "running" }
  /** New entries of a run's lists since the last such news. */
  | { readonly kind: "steps"; readonly lane: LaneName; readonly steps: StepSeries }
  | {
      readonly kind: "held";
      readonly lane: LaneName;
      readonly held: Evaluation;
      readonly rowLosses: readonly number[];
    }
  | { readonly kind: "samples"; readonly samples: readonly Sample[] }
  | { readonly kind: "paused" }
  | { readonly kind: "saved"; readonly state: Uint8Array; readonly last: boolean }
  | { readonly kind: "done" }
  /** The device is gone: the page starts another worker from the last save. */
  | { readonly kind: "lost"; readonly reason: string }
  | { readonly kind: "failed"; readonly reason: string };

/** An empty series of a run. */
export function emptySeries(lane: LaneName, layers: number): LaneSeries {
  const steps = { seconds: [], layerTokens: [], loss: [], reserved: [], ms: [], flops: [] };
  return { lane, layers, steps, held: [], rowLosses: [] };
}

/** Adds new steps to the lists of a series, in place: 40,000 entries are not copied at each message. */
export function append(to: StepSeries, more: StepSeries): void {
  for (const name of Object.keys(to) as (keyof StepSeries)[])
    for (const value of more[name]) to[name].push(value);
}

/** A series whose lists grow apart from these. */
export function copied(series: LaneSeries): LaneSeries {
  const steps = Object.entries(series.steps).map(([name, list]) => [name, list.slice()]);
  return { ...series, steps: Object.fromEntries(steps) as StepSeries };
}

/** A series as the trainer's computations want it. */
export function historyOf({ steps, held }: LaneSeries): History {
  return {
    losses: steps.loss,
    lengths: steps.reserved,
    seconds: steps.ms.map((ms) => ms / 1000),
    evaluations: [...held],
  };
}

/** What a run is in the race. */
export function roleOf(lane: LaneName): Role {
  return lane === "full" ? "full" : lane === "shallow" ? "control" : "dropping";
}

/** From the page's settings to the trainer's words: which model each run has, and how it drops tokens. */
import type { Dropping } from "../trainer/types.ts";
import type { Draws } from "./retained.ts";
import type { LaneName, Settings } from "./settings.ts";
import { TASKS } from "./settings.ts";

/** Layers of the shallow control of each task: the best of the shallow models in docs/evidence.md. */
export const SHALLOW: Readonly<Record<Settings["task"], number>> = { arrows: 2, digits: 1, text: 2 };

/** Positions that are always retained: the query of *arrows*. */
export const KEEP_PREFIX: Readonly<Record<Settings["task"], number>> = { arrows: 1, digits: 0, text: 0 };

/** Layers of a run's model. */
export function layersOf({ task, layers }: Settings, lane: LaneName): number {
  return lane === "shallow" ? SHALLOW[task] : layers;
}

/** How a run drops tokens. The first layer sees them all; the last one too where each layer draws its own. */
export function droppingOf({ task, layers }: Settings, lane: LaneName): Dropping {
  switch (lane) {
    case "full":
    case "shallow":
      return { how: "none" };
    case "route":
      return { how: "route", first: 1, last: layers - 1 };
    case "ltd": {
      // For digits the last layer drops too: see docs/evidence.md, "last layer in or out".
      const last = task === "digits" ? layers - 1 : layers - 2;
      return { how: "layers", layers: Array.from({ length: last }, (_, i) => i + 1) };
    }
  }
}

/** What decides which tokens a run draws. */
export function drawsOf(settings: Settings, lane: LaneName): Draws {
  const { seed, task } = settings;
  const { seqLength } = TASKS[task];
  const layers = layersOf(settings, lane);
  return { dropping: droppingOf(settings, lane), layers, seqLength, seed, keepPrefix: KEEP_PREFIX[task] };
}

/** Most lengths of a run: each is compiled, and keeps some 40 MB for good. */
const MOST_LENGTHS = 7;

/** The lengths of a run that drops tokens, ascending: K at first, those it grows through, and S. */
export function lengthsOf({ task, reserved, growth }: Settings): number[] {
  const { seqLength } = TASKS[task];
  if (growth === "constant" || reserved >= seqLength)
    return [...new Set([Math.min(reserved, seqLength), seqLength])];
  const by = growthOf(reserved, seqLength);
  const lengths: number[] = [];
  for (let K = Math.ceil(reserved / by) * by; K < seqLength; K += by) lengths.push(K);
  return [...lengths, seqLength];
}

/** How much K grows by at once: a multiple of 4, which jax-js's WASM is fast at, and so that seven lengths do. */
export function growthOf(reserved: number, seqLength: number): number {
  return Math.max(4, Math.ceil((seqLength - reserved) / (MOST_LENGTHS - 1) / 4) * 4);
}

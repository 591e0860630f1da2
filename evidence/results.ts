/** Results as they are kept: one small JSON file for each job. */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Evaluation, RunConfig } from "../trainer/types.ts";
import type { Job, Plan } from "./plan.ts";

/** On what it was measured. */
export interface Machine {
  readonly node: string;
  readonly processor: string;
}

/** What a run came to. */
export interface RunResult {
  readonly kind: "run";
  readonly id: string;
  readonly machine: Machine;
  readonly config: RunConfig;
  readonly synthetic: boolean;
  readonly baseline: { readonly name: string; readonly loss: number };
  readonly evaluations: readonly Evaluation[];
  readonly failure: string | null;
  readonly compileSeconds: number;
  /** For each length: steps, the median of their seconds, and operations. */
  readonly lengths: readonly { K: number; steps: number; seconds: number; flops: number }[];
}

/** A point of the break-even curve: medians of step seconds. */
export interface StepResult {
  readonly kind: "steps";
  readonly id: string;
  readonly machine: Machine;
  readonly seq: number;
  readonly layers: number;
  readonly full: number;
  readonly dropping: number;
  /** Operations with dropping over those without. */
  readonly predicted: number;
}

export type Result = RunResult | StepResult;

const pathOf = (folder: string, { id }: { id: string }) => join(folder, `${id}.json`);

/** The result of a job, or undefined where there is none, or one from before the plan was changed. */
function resultOf(folder: string, job: Job): Result | undefined {
  const path = pathOf(folder, job);
  if (!existsSync(path)) return undefined;
  const result: Result = JSON.parse(readFileSync(path, "utf8"));
  return isOf(job, result) ? result : undefined;
}

function isOf(job: Job, result: Result): boolean {
  if (job.kind === "steps" || result.kind === "steps") return job.kind === result.kind;
  const { recipe, sizes, budget } = job.entry;
  const { model, dropping, optimizer, batch, budget: had } = result.config;
  const planned = [recipe.layers, sizes.seq, recipe.dropping, recipe.lr, sizes.batch, budget];
  return (
    JSON.stringify([model.layers, model.seq, dropping, optimizer.lr, batch, had]) === JSON.stringify(planned)
  );
}

export function isDone(folder: string, job: Job): boolean {
  return resultOf(folder, job) !== undefined;
}

/** Written whole or not at all, whatever interrupts. */
export function writeResult(folder: string, result: Result): void {
  mkdirSync(folder, { recursive: true });
  const path = pathOf(folder, result);
  writeFileSync(`${path}.new`, `${JSON.stringify(result, rounded, 1)}\n`);
  renameSync(`${path}.new`, path);
}

/** Six digits say all that was measured. */
function rounded(_: string, value: unknown): unknown {
  return typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(6)) : value;
}

/** The results that there are, in the order of the plan. */
export function readResults(folder: string, plan: Plan): Map<string, Result> {
  const results = new Map<string, Result>();
  for (const job of plan.jobs) {
    const result = resultOf(folder, job);
    if (result) results.set(job.id, result);
  }
  return results;
}

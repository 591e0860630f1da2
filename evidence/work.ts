/** Does the jobs of the plan, one after another. */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { loadData } from "../demo/data.ts";
import type { Clock } from "../trainer/clock.ts";
import { ADAMW } from "../trainer/optimizer.ts";
import { runConfig, type TaskData, type TaskName, taskOf } from "../trainer/presets.ts";
import { type Compiled, Run } from "../trainer/run.ts";
import { decodeState, encodeState } from "../trainer/state.ts";
import { median } from "../trainer/statistics.ts";
import type { Dropping, RunConfig, RunState, Task } from "../trainer/types.ts";
import type { Job, RunJob, StepJob } from "./plan.ts";
import type { Machine, RunResult, StepResult } from "./results.ts";

/** Evaluations of a run. */
const EVALUATIONS = 10;

/** Milliseconds that this process has computed: waits for a processor that others use don't count. */
export function processorTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** What doing a job takes. */
export interface Workplace {
  /** For runs that are under way. */
  readonly folder: string;
  readonly clock: Clock;
  /** Told what is being done and how far it is, 0 to 1. */
  readonly tell: (text: string, part: number) => void;
  /** Asked between steps: whether to put the work away and leave. */
  readonly leave: () => boolean;
}

function machine(): Machine {
  return { node: process.version, processor: cpus()[0]?.model ?? "unknown" };
}

const data = new Map<TaskName, TaskData>();
const compiled = new Map<string, Compiled>();

/** Runs of the same model share what was compiled. */
function newRun(config: RunConfig, task: Task, clock: Clock, state?: RunState): Run {
  const key = JSON.stringify([config.model, config.dropping, config.optimizer]);
  const options = { clock, state, compiled: compiled.get(key) };
  const run = new Run(config, task, options);
  // Owned by none of the runs: it is kept for those to come.
  compiled.set(key, run.compiled);
  return run;
}

/** What was put away of this run. A run of other settings, from before the plan was changed, is begun anew. */
function putAwayOf(config: RunConfig, file: string): RunState | undefined {
  if (!existsSync(file)) return undefined;
  const state = decodeState(readFileSync(file));
  return JSON.stringify(state.config) === JSON.stringify(config) ? state : undefined;
}

const macrotask = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Null where it was left and put away. */
async function train({ id, entry, seed }: RunJob, place: Workplace): Promise<RunResult | null> {
  const { task: name, recipe, sizes, budget, options } = entry;
  if (!data.has(name)) data.set(name, loadData(name));
  const config = runConfig(name, recipe, { sizes, budget, seed, data: data.get(name) as TaskData });
  const task = taskOf(name, sizes, data.get(name) as TaskData, options);
  const kept = join(place.folder, `${id}.safetensors`);
  const run = newRun(config, task, place.clock, putAwayOf(config, kept));
  const before = performance.now();
  for await (const what of run.compile()) {
    place.tell(`${id}: compiling ${what}`, run.spent);
    await macrotask();
  }
  const compileSeconds = (performance.now() - before) / 1000;

  const putAway = async () => {
    mkdirSync(place.folder, { recursive: true });
    writeFileSync(`${kept}.new`, encodeState(await run.state()));
    renameSync(`${kept}.new`, kept);
  };
  while (!run.finished) {
    if (place.leave()) {
      await putAway();
      run.free();
      return null;
    }
    const { loss, K } = await run.step();
    place.tell(`${id}: step ${run.totals.step}, loss ${loss.toFixed(3)}, K ${K}`, run.spent);
    await macrotask();
    if (run.isDue(EVALUATIONS) || run.finished) {
      await run.evaluate(macrotask);
      if (!run.finished) await putAway();
    }
  }
  const { history, failure, model } = run;
  const lengths = [...new Set(history.lengths)].map((K) => {
    const seconds = history.seconds.filter((_, i) => history.lengths[i] === K);
    return { K, steps: seconds.length, seconds: median(seconds), flops: config.batch * model.flops(K) };
  });
  run.free();
  rmSync(kept, { force: true });
  const { synthetic, baseline } = task;
  const about = { kind: "run", id, machine: machine(), config, synthetic, baseline } as const;
  return { ...about, evaluations: history.evaluations, failure, compileSeconds, lengths };
}

/** Steps of both in turns, so that whatever else the machine does meets both. */
async function timeSteps(job: StepJob, place: Workplace): Promise<StepResult | null> {
  const { id, seq, layers, channels, batch, steps } = job;
  const vocab = 64;
  const tokens = Int32Array.from({ length: batch * seq }, (_, i) => (i * i) % vocab);
  const array = { shape: [batch, seq], data: tokens };
  const task: Task = {
    name: "steps",
    synthetic: true,
    keepPrefix: 0,
    baseline: { name: "a guess", loss: Math.log(vocab) },
    batch: () => ({ tokens: array, targets: array }),
    heldOut: () => [{ tokens: array, targets: array }],
  };
  const config = (dropping: Dropping): RunConfig => ({
    task: "steps",
    model: { kind: "gpt", layers, channels, heads: 2, seq, vocab },
    dropping,
    lengths: { start: seq / 4, until: 1, growth: "constant" },
    optimizer: { ...ADAMW, lr: 1e-3 },
    batch,
    budget: { unit: "steps", amount: 1e6 },
    seed: 0,
  });
  const dropped = Array.from({ length: layers - 1 }, (_, l) => l + 1);
  const runs = [
    new Run(config({ how: "none" }), task, place),
    new Run(config({ how: "layers", layers: dropped }), task, place),
  ];
  for (const run of runs) {
    for await (const what of run.compile()) {
      place.tell(`${id}: compiling ${what}`, 0);
      await macrotask();
    }
    await run.step();
  }
  for (let step = 0; step < steps && !place.leave(); step++) {
    place.tell(`${id}: step ${step}`, step / steps);
    for (const run of runs) await run.step();
    await macrotask();
  }
  const [full, dropping] = runs.map(({ history }) => median(history.seconds.slice(1)));
  const predicted = runs[1].model.flops(seq / 4) / runs[1].model.flops(seq);
  const done = runs[1].totals.step > steps;
  for (const run of runs) run.dispose();
  return done ? { kind: "steps", id, machine: machine(), seq, layers, full, dropping, predicted } : null;
}

/** Does a job; null where it was left. */
export function work(job: Job, place: Workplace): Promise<RunResult | StepResult | null> {
  return job.kind === "run" ? train(job, place) : timeSteps(job, place);
}

// A race in a terminal: npm start, or with --help to see how.
import { accessSync, constants, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { defaultDevice, init } from "@jax-js/jax";
import { runConfig, type TaskData, taskOf } from "../trainer/presets.ts";
import { type Contestant, Race, type RaceRecord } from "../trainer/race.ts";
import { Run } from "../trainer/run.ts";
import type { Task } from "../trainer/types.ts";
import { loadData } from "./data.ts";
import { helpText, OptionError, type Options, parseOptions } from "./options.ts";
import { clock, Progress } from "./progress.ts";

/** A second Ctrl-C ends at once. npm passes the first one on, so that it comes twice: that is no second one. */
const SECOND_AFTER_MS = 1000;
const EXIT_INTERRUPTED = 130;
/** Evaluations of each contestant over its time, the last one included. */
const EVALUATIONS = 6;

function refuse(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(2);
}

function readOptions(): Options | null {
  try {
    return parseOptions(process.argv.slice(2));
  } catch (error) {
    if (!(error instanceof OptionError)) throw error;
    return refuse(error.message);
  }
}

/** A folder that can't be written to is better known now than after the training. */
function makeFolder(out: string): void {
  try {
    mkdirSync(out, { recursive: true });
    accessSync(out, constants.W_OK);
  } catch (error) {
    refuse(
      `"--out" expected a folder that can be written to, got ${out} (${(error as { code: string }).code})`,
    );
  }
}

/** Whether Ctrl-C was pressed. */
function watchInterrupt(progress: Progress): () => boolean {
  let first: number | null = null;
  process.on("SIGINT", () => {
    const now = performance.now();
    if (first !== null && now - first > SECOND_AFTER_MS) {
      progress.stop();
      process.exit(EXIT_INTERRUPTED);
    }
    first ??= now;
  });
  return () => first !== null;
}

function makeRace(
  { task: name, sizes, contestants, budget, seed }: Options,
  task: Task,
  data: TaskData,
): Race {
  const made = contestants.map((recipe): Contestant => {
    const config = runConfig(name, recipe, { sizes, budget, seed, data });
    return { name: recipe.name, role: recipe.role, run: new Run(config, task) };
  });
  return new Race(made, { evaluations: EVALUATIONS });
}

/** The race as one line: each contestant's last training loss, K, and the time that is left. */
function lineOf({ contestants }: Race, { budget }: Options): string {
  const each = contestants.map(({ name, run }) => {
    const losses = run.history.losses.slice(-10);
    const mean = losses.reduce((a, b) => a + b, 0) / losses.length;
    return `${name} ${losses.length > 0 ? mean.toFixed(2) : "-"}`;
  });
  const dropping = contestants.find(({ role }) => role === "dropping");
  const left = contestants.reduce((total, { run }) => {
    const { step, seconds } = run.totals;
    if (budget.unit === "seconds") return total + Math.max(0, budget.amount - seconds);
    return total + (step > 0 ? (seconds / step) * (budget.amount - step) : 0);
  }, 0);
  return `${each.join(" | ")} | K ${dropping?.run.K ?? "-"} | ${clock(left)} left`;
}

/** Runs the race; why it was stopped, if it was. */
async function hold(race: Race, options: Options, progress: Progress, interrupted: () => boolean) {
  const { contestants } = race;
  const part = () => contestants.reduce((total, { run }) => total + run.spent / contestants.length, 0);
  let phase = "";
  for await (const event of race.events()) {
    if (event.type === "compiling") {
      progress.show(0, `compiling ${event.contestant.name}: ${event.what}`, true);
    } else {
      const text =
        event.type === "evaluating" ? `evaluating ${event.contestant.name}` : lineOf(race, options);
      progress.show(part(), text, event.type === "step" && phase === "compiling");
    }
    phase = event.type;
    if (interrupted()) break;
  }
  if (!interrupted()) return null;
  for await (const { contestant } of race.close()) progress.show(part(), `evaluating ${contestant.name}`);
  return "Ctrl-C";
}

/** Writes the picture and the numbers; their paths. */
async function writeFiles(out: string, task: Task, record: RaceRecord, stopped: string | null) {
  const { drawPicture } = await import("./picture.ts");
  const [picture, numbers] = ["race.svg", "race.json"].map((name) => join(out, name));
  writeFileSync(picture, `${await drawPicture(task, record, stopped)}\n`);
  writeFileSync(
    numbers,
    `${JSON.stringify({ task: task.name, synthetic: task.synthetic, stopped, ...record })}\n`,
  );
  return { picture, numbers };
}

async function main(): Promise<void> {
  const options = readOptions();
  if (!options) {
    process.stdout.write(helpText());
    return;
  }
  makeFolder(options.out);
  const progress = new Progress();
  const interrupted = watchInterrupt(progress);
  await init("wasm");
  defaultDevice("wasm");
  const data = loadData(options.task);
  const task = taskOf(options.task, options.sizes, data, { heldOutRows: options.rows });
  const race = makeRace(options, task, data);
  let stopped: string | null;
  try {
    stopped = await hold(race, options, progress, interrupted);
  } finally {
    progress.stop();
  }
  if (stopped) process.exitCode = EXIT_INTERRUPTED;
  const record = race.record();
  if (record.contestants.every(({ history }) => history.evaluations.length === 0)) {
    process.stdout.write(`Stopped by ${stopped} before the first step: there is nothing to show.\n`);
    return;
  }
  const { report } = await import("./report.ts");
  const { picture, numbers } = await writeFiles(options.out, task, record, stopped);
  const total = clock(performance.now() / 1000);
  process.stdout.write(`\n${report(task, record, stopped)}\n\nAll in all ${total} minutes.\n`);
  process.stdout.write(`Picture: ${picture}\nNumbers: ${numbers}\n`);
}

await main();

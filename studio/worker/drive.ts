/** A race as the page orders it, told step by step: in the worker, and in Node for the recorded one. */
import { defaultDevice, init } from "@jax-js/jax";
import { Race } from "../../trainer/race.ts";
import { decodeState, encodeState } from "../../trainer/state.ts";
import type { LaneName, Settings } from "../settings.ts";
import { packed, unpacked } from "./bundle.ts";
import { contestantOf } from "./config.ts";
import type { Machine, News, Order, StepSeries } from "./protocol.ts";
import { answersOf, dataFor, taskFor } from "./tasks.ts";

/** Held-out checks of each run over a race: twelve, or one in five steps of a short one. */
const checksOf = ({ steps }: Settings) => (steps > 0 ? Math.max(2, Math.min(12, Math.floor(steps / 5))) : 12);

/** Checks from one showing of answers to the next. */
const ANSWERS = 4;

/** Milliseconds between messages about steps: the page draws no faster. */
const NEWS = 200;

/** Milliseconds of wall time between saves. */
const SAVE = 15_000;

/** What the page wants of a race under way. Read between steps. */
export interface Control {
  wanted: "run" | "pause" | "stop";
  saveNow: boolean;
}

type Tell = (news: News, transfer?: Transferable[]) => void;

/** Chooses where to train, and says why. */
async function machineFor({ backend }: Settings): Promise<Machine> {
  let why = "As the settings say, the CPU trains.";
  if (backend !== "wasm") {
    if (globalThis.navigator?.gpu && (await init("webgpu")).includes("webgpu")) {
      defaultDevice("webgpu");
      return { backend: "webgpu", why: "This browser offers WebGPU, so the graphics device trains." };
    }
    why = "This browser offers no WebGPU adapter, so the CPU trains.";
  }
  if (!(await init("wasm")).includes("wasm")) {
    throw new Error("This browser has no WebAssembly with SIMD, which training here needs.");
  }
  defaultDevice("wasm");
  return { backend: "wasm", why };
}

/**
 * Runs a race to its end, or until it is told to stop.
 *
 * @throws Error where the browser can't train, or the device is lost on the way: then the last save goes on.
 */
export async function drive(
  { settings, data, state }: Extract<Order, { kind: "start" }>,
  tell: Tell,
  control: Control,
): Promise<void> {
  const machine = await machineFor(settings);
  tell({ kind: "machine", machine });
  const given = dataFor(settings.task, data);
  const task = taskFor(settings, given);
  const states = state && unpacked(state).map((bytes) => decodeState(bytes));
  const lanes = settings.lanes;
  const contestants = lanes.map((lane, i) => contestantOf(settings, lane, task, given, states?.[i]));
  const race = new Race(contestants, { evaluations: checksOf(settings) });
  const laneOf = new Map(contestants.map(({ name }, i) => [name, lanes[i]]));
  const programs = contestants.reduce((sum, { run }) => sum + run.lengths.all().length + 2, 0);
  const answer = async () => {
    const samples = [];
    for (const [i, { run }] of contestants.entries())
      samples.push(await answersOf(settings, lanes[i], run, task, given));
    tell({ kind: "samples", samples });
  };
  const fresh = new Map<LaneName, StepSeries>();
  let compiled = 0;
  let told = performance.now();
  let saved = performance.now();
  const tellSteps = () => {
    for (const [lane, steps] of fresh) tell({ kind: "steps", lane, steps });
    fresh.clear();
    told = performance.now();
  };
  const save = async (last: boolean) => {
    tellSteps(); // what the page keeps beside the state is of the same moment
    const states = await race.state();
    const bytes = packed(states.contestants.map((one) => encodeState(one.state)));
    tell({ kind: "saved", state: bytes, last }, [bytes.buffer]);
    saved = performance.now();
    control.saveNow = false;
  };

  let stopped = false;
  for await (const event of race.events()) {
    const lane = laneOf.get(event.contestant.name)!;
    const { run } = event.contestant;
    switch (event.type) {
      case "compiling":
        tell({
          kind: "compiling",
          done: compiled++,
          of: programs,
          what: `${event.contestant.name}, ${event.what}`,
        });
        break;
      case "step": {
        if (compiled > 0) tell({ kind: "running" });
        compiled = 0;
        const steps = fresh.get(lane) ?? emptySteps();
        const { seconds, layerTokens } = run.totals;
        steps.seconds.push(seconds);
        steps.layerTokens.push(layerTokens);
        steps.loss.push(event.result.loss);
        steps.reserved.push(event.result.K);
        steps.ms.push(event.result.seconds * 1000);
        steps.flops.push(settings.batch * run.model.flops(event.result.K));
        fresh.set(lane, steps);
        if (performance.now() - told > NEWS) tellSteps();
        break;
      }
      case "evaluated":
        tellSteps();
        tell({ kind: "held", lane, held: run.history.evaluations.at(-1)!, rowLosses: run.rowLosses });
        // A race by steps answers at its end alone.
        if (settings.steps === 0 && lane === lanes.at(-1) && run.history.evaluations.length % ANSWERS === 1) {
          await answer();
        }
        break;
    }
    if (performance.now() - saved > SAVE || control.saveNow) await save(false);
    if (control.wanted === "pause") {
      tellSteps();
      await save(false);
      tell({ kind: "paused" });
      while (control.wanted === "pause") await new Promise((resolve) => setTimeout(resolve, 50));
      if (control.wanted === "run") tell({ kind: "running" });
    }
    if (control.wanted === "stop") {
      stopped = true;
      break;
    }
  }
  tellSteps();
  for await (const event of race.close()) {
    if (event.type !== "evaluated") continue;
    const { run, name } = event.contestant;
    const held = run.history.evaluations.at(-1)!;
    tell({ kind: "held", lane: laneOf.get(name)!, held, rowLosses: run.rowLosses });
  }
  await answer();
  await save(!stopped);
  tell({ kind: "done" });
}

const emptySteps = (): StepSeries => ({
  seconds: [],
  layerTokens: [],
  loss: [],
  reserved: [],
  ms: [],
  flops: [],
});

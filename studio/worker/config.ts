/** From the page's settings to runs of the trainer. */
import { modelOf, PRESETS, type TaskData } from "../../trainer/presets.ts";
import type { Contestant } from "../../trainer/race.ts";
import { Run } from "../../trainer/run.ts";
import type { RunConfig, RunState, Task } from "../../trainer/types.ts";
import { droppingOf, growthOf, layersOf } from "../plan.ts";
import { type LaneName, type Settings, TASKS } from "../settings.ts";
import { laneName } from "../words.ts";
import { roleOf } from "./protocol.ts";

/** A run's configuration. All runs of a race have the same learning rate, batch, seed and time. */
export function runConfigOf(settings: Settings, lane: LaneName, data: TaskData): RunConfig {
  const { task, channels, reserved, growth, until, rate, batch, seconds, steps, seed } = settings;
  const seq = TASKS[task].seqLength;
  return {
    task,
    model: modelOf(task, layersOf(settings, lane), { seq, channels, heads: 2, batch }, data),
    dropping: droppingOf(settings, lane),
    lengths: {
      start: reserved,
      until: until / 100,
      growth: growth === "constant" ? "constant" : "linear",
      by: growthOf(reserved, seq),
    },
    optimizer: { ...PRESETS[task].optimizer, lr: rate / 1e6 },
    batch,
    budget: steps > 0 ? { unit: "steps", amount: steps } : { unit: "seconds", amount: seconds },
    seed,
  };
}

/** A run as it enters the race, from a state where there is one. */
export function contestantOf(
  settings: Settings,
  lane: LaneName,
  task: Task,
  data: TaskData,
  state?: RunState,
): Contestant {
  const run = new Run(runConfigOf(settings, lane, data), task, { state });
  return { name: laneName(lane, settings), role: roleOf(lane), run };
}

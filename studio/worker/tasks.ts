/** The tasks of the page: made of what ships with it, and what the models answer to examples that none trains on. */
import { type TaskData, taskOf as trainerTask } from "../../trainer/presets.ts";
import { Random } from "../../trainer/random.ts";
import type { Run } from "../../trainer/run.ts";
import { readChapters } from "../../trainer/tasks/text.ts";
import type { HostArray, HostArrays, Task } from "../../trainer/types.ts";
import { digitAt, digitsIn, SIDE } from "../digits.ts";
import { letter, NODES } from "../example.ts";
import { type LaneName, type Settings, TASKS } from "../settings.ts";
import type { Sample } from "./protocol.ts";

/** Held-out rows of each task: enough to tell runs apart, few enough for a second; of a race by steps, fewer. */
const HELD_OUT = { bySeconds: 128, bySteps: 16 };

/** Letters that a model writes: in a race by steps, which is for comparing, fewer. */
const WRITTEN = { bySeconds: 60, bySteps: 12 };

/** How daring it writes. */
const TEMPERATURE = 0.7;

/** What the trainer makes a task from. */
export function dataFor(
  task: Settings["task"],
  bytes: ArrayBuffer | undefined,
): TaskData & { chapters?: string[] } {
  if (task === "arrows") return {};
  if (!bytes) throw new Error("The data of this task are missing.");
  if (task === "text") {
    const chapters = new TextDecoder().decode(bytes).split("\0");
    return { text: readChapters(chapters), chapters };
  }
  const count = digitsIn(bytes);
  const pixels = new Uint8Array(count * SIDE * SIDE);
  const labels = new Uint8Array(count);
  for (let n = 0; n < count; n++) {
    const digit = digitAt(bytes, n);
    pixels.set(digit.pixels, n * SIDE * SIDE);
    labels[n] = digit.label;
  }
  return { digits: { pixels, labels } };
}

/** The task of these settings. */
export function taskFor({ task, channels, batch, steps }: Settings, data: TaskData): Task {
  const sizes = { seq: TASKS[task].seqLength, channels, heads: 2, batch };
  return trainerTask(task, sizes, data, {
    heldOutRows: steps > 0 ? HELD_OUT.bySteps : HELD_OUT.bySeconds,
  });
}

/** The answer with the largest logit, for each of `[B,N,V]`. */
function largest({ data, shape }: HostArray): number[] {
  const V = shape[2];
  return Array.from({ length: data.length / V }, (_, n) => {
    let best = 0;
    for (let v = 1; v < V; v++) if (data[n * V + v] > data[n * V + best]) best = v;
    return best;
  });
}

/** What a run answers now to examples of the held-out set. */
export async function answersOf(
  settings: Settings,
  lane: LaneName,
  run: Run,
  task: Task,
  data: TaskData,
): Promise<Sample> {
  const [batch] = task.heldOut(settings.batch);
  switch (settings.task) {
    case "arrows": {
      const { targets } = batch;
      const [rows, hops] = targets.shape;
      const said = largest(await run.logits(batch));
      const path = (nodes: ArrayLike<number>, row: number) =>
        Array.from({ length: hops }, (_, hop) => letter(nodes[row * hops + hop])).join("");
      const shown = Array.from({ length: Math.min(4, rows) }, (_, row) => startOf(batch, row));
      return {
        lane,
        shown,
        says: shown.map((_, row) => path(said, row)),
        right: shown.map((_, row) => path(targets.data, row)),
      };
    }
    case "digits": {
      const said = largest(await run.logits(batch));
      const count = Math.min(8, said.length);
      const { patches, labels } = batch;
      return {
        lane,
        shown: [],
        images: Array.from({ length: count }, (_, row) => imageOf(patches, row)),
        says: said.slice(0, count).map(String),
        right: Array.from(labels.data.slice(0, count), String),
      };
    }
    case "text":
      return { lane, right: [], ...(await written(run, batch, settings, data)) };
  }
}

/** The start of a row of *arrows*, as its letter. */
function startOf({ tokens }: HostArrays, row: number): string {
  const [, seq, V] = tokens.shape;
  for (let node = 0; node < NODES; node++) {
    if (tokens.data[row * seq * V + 2 * NODES + node] === 1) return letter(node);
  }
  return "?";
}

/** The image of a row of patches: each patch's own 2 x 2 pixels, out of its middle. */
function imageOf({ data, shape }: HostArray, row: number): Uint8Array {
  const [, seq, patch] = shape;
  const [side, wide] = [Math.sqrt(seq), Math.sqrt(patch)];
  const pixels = new Uint8Array(4 * seq);
  for (let n = 0; n < seq; n++) {
    for (let i = 0; i < 4; i++) {
      const [y, x] = [i >> 1, i & 1];
      const value = data[(row * seq + n) * patch + (y + 2) * wide + x + 2] * 0.31 + 0.13;
      pixels[(2 * Math.floor(n / side) + y) * 2 * side + 2 * (n % side) + x] = Math.round(
        255 * Math.max(0, Math.min(1, value)),
      );
    }
  }
  return pixels;
}

/** A text that goes on from held-out letters, drawn by the model's own odds. */
async function written(
  run: Run,
  batch: HostArrays,
  { batch: rows, steps }: Settings,
  { text }: TaskData,
): Promise<Pick<Sample, "shown" | "says">> {
  const [, seq] = batch.tokens.shape;
  const characters = text!.characters;
  const spell = (numbers: Iterable<number>) => Array.from(numbers, (n) => characters[n] ?? "·").join("");
  const random = new Random(1, 2, 3);
  const window = Array.from(batch.tokens.data.slice(0, seq));
  const prompt = spell(window.slice(-40));
  const made: number[] = [];
  const count = steps > 0 ? WRITTEN.bySteps : WRITTEN.bySeconds;
  for (let n = 0; n < count; n++) {
    // The batch's other rows are zeros: a batch of another size would be compiled anew.
    const tokens = new Int32Array(rows * seq);
    tokens.set(window);
    const { data, shape } = await run.logits({
      tokens: { shape: [rows, seq], data: tokens },
      targets: batch.targets,
    });
    const V = shape[2];
    const odds = Array.from({ length: V }, (_, v) => Math.exp(data[(seq - 1) * V + v] / TEMPERATURE));
    const next = chosen(odds, random.uniform());
    made.push(next);
    window.push(next);
    window.shift();
  }
  return { shown: [prompt], says: [spell(made)] };
}

/** The number that a uniform draw chooses, given the odds of each. */
function chosen(odds: readonly number[], draw: number): number {
  let left = draw * odds.reduce((sum, odd) => sum + odd, 0);
  for (let v = 0; v < odds.length; v++) {
    left -= odds[v];
    if (left < 0) return v;
  }
  return odds.length - 1;
}

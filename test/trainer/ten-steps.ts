/** The same ten steps of each model, wherever this is called. */
import { defaultDevice, init } from "@jax-js/jax";
import { ADAMW } from "../../trainer/optimizer.ts";
import { Random } from "../../trainer/random.ts";
import { Run } from "../../trainer/run.ts";
import { arrows } from "../../trainer/tasks/arrows.ts";
import type { Dropping, HostArray, ModelConfig, Task } from "../../trainer/types.ts";

const STEPS = 10;
const sizes = { layers: 3, channels: 8, heads: 1, seq: 16 } as const;

/** Examples of noise, by seed and step. */
function noise(make: (random: Random, size: number) => Record<string, HostArray>): Task {
  const batch = (seed: number, step: number, size: number) => make(new Random(seed, step), size);
  const heldOut = (size: number) => [batch(99, 0, size)];
  return {
    name: "noise",
    synthetic: true,
    keepPrefix: 0,
    baseline: { name: "a guess", loss: 1 },
    batch,
    heldOut,
  };
}
const ints = (random: Random, below: number, ...shape: number[]): HostArray => {
  const size = shape.reduce((a, b) => a * b);
  return { shape, data: Int32Array.from({ length: size }, () => random.below(below)) };
};
const floats = (random: Random, ...shape: number[]): HostArray => {
  const size = shape.reduce((a, b) => a * b);
  return { shape, data: Float32Array.from({ length: size }, () => random.uniform() - 0.5) };
};

const follower = { kind: "follower", ...sizes, nodes: 4, hops: 2 } as const;
const MODELS: readonly [ModelConfig, Task, Dropping][] = [
  [follower, arrows(follower, { heldOutRows: 4 }), { how: "route", first: 1, last: 2 }],
  [
    { kind: "gpt", ...sizes, vocab: 8 },
    noise((random, B) => ({ tokens: ints(random, 8, B, 16), targets: ints(random, 8, B, 16) })),
    { how: "layers", layers: [1, 2] },
  ],
  [
    { kind: "vit", ...sizes, patch: 4, classes: 4 },
    noise((random, B) => ({ patches: floats(random, B, 16, 4), labels: ints(random, 4, B) })),
    { how: "layers", layers: [1] },
  ],
];

/** What ten steps come to: by model, the losses, the held-out loss, and a sum over the bits of the weights. */
export interface TenSteps {
  readonly kind: string;
  readonly losses: number[];
  readonly heldOut: number;
  readonly bits: number;
}

export async function tenSteps(device: "wasm" | "webgpu"): Promise<TenSteps[]> {
  await init(device);
  defaultDevice(device);
  const seen: TenSteps[] = [];
  for (const [model, task, dropping] of MODELS) {
    const lengths = { start: 8, until: 0.6, growth: "constant" } as const;
    const optimizer = { ...ADAMW, lr: 0.01, warmupSteps: 2 };
    const budget = { unit: "steps", amount: STEPS } as const;
    const run = new Run(
      { task: task.name, model, dropping, lengths, optimizer, batch: 2, budget, seed: 3 },
      task,
    );
    while (!run.finished) await run.step();
    const { loss } = await run.evaluate();
    let bits = 0;
    for (const { data } of Object.values(await run.weights())) {
      for (const word of new Int32Array(data.buffer, data.byteOffset, data.length))
        bits = (Math.imul(bits, 31) + word) | 0;
    }
    seen.push({ kind: model.kind, losses: run.history.losses, heldOut: loss, bits });
    run.dispose();
  }
  return seen;
}

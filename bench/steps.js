import { spawnSync } from "node:child_process";
import { table } from "./measure.js";

/** @typedef {import("../trainer/types.ts").ModelConfig} ModelConfig */
/** @typedef {{ K: number, flops: number, ms: number, compileMs: number, mib: number }} Length */

/** @type {{ name: string, model: ModelConfig, batch: number }[]} */
const MODELS = [
  {
    name: "GPT, S 256, C 64, 6 layers, B 4",
    model: { kind: "gpt", layers: 6, channels: 64, heads: 2, seq: 256, vocab: 64 },
    batch: 4,
  },
  {
    name: "ViT, S 256, C 64, 6 layers, B 4",
    model: { kind: "vit", layers: 6, channels: 64, heads: 2, seq: 256, patch: 16, classes: 10 },
    batch: 4,
  },
];

/**
 * Training steps of the trainer's models in jax-js at K of S/8, S/4 and S/2 in all layers but the first and the last,
 * against what FLOPs predict from the step with all tokens; and what each new length takes to compile and to keep.
 * @param {number} rounds
 * @param {boolean} wall
 */
export function steps(rounds, wall) {
  const data = MODELS.map(({ name, model, batch }) => {
    const { seq } = model;
    const job = {
      model,
      batch,
      lengths: [seq, seq / 2, seq / 4, seq / 8],
      rounds: Math.ceil(rounds / 2),
      wall,
    };
    const args = ["--expose-gc", "scripts/run.js", "bench/steps-of.ts", JSON.stringify(job)];
    const { stdout, stderr, status } = spawnSync(process.execPath, args, { encoding: "utf8" });
    if (status !== 0) throw new Error(stderr);
    return { name, lengths: /** @type {Length[]} */ (JSON.parse(stdout)) };
  });
  const lines = data.flatMap(({ name, lengths }) => {
    const [all] = lengths;
    return lengths.map(({ K, ms, flops, compileMs, mib }) => {
      const [share, predicted] = [ms / all.ms, flops / all.flops];
      const figures = [ms.toFixed(0), share.toFixed(3), predicted.toFixed(3), (share / predicted).toFixed(2)];
      return [name, K, ...figures, (compileMs / 1000).toFixed(1), mib.toFixed(0)];
    });
  });
  const header = [
    "model",
    "K",
    "ms",
    "of all tokens'",
    "by FLOPs",
    "over FLOPs",
    "first step, s more",
    "MiB more",
  ];
  const clock = wall ? "wall" : "processor";
  const title = `A training step in jax-js on WASM, AdamW included, ${clock} time; what a new K takes to compile, and to keep`;
  const summary = data.flatMap(({ name, lengths }) =>
    lengths.slice(1).map(({ K, ms, flops }) => ({
      figure: `a step over its FLOPs, ${name}, K ${K}`,
      ratio: ms / lengths[0].ms / (flops / lengths[0].flops),
      wanted: "1.0 at best",
    })),
  );
  return { text: `${title}\n\n${table(header, lines)}`, data, summary };
}

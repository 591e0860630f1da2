/** A causal transformer over characters, with rotary positions. */
import { nn, numpy as np } from "@jax-js/jax";
import type { GPTConfig } from "../types.ts";
import { rmsNorm } from "./layers.ts";
import { type Parts, rotaryTables, tableGrad } from "./parts.ts";

/** Batch: `tokens` and `targets`, int32 `[B,S]`. Each position answers with the next token. */
export function gpt({ channels: C, heads, seq, vocab }: GPTConfig): Parts {
  const half = C / heads / 2;
  const angles = Float64Array.from(
    { length: seq * half },
    (_, i) => Math.floor(i / half) * 10_000 ** (-(i % half) / half),
  );
  return {
    layout: {
      "embed.table": { shape: [vocab, C], deviation: 1 / Math.sqrt(C) },
      "head.norm": { shape: [C], deviation: null },
      "head.weight": { shape: [C, vocab], deviation: 1 / Math.sqrt(C) },
    },
    causal: true,
    rotary: rotaryTables(angles, half),
    // The embedding is a product with one-hot rows, and nothing flows back into the text.
    flops: (T) => 2 * 2 * vocab * C * seq + 3 * 2 * vocab * C * T,
    embed: (weights, { tokens }) => np.matmul(nn.oneHot(tokens.ref, vocab), weights["embed.table"]),
    embedGrads: ({ tokens }, grad) => ({ "embed.table": tableGrad(nn.oneHot(tokens.ref, vocab), grad) }),
    logits: (weights, x) => np.matmul(rmsNorm(x, weights["head.norm"]), weights["head.weight"]),
    targets: ({ targets }, route) =>
      route ? np.take(targets.ref.reshape([-1]), route.rows.ref, 0) : targets.ref,
  };
}

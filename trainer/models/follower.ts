/** A transformer without positions that answers at its first token: for *arrows*. */
import { numpy as np } from "@jax-js/jax";
import { followerVocab } from "../tasks/arrows.ts";
import type { FollowerConfig } from "../types.ts";
import { rmsNorm } from "./layers.ts";
import { type Parts, tableGrad } from "./parts.ts";

/**
 * Batch: `tokens` float32 `[B,S,V]`, for each token which rows of the table add up to it, and `targets` int32
 * `[B,hops]`. Each hop has its own answer, one of the nodes.
 */
export function follower({ channels: C, seq, nodes, hops }: FollowerConfig): Parts {
  const V = followerVocab(nodes);
  return {
    layout: {
      "embed.table": { shape: [V, C], deviation: 0.7 },
      "head.norm": { shape: [C], deviation: null },
      "head.weight": { shape: [C, hops * nodes], deviation: 0.5 / Math.sqrt(C) },
      "head.bias": { shape: [hops * nodes], deviation: 0 },
    },
    causal: false,
    rotary: null,
    flops: () => 2 * 2 * V * C * seq + 3 * 2 * C * hops * nodes,
    embed: (weights, { tokens }) => np.matmul(tokens.ref, weights["embed.table"]),
    embedGrads: ({ tokens }, grad) => ({ "embed.table": tableGrad(tokens.ref, grad) }),
    logits: (weights, x) => {
      const first = rmsNorm(x.slice([], 0), weights["head.norm"]);
      const answers = np.matmul(first, weights["head.weight"]).add(weights["head.bias"]);
      return answers.reshape([-1, hops, nodes]);
    },
    targets: ({ targets }) => targets.ref,
  };
}

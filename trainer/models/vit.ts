/** A transformer over the patches of an image. */
import { numpy as np } from "@jax-js/jax";
import type { ViTConfig } from "../types.ts";
import { rmsNorm } from "./layers.ts";
import { type Parts, rotaryTables, tableGrad } from "./parts.ts";

/**
 * Batch: `patches` float32 `[B,S,P]`, row by row of the image, and `labels` int32 `[B]`. Learned positions, and rotary
 * ones in two dimensions: the first half of a head's angles by the patch's row, the second by its column. The answer is
 * read from the mean over the tokens.
 */
export function vit({ channels: C, heads, seq, patch, classes }: ViTConfig): Parts {
  const side = Math.sqrt(seq);
  const half = C / heads / 2;
  if (!Number.isInteger(side)) throw new RangeError(`"model" expected a square as seq, got ${seq}`);
  if (half % 2) throw new RangeError(`"model" expected channels in multiples of ${4 * heads}, got ${C}`);
  const each = half / 2;
  const angles = Float64Array.from({ length: seq * half }, (_, i) => {
    const [position, j] = [Math.floor(i / half), i % half];
    const along = j < each ? Math.floor(position / side) : position % side;
    return along * 100 ** (-(j % each) / each);
  });
  return {
    layout: {
      "embed.patch": { shape: [patch, C], deviation: 1 / Math.sqrt(patch) },
      "embed.bias": { shape: [C], deviation: 0 },
      "embed.positions": { shape: [seq, C], deviation: 0.3 },
      "head.norm": { shape: [C], deviation: null },
      "head.weight": { shape: [C, classes], deviation: 1 / Math.sqrt(C) },
      "head.bias": { shape: [classes], deviation: 0 },
    },
    causal: false,
    rotary: rotaryTables(angles, half),
    flops: () => 2 * 2 * patch * C * seq + 3 * 2 * C * classes,
    embed: (weights, { patches }) =>
      np
        .matmul(patches.ref, weights["embed.patch"])
        .add(weights["embed.bias"])
        .add(weights["embed.positions"]),
    embedGrads: ({ patches }, grad) => {
      const positions = grad.ref.sum(0);
      return {
        "embed.patch": tableGrad(patches.ref, grad),
        "embed.bias": positions.ref.sum(0),
        "embed.positions": positions,
      };
    },
    logits: (weights, x) => {
      const mean = np.mean(rmsNorm(x, weights["head.norm"]), 1, { keepdims: true });
      return np.matmul(mean, weights["head.weight"]).add(weights["head.bias"]);
    },
    targets: ({ labels }) => labels.ref.reshape([-1, 1]),
  };
}

/** One device's part of a data-parallel run: what the worker threads of devices.test.ts execute. */
import { type CPUTensor, convertToRandomLTD, type RandomLayerTokenDrop, tensor } from "../../src/index.ts";
import { makeScheduler } from "./settings.ts";
import { Block, causalMask, noise, squaredLoss } from "./tiny.ts";

export const GLOBAL_BATCH = 6;
export const STEPS = 4;
const [S, C] = [16, 4];

export interface ShardStep {
  kept: number;
  /** int32 [L,B,K] of this shard's rows. */
  indices: number[];
  loss: number;
  /** Each block's six weight gradients, one after another. */
  grads: Float64Array;
}

/**
 * Trains nothing: runs `rows` of each step's global batch forward and back, `microBatch` rows at a time. Without
 * `counted` each micro-batch numbers its rows from 0, which is wrong.
 */
export function runShard(
  [first, end]: readonly [number, number],
  microBatch: number,
  counted = true,
): ShardStep[] {
  const blocks = [1, 2, 3, 4].map((seed) => new Block(C, seed));
  const scheduler = makeScheduler({ ids: [1, -2], min: 4, max: S, steps: 4, by: 4, seed: 77 });
  const stack = convertToRandomLTD(blocks, scheduler, { alongSequence: { rope: "seq_dim" } });
  const kwargs = { attention_mask: causalMask(S), rope: tensor(noise(S, 9), [S]) };
  const wrapped = [1, 2].map((i) => stack.layers[i] as unknown as RandomLayerTokenDrop<CPUTensor>);
  const rowsOf = (all: Float64Array, from: number, to: number) => all.slice(from * S * C, to * S * C);
  const steps: ShardStep[] = [];
  for (let step = 0; step < STEPS; step++) {
    scheduler.updateSeq(step); // one call a step, not one a micro-batch
    for (const block of blocks) block.zeroGrad();
    const batch = noise(GLOBAL_BATCH * S * C, 100 + step);
    const target = noise(GLOBAL_BATCH * S * C, 200 + step);
    const result: ShardStep = {
      kept: scheduler.getCurrentSeq(),
      indices: [],
      loss: 0,
      grads: new Float64Array(),
    };
    const perLayer: number[][] = wrapped.map(() => []);
    for (let row = first; row < end; row += microBatch) {
      const last = Math.min(row + microBatch, end);
      const hidden = tensor(rowsOf(batch, row, last), [last - row, S, C]);
      const batchOffset = counted ? row : 0;
      const out = stack.forward(hidden, kwargs, { batchOffset });
      const { loss, grad } = squaredLoss(out, rowsOf(target, row, last));
      result.loss += loss;
      stack.backward(grad, { inPlace: true });
      wrapped.forEach((layer, l) => {
        perLayer[l].push(...(layer.sample(last - row, S, { batchOffset })?.data ?? []));
      });
    }
    result.indices = perLayer.flat();
    result.grads = Float64Array.from(
      blocks.flatMap(({ grads }) =>
        [grads.wq, grads.wk, grads.wv, grads.wo, grads.w1, grads.w2].flatMap((g) => [...g]),
      ),
    );
    steps.push(result);
  }
  return steps;
}

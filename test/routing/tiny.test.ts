import { expect, test } from "vitest";
import { tensor } from "../../src/index.ts";
import { Block, causalMask, noise, squaredLoss } from "./tiny.ts";

// The block that the other tests stand on: its own gradients against central differences.
test("the hand-written backward is the gradient", () => {
  const [B, S, C] = [2, 5, 4];
  const block = new Block(C, 3);
  const x = noise(B * S * C, 1);
  const target = noise(B * S * C, 2);
  const kwargs = {
    attention_mask: causalMask(S),
    rope: tensor(
      noise(S, 4).map((a) => 3 * a),
      [S],
    ),
  };
  const run = () => squaredLoss(block.forward(tensor(x, [B, S, C]), kwargs), target);
  const { grad } = run();
  const dx = block.backward(grad).data;
  const numeric = (memory: Float64Array, i: number) => {
    const [kept, step] = [memory[i], 1e-5];
    memory[i] = kept + step;
    const up = run().loss;
    memory[i] = kept - step;
    const down = run().loss;
    memory[i] = kept;
    return (up - down) / (2 * step);
  };
  for (let i = 0; i < x.length; i += 3) expect(dx[i]).toBeCloseTo(numeric(x, i), 7);
  for (const name of ["wq", "wk", "wv", "wo", "w1", "w2"] as const) {
    for (let i = 0; i < C * C; i += 5) {
      expect(block.grads[name][i]).toBeCloseTo(numeric(block.weights[name], i), 7);
    }
  }
});

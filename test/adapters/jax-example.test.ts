import { expect, test } from "vitest";
import { tensor } from "../../src/index.ts";
import { Block, causalMask } from "../routing/tiny.ts";
import { exampleUnder, runExample } from "../suites/examples.ts";
import { plainSample } from "../suites/plain-sampling.ts";

/** The same training in float64 with backward passes by hand, every gather and scatter written out. */
function byHand(): number[][] {
  const [B, S, C] = [2, 16, 8];
  const wave = (at: number) =>
    Float64Array.from({ length: C * C }, (_, i) => 0.3 * Math.sin(at + (77 * i) / (C * C - 1)));
  const blocks = [0, 1, 2, 3].map((l) => {
    const block = new Block(C, 1);
    for (const [i, name] of (["wq", "wk", "wv", "wo", "w1", "w2"] as const).entries()) {
      block.weights[name].set(wave(6 * l + i));
    }
    return block;
  });
  const everything = Array.from({ length: B * S }, (_, row) => row);
  return Array.from({ length: 24 }, (_, t) => {
    const K = [4, 8, 12][Math.floor(t / 8)];
    const drawn = plainSample({ reservedLength: K, seqLength: S, batchSize: B, layers: 2, seed: 7, step: t });
    /** Of each layer, the rows of B * S that it sees. */
    const rows = blocks.map((_, l) => {
      if (l === 0 || l === 3) return everything;
      const positions = drawn.subarray((l - 1) * B * K, l * B * K);
      return [...positions].map((s, i) => Math.floor(i / K) * S + s);
    });
    /** `all` with the rows of layer l replaced by what `run` makes of them. */
    const within = (
      all: Float64Array,
      l: number,
      run: (part: Float64Array, n: number) => ArrayLike<number>,
    ) => {
      const n = rows[l].length / B;
      const part = Float64Array.from(rows[l].flatMap((row) => [...all.subarray(row * C, row * C + C)]));
      const made = run(part, n);
      const out = all.slice();
      for (const [i, row] of rows[l].entries())
        for (let c = 0; c < C; c++) out[row * C + c] = made[i * C + c];
      return out;
    };
    const x = Float64Array.from({ length: B * S * C }, (_, i) => Math.sin(i + t));
    let h = x;
    for (const [l, block] of blocks.entries()) {
      block.zeroGrad();
      h = within(h, l, (part, n) => {
        return block.forward(tensor(part, [B, n, C]), { attention_mask: causalMask(n) }).data;
      });
    }
    let g = h.map((value, i) => value - 1.5 * x[i]);
    const loss = g.reduce((sum, d) => sum + d * d, 0);
    for (const l of [3, 2, 1, 0]) {
      g = within(g, l, (part, n) => blocks[l].backward(tensor(part, [B, n, C])).data);
      blocks[l].step(0.002);
    }
    return [t, K, loss];
  });
}

test("the README's example in jax-js prints the losses of the model written out by hand", async () => {
  const example = exampleUnder("### jax-js");
  const [got, wanted] = [await runExample(example), byHand()];
  expect(got.map(([t, K]) => [t, K])).toEqual(wanted.map(([t, K]) => [t, K]));
  for (const [t, , loss] of got) expect(Math.abs(loss / wanted[t][2] - 1)).toBeLessThan(1e-4);
  const losses = got.map(([, , loss]) => loss);
  expect(Math.max(...losses)).toBe(losses[0]);
  const means = [0, 8, 16].map((first) => losses.slice(first, first + 8).reduce((a, b) => a + b) / 8);
  expect(means).toEqual([...means].sort((a, b) => b - a)); // it falls at every K
  expect(losses[23]).toBeLessThan(losses[0] / 4);
});

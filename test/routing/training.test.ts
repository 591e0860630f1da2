import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import {
  addRandomLTDStateDict,
  bertSampleTokens,
  type CPUTensor,
  convertToRandomLTD,
  removeRandomLTDStateDict,
  tensor,
} from "../../src/index.ts";
import { runExample } from "../suites/examples.ts";
import { lossesByHand } from "./by-hand.ts";
import { makeScheduler } from "./settings.ts";
import { Block, causalMask, noise, squaredLoss } from "./tiny.ts";

/** Positions that random-LTD layer `ordinal` retains at `step`, row by row. */
function retained(K: number, S: number, B: number, seed: number, step: number, ordinal: number): number[][] {
  const request = { reservedLength: K, seqLength: S, batchSize: B, seed, step, layerOffset: ordinal };
  const { data } = bertSampleTokens(request).sampledIndices;
  return Array.from({ length: B }, (_, b) => [...data.subarray(b * K, (b + 1) * K)]);
}

describe("the example in docs/training.md", () => {
  test("prints the losses of the model written out token by token", async () => {
    const text = await readFile(new URL("../../docs/training.md", import.meta.url), "utf8");
    const code = /```js\n([\s\S]*?)```/.exec(text)![1];
    expect(code.trimEnd().split("\n").length).toBeLessThan(30);
    const printed = await runExample(code);
    const expected = lossesByHand(0.1, (x) => x);
    expect(printed.map(([step, K]) => [step, K])).toEqual(expected.map(([step, K]) => [step, K]));
    for (const [step, , loss] of printed) expect(loss).toBeCloseTo(expected[step][2], 10);
    expect(printed[23][2]).toBeLessThan(printed[0][2] / 4);
  });
});

describe("a transformer of four blocks", () => {
  const [B, S, C, L] = [2, 16, 4, 4];
  const [STEPS, RATE, SEED] = [26, 0.05, 5];
  const settings = { ids: [1, 2], min: 4, max: S, steps: 24, by: 4, seed: SEED, global_batch_size: B };
  const dataOf = (step: number) => ({
    x: noise(B * S * C, 10 + (step % 3)),
    y: noise(B * S * C, 20 + (step % 3)),
  });
  const angles = noise(S, 9).map((a) => 2 * a);
  const blocksOf = () => Array.from({ length: L }, (_, i) => new Block(C, i + 1));
  const kwargs = { attention_mask: causalMask(S), rope: tensor(angles, [S]) };

  const make = (routes: [number, number][]) => {
    const blocks = blocksOf();
    const scheduler = makeScheduler(settings);
    const stack = convertToRandomLTD(blocks, scheduler, { alongSequence: { rope: "seq_dim" }, routes });
    const train = (from: number, to: number) => {
      const losses: number[] = [];
      for (let step = from; step < to; step++) {
        scheduler.updateSeq(step);
        for (const block of blocks) block.zeroGrad();
        const { x, y } = dataOf(step);
        const { loss, grad } = squaredLoss(stack.forward(tensor(x, [B, S, C]), kwargs), y);
        stack.backward(grad, { inPlace: true });
        for (const block of blocks) block.step(RATE);
        losses.push(loss);
      }
      return losses;
    };
    return { blocks, scheduler, train };
  };

  /** The same training with every gather and scatter written out, and a mask made anew for K tokens. */
  function byHand(groups: { layers: number[]; ordinal: number | null }[]): number[] {
    const blocks = blocksOf();
    const losses: number[] = [];
    const pick = (all: Float64Array, rows: number[][]) =>
      Float64Array.from(
        rows.flatMap((row, b) => row.flatMap((s) => [...all.subarray((b * S + s) * C, (b * S + s + 1) * C)])),
      );
    const put = (all: Float64Array, part: ArrayLike<number>, rows: number[][]) => {
      const out = all.slice();
      let at = 0;
      rows.forEach((row, b) => {
        for (const s of row) for (let c = 0; c < C; c++) out[(b * S + s) * C + c] = part[at++];
      });
      return out;
    };
    for (let step = 0; step < STEPS; step++) {
      const v = Math.floor((step / 24) * (S - 4) + 4);
      const K = Math.min(v - (v % 4), S);
      for (const block of blocks) block.zeroGrad();
      const { x, y } = dataOf(step);
      let hidden = x;
      const everything = Array.from({ length: B }, () => Array.from({ length: S }, (_, s) => s));
      const chosen = groups.map(({ ordinal }) =>
        ordinal === null || K >= S ? everything : retained(K, S, B, SEED, step, ordinal),
      );
      groups.forEach(({ layers }, g) => {
        const rows = chosen[g];
        const n = rows[0].length;
        const rope = tensor(Float64Array.from(rows.flatMap((row) => row.map((s) => angles[s]))), [B, n]);
        let part: CPUTensor = tensor(pick(hidden, rows), [B, n, C]);
        for (const l of layers) part = blocks[l].forward(part, { attention_mask: causalMask(n), rope });
        hidden = put(hidden, part.data, rows);
      });
      const { loss, grad } = squaredLoss(tensor(hidden, [B, S, C]), y);
      let g = grad.data as Float64Array;
      for (const [i, { layers }] of [...groups.entries()].reverse()) {
        const rows = chosen[i];
        let part: CPUTensor = tensor(pick(g, rows), [B, rows[0].length, C]);
        for (const l of [...layers].reverse()) part = blocks[l].backward(part);
        g = put(g, part.data, rows);
      }
      for (const block of blocks) block.step(RATE);
      losses.push(loss);
    }
    return losses;
  }

  test.each([
    [
      "layer by layer",
      [],
      [
        { layers: [0], ordinal: null },
        { layers: [1], ordinal: 0 },
        { layers: [2], ordinal: 1 },
        { layers: [3], ordinal: null },
      ],
    ],
    [
      "over a route",
      [[1, 2]],
      [
        { layers: [0], ordinal: null },
        { layers: [1, 2], ordinal: 0 },
        { layers: [3], ordinal: null },
      ],
    ],
  ] as [
    string,
    [number, number][],
    { layers: number[]; ordinal: number | null }[],
  ][])("trains 26 steps at K = 4, 8, 12 and S to the losses written out by hand: %s", (_, routes, groups) => {
    const { train, scheduler } = make(routes);
    const losses = train(0, STEPS);
    expect(losses).toEqual(byHand(groups));
    expect(losses.at(-1)! / losses[0]).toBeLessThan(0.9);
    expect(scheduler.getSeqValues()).toEqual([S]);
  });

  test("a run resumed from a plain checkpoint repeats the uninterrupted one bit for bit", () => {
    const whole = make([]).train(0, STEPS);
    const first = make([]);
    const before = first.train(0, 11);
    // What a wrapped model saves, made to fit the plain one, and back.
    const wrapped = first.blocks.flatMap((block, i) =>
      Object.entries(block.weights).map(([name, w]) => {
        const segment = i === 1 || i === 2 ? "random_ltd_layer." : "";
        return [`h.${i}.${segment}${name}`, [...w]] as const;
      }),
    );
    const saved = JSON.stringify({
      model: removeRandomLTDStateDict(Object.fromEntries(wrapped)),
      scheduler: first.scheduler.stateDict(),
    });
    const { model, scheduler } = JSON.parse(saved);
    expect(Object.keys(model)[6]).toBe("h.1.wq");
    expect(addRandomLTDStateDict(model, ["h.1", "h.2"])).toEqual(Object.fromEntries(wrapped));
    const second = make([]);
    second.scheduler.loadStateDict(scheduler);
    second.blocks.forEach((block, i) => {
      for (const [name, w] of Object.entries(block.weights)) w.set(model[`h.${i}.${name}`]);
    });
    expect([...before, ...second.train(11, STEPS)]).toEqual(whole);
    expect(second.scheduler.consumedLayerTokens).toBe(second.scheduler.getTotalLayerTokens(STEPS));
  });
});

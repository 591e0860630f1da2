/** What the tasks ask, and that their examples depend on seed and step alone. */
import { describe, expect, test } from "vitest";
import { loadData } from "../../demo/data.ts";
import { PRESETS, TASK_NAMES, taskOf } from "../../trainer/presets.ts";
import { arrows, followerVocab } from "../../trainer/tasks/arrows.ts";

describe.each(TASK_NAMES)("%s", (name) => {
  const task = taskOf(name, PRESETS[name].sizes, loadData(name), { heldOutRows: 16 });

  test("examples are a function of seed and step", () => {
    const one = task.batch(3, 7, 2);
    expect(task.batch(3, 7, 2)).toEqual(one);
    expect(task.batch(3, 8, 2)).not.toEqual(one);
    expect(task.batch(4, 7, 2)).not.toEqual(one);
  });

  test("the held-out set is the same at every call, and of whole batches", () => {
    const heldOut = task.heldOut(8);
    expect(heldOut).toHaveLength(2);
    expect(task.heldOut(8)).toEqual(heldOut);
    expect(heldOut[0]).not.toEqual(heldOut[1]);
    for (const { shape, data } of heldOut.flatMap((batch) => Object.values(batch))) {
      expect(data).toHaveLength(shape.reduce((a, b) => a * b));
      expect(data.every(Number.isFinite)).toBe(true);
    }
  });
});

describe("arrows", () => {
  const sizes = { seq: 21, nodes: 5, hops: 7 };
  const V = followerVocab(5);

  /** The query's start, and the arrows of a row. */
  function read({ data }: { data: ArrayLike<number> }, b: number) {
    const token = (n: number) => Array.from({ length: V }, (_, v) => data[(b * 21 + n) * V + v]);
    const query = token(0);
    const tokens = Array.from({ length: 20 }, (_, i) => token(i + 1));
    const arrows = tokens.map((t) => [t.slice(0, 5).indexOf(1), t.slice(5, 10).indexOf(1)]);
    for (const t of [query, ...tokens]) expect(t.reduce((a, c) => a + c)).toBe(2);
    expect(query[15]).toBe(1);
    return { start: query.slice(10, 15).indexOf(1), arrows };
  }

  test("the targets are where the arrows lead, and each node has its share of them", () => {
    const { tokens, targets } = arrows(sizes).batch(1, 2, 6);
    for (let b = 0; b < 6; b++) {
      const { start, arrows } = read(tokens, b);
      const next = new Map(arrows.map(([from, to]) => [from, to]));
      for (const [from, to] of arrows) expect(next.get(from)).toBe(to);
      expect(new Set(next.values()).size).toBe(5);
      const counts = [0, 1, 2, 3, 4].map((node) => arrows.filter(([from]) => from === node).length);
      expect(counts).toEqual([4, 4, 4, 4, 4]);
      let at = start;
      for (let hop = 0; hop < 7; hop++) {
        at = next.get(at) as number;
        expect(targets.data[b * 7 + hop]).toBe(at);
      }
    }
  });

  test("with false arrows most are still true", () => {
    const { tokens, targets } = arrows(sizes, { falseArrows: 0.3 }).batch(1, 2, 6);
    let astray = 0;
    for (let b = 0; b < 6; b++) {
      const { start, arrows } = read(tokens, b);
      const ends = arrows.filter(([from]) => from === start).map(([, to]) => to);
      const common = [0, 1, 2, 3, 4].sort(
        (x, y) => ends.filter((e) => e === y).length - ends.filter((e) => e === x).length,
      )[0];
      if (common !== targets.data[b * 7]) astray++;
      const uneven = new Set(arrows.map(([from, to]) => `${from} ${to}`)).size > 5;
      if (uneven) astray += 0.01;
    }
    expect(astray).toBeGreaterThan(0);
    expect(astray).toBeLessThan(3);
  });
});

test("digits: patches are windows of the image, held-out images are in no batch", () => {
  const data = loadData("digits");
  const { digits } = data;
  expect(digits?.labels).toHaveLength(10000);
  const task = taskOf("digits", PRESETS.digits.sizes, data, { heldOutRows: 8 });
  const [{ patches, labels }] = task.heldOut(8);
  expect(patches.shape).toEqual([8, 196, 36]);
  // The middle four pixels of the patches are the image's own, each once.
  const image = new Float32Array(784);
  for (let n = 0; n < 196; n++) {
    for (const [i, j] of [
      [2, 2],
      [2, 3],
      [3, 2],
      [3, 3],
    ]) {
      image[(Math.floor(n / 14) * 2 + i - 2) * 28 + (n % 14) * 2 + j - 2] = patches.data[n * 36 + i * 6 + j];
    }
  }
  const bytes = Array.from(image, (value) => Math.round((value * 0.31 + 0.13) * 255));
  const found = Array.from(digits?.labels ?? [], (_, i) => i).filter((i) =>
    bytes.every((v, p) => digits?.pixels[i * 784 + p] === v),
  );
  expect(found).toHaveLength(1);
  expect(digits?.labels[found[0]]).toBe(labels.data[0]);
});

test("text: targets are the tokens one on; the baseline is far below a guess", () => {
  const data = loadData("text");
  const task = taskOf("text", PRESETS.text.sizes, data);
  const { tokens, targets } = task.batch(0, 0, 2);
  expect(targets.data.slice(0, 255)).toEqual(tokens.data.slice(1, 256));
  expect((data.text?.vocab ?? 1) % 4).toBe(0);
  expect(task.baseline.loss).toBeGreaterThan(2);
  expect(task.baseline.loss).toBeLessThan(2.6);
});

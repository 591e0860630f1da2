/** Backward passes against central differences, in float64, and against each other. */
import { afterEach, describe, expect, test } from "vitest";
import { useCPUBackend } from "../src/backends/cpu-backend.ts";
import {
  type CPUTensor,
  GatherTokens,
  gptSampleTokens,
  layerOf,
  ScatterTokens,
  tensor,
} from "../src/index.ts";
import type { IndexTensor } from "../src/types.ts";
import { CPU_BACKENDS } from "./suites/cpu.ts";
import { randomSource } from "./suites/data.ts";

afterEach(() => useCPUBackend(undefined));

type Doubles = CPUTensor<Float64Array>;
const [B, S, K, C] = [2, 7, 3, 3];

function randomTensor(shape: readonly number[], seed: number): Doubles {
  const random = randomSource(seed);
  const n = shape.reduce((a, b) => a * b, 1);
  return tensor(
    Float64Array.from({ length: n }, () => random() / 2 ** 31 - 1),
    shape,
  );
}

const map = (t: Doubles, f: (x: number, i: number) => number): Doubles => tensor(t.data.map(f), t.shape);

/** A loss that weighs every element otherwise, and its gradient. */
const loss = (t: Doubles): number => t.data.reduce((sum, x, i) => sum + Math.sin(x * (1 + (i % 5)) + i), 0);
const lossGrad = (t: Doubles): Doubles => map(t, (x, i) => (1 + (i % 5)) * Math.cos(x * (1 + (i % 5)) + i));

/** A layer that mixes the tokens it is given: y = tanh(x) + a third of the sum over all of x squared. */
function layer(x: Doubles): Doubles {
  const squares = x.data.reduce((sum, v) => sum + v * v, 0);
  return map(x, (v, i) => Math.tanh(v) + (squares * (i + 1)) / 30);
}

function layerBackward(x: Doubles, grad: Doubles): Doubles {
  const shared = grad.data.reduce((sum, g, i) => sum + (g * (i + 1)) / 30, 0);
  return map(x, (v, i) => grad.data[i] * (1 - Math.tanh(v) ** 2) + 2 * v * shared);
}

/** d f / d x by central differences: the error is about 1e-10 where f is of order 1. */
function differences(f: (x: Doubles) => number, x: Doubles): Float64Array {
  const h = 1e-5;
  return x.data.map((_, i) => {
    const moved = (by: number) => f(map(x, (v, j) => (j === i ? v + by : v)));
    return (moved(h) - moved(-h)) / (2 * h);
  });
}

function expectClose(actual: Doubles, expected: Float64Array): void {
  expect(actual.data.length).toBe(expected.length);
  const worst = actual.data.reduce((most, v, i) => Math.max(most, Math.abs(v - expected[i])), 0);
  expect(worst).toBeLessThan(1e-7);
}

/** Equal as numbers: sums of zeros may differ in sign. */
function expectEqual(actual: Doubles, expected: Doubles): void {
  expect(actual.shape).toEqual(expected.shape);
  expect(actual.data.map((v) => v + 0)).toEqual(expected.data.map((v) => v + 0));
}

const cases = CPU_BACKENDS.flatMap((name) => [true, false].map((batchFirst) => [name, batchFirst] as const));

describe.each(cases)("gradients, %s, batchFirst %s", (name, batchFirst) => {
  const shape = (tokens: number) => (batchFirst ? [B, tokens, C] : [tokens, B, C]);
  const indicesOf = (kept: number) => {
    useCPUBackend(name);
    return layerOf(
      gptSampleTokens({ reservedLength: kept, seqLength: S, batchSize: B, seed: 5 }).sampledIndices,
      0,
    );
  };
  const layout = { batchFirst };

  /** h -> scatter(h, layer(gather(h))), and its gradient by the operations' own backward passes. */
  const wrapped = (h: Doubles, indices: CPUTensor) =>
    ScatterTokens.forward(
      h,
      layer(GatherTokens.forward(h, indices as IndexTensor, layout)),
      indices as IndexTensor,
      layout,
    );
  const wrappedBackward = (h: Doubles, indices: CPUTensor, g: Doubles): Doubles => {
    const { allActivationsGrad, layerActivationsGrad } = ScatterTokens.backward(
      g,
      indices as IndexTensor,
      layout,
    );
    const part = layerBackward(GatherTokens.forward(h, indices as IndexTensor, layout), layerActivationsGrad);
    return GatherTokens.backward(part, indices as IndexTensor, {
      ...layout,
      seqLength: S,
      accumulateInto: allActivationsGrad,
    });
  };

  test("gather", () => {
    const indices = indicesOf(K);
    const x = randomTensor(shape(S), 1);
    const expected = differences((t) => loss(GatherTokens.forward(t, indices, layout)), x);
    const grad = lossGrad(GatherTokens.forward(x, indices, layout));
    expectClose(GatherTokens.backward(grad, indices, { ...layout, seqLength: S }), expected);
    const into = map(x, () => 1);
    GatherTokens.backward(grad, indices, { ...layout, seqLength: S, accumulateInto: into });
    expectClose(
      into,
      expected.map((v) => v + 1),
    );
  });

  test("scatter, with respect to both of what it takes", () => {
    const indices = indicesOf(K);
    const [all, part] = [randomTensor(shape(S), 2), randomTensor(shape(K), 3)];
    const out = ScatterTokens.forward(all, part, indices, layout);
    const grads = ScatterTokens.backward(lossGrad(out), indices, layout);
    expectClose(
      grads.allActivationsGrad,
      differences((t) => loss(ScatterTokens.forward(t, part, indices, layout)), all),
    );
    expectClose(
      grads.layerActivationsGrad,
      differences((t) => loss(ScatterTokens.forward(all, t, indices, layout)), part),
    );
  });

  test.each([1, K, S])("a whole wrapped layer, K = %i", (kept) => {
    const indices = indicesOf(kept);
    const h = randomTensor(shape(S), 4);
    const g = lossGrad(wrapped(h, indices));
    expectClose(
      wrappedBackward(h, indices, g),
      differences((t) => loss(wrapped(t, indices)), h),
    );
  });

  test.each([1, K, S])("its cheaper backward, which moves only K rows, K = %i", (kept) => {
    const indices = indicesOf(kept);
    const h = randomTensor(shape(S), 6);
    const g = lossGrad(wrapped(h, indices));
    const composed = wrappedBackward(h, indices, g);
    const d = GatherTokens.forward(g, indices, layout);
    const part = layerBackward(GatherTokens.forward(h, indices, layout), d);
    const cheaper = ScatterTokens.forward(g, part, indices, { ...layout, inPlace: true });
    expect(cheaper).toBe(g);
    expectEqual(cheaper, composed);
  });

  test("at K = S all of it is the layer itself", () => {
    const indices = indicesOf(S);
    const h = randomTensor(shape(S), 7);
    const g = randomTensor(shape(S), 8);
    expectEqual(GatherTokens.forward(h, indices, layout), h);
    expectEqual(GatherTokens.backward(g, indices, { ...layout, seqLength: S }), g);
    expectEqual(wrapped(h, indices), layer(h));
    expectEqual(wrappedBackward(h, indices, g), layerBackward(h, g));
    const grads = ScatterTokens.backward(g, indices, layout);
    expectEqual(grads.layerActivationsGrad, g);
    expectEqual(
      grads.allActivationsGrad,
      map(g, () => 0),
    );
  });
});

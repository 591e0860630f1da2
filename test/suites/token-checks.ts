/** One operation on rows of tokens, on one shape: every way of saying where the result goes, beside the plain loops. */
import { expect } from "vitest";
import { type CPUTensor, GatherTokens, ScatterTokens, type Tensor, tensor } from "../../src/index.ts";
import type { IndexTensor } from "../../src/types.ts";
import {
  ARRAYS,
  bytesOf,
  expectTensor,
  garbage,
  guarded,
  Held,
  indexTensor,
  randomBytes,
  randomSource,
} from "./data.ts";
import type { Harness } from "./harness.ts";
import {
  plainAccumulate,
  plainGather,
  plainScatter,
  plainScatterZeros,
  plainZeroRows,
  type TokenSizes,
} from "./plain.ts";
import { defaults, type TokenCase } from "./token-cases.ts";

/** Everything that the checks of one case share. */
function prepare(harness: Harness, c: TokenCase, bytes = randomBytes) {
  const channels = c.channels.reduce((a, b) => a * b, 1);
  const rowBytes = channels * ARRAYS[c.dtype].BYTES_PER_ELEMENT;
  const sizes: TokenSizes = { ...c, rowBytes };
  const shape = (tokens: number) => [
    ...(c.batchFirst ? [c.batch, tokens] : [tokens, c.batch]),
    ...c.channels,
  ];
  const held = new Held(harness);
  const positions = indexTensor([c.batch, c.kept], c.seq, c.spread, c.seed);
  // Indices in CPU memory serve states elsewhere too.
  const indices = c.seed % 2 === 0 ? positions : held.input("sortedIndices", positions);
  return {
    sizes,
    channels,
    held,
    positions: positions.data,
    indices,
    layout: c.batchFirst ? {} : { batchFirst: false },
    allShape: shape(c.seq),
    partShape: shape(c.kept),
    allBytes: bytes(c.batch * c.seq * rowBytes, c.seed + 1),
    partBytes: bytes(c.batch * c.kept * rowBytes, c.seed + 2),
    all: (data: Uint8Array) => guarded(c.dtype, shape(c.seq), data, c.shift),
    part: (data: Uint8Array) => guarded(c.dtype, shape(c.kept), data, 3 * c.shift),
    outAll: () => garbage(c.dtype, shape(c.seq), 5 * c.shift),
    outPart: () => garbage(c.dtype, shape(c.kept), 2 * c.shift),
    expectAll: (t: Tensor, data: Uint8Array, what: string) =>
      expectTensor(harness, t, c.dtype, shape(c.seq), data, what),
    expectPart: (t: Tensor, data: Uint8Array, what: string) =>
      expectTensor(harness, t, c.dtype, shape(c.kept), data, what),
  };
}

type Contents = (n: number, seed: number) => Uint8Array;

export async function checkGather(harness: Harness, c: TokenCase, bytes?: Contents): Promise<void> {
  const p = prepare(harness, c, bytes);
  const x = p.held.input("activations", p.all(p.allBytes));
  const expected = plainGather(p.sizes, p.allBytes, p.positions);

  await p.expectPart(GatherTokens.forward(x, p.indices as IndexTensor, p.layout), expected, "a new tensor");

  const out = p.held.output("out", p.outPart());
  expect(GatherTokens.forward(x, p.indices as IndexTensor, { ...p.layout, out })).toBe(out);
  await p.expectPart(out, expected, "out");
  await p.held.check();
}

export async function checkGatherBackward(harness: Harness, c: TokenCase, bytes?: Contents): Promise<void> {
  const p = prepare(harness, c, bytes);
  const grad = p.held.input("retainedGrad", p.part(p.partBytes));
  const expected = plainScatterZeros(p.sizes, p.partBytes, p.positions);
  const options = { ...p.layout, seqLength: c.seq };

  await p.expectAll(GatherTokens.backward(grad, p.indices as IndexTensor, options), expected, "a new tensor");

  const out = p.held.output("out", p.outAll());
  expect(GatherTokens.backward(grad, p.indices as IndexTensor, { ...options, out })).toBe(out);
  await p.expectAll(out, expected, "out");
  await p.held.check();
}

export async function checkScatter(harness: Harness, c: TokenCase, bytes?: Contents): Promise<void> {
  const p = prepare(harness, c, bytes);
  const part = p.held.input("layerActivations", p.part(p.partBytes));
  const all = p.held.input("allActivations", p.all(p.allBytes));
  const expected = plainScatter(p.sizes, p.allBytes, p.partBytes, p.positions);

  await p.expectAll(
    ScatterTokens.forward(all, part, p.indices as IndexTensor, p.layout),
    expected,
    "a new tensor",
  );

  const out = p.held.output("out", p.outAll());
  expect(ScatterTokens.forward(all, part, p.indices as IndexTensor, { ...p.layout, out })).toBe(out);
  await p.expectAll(out, expected, "out");

  const inPlace = p.held.output("inPlace", p.all(p.allBytes));
  expect(ScatterTokens.forward(inPlace, part, p.indices as IndexTensor, { ...p.layout, inPlace: true })).toBe(
    inPlace,
  );
  await p.expectAll(inPlace, expected, "allActivations in place");
  if (c.oneWay) return p.held.check();

  const itself = p.held.output("out", p.all(p.allBytes));
  expect(ScatterTokens.forward(itself, part, p.indices as IndexTensor, { ...p.layout, out: itself })).toBe(
    itself,
  );
  await p.expectAll(itself, expected, "out, allActivations itself");

  const said = p.held.output("out", p.all(p.allBytes));
  const options = { ...p.layout, inPlace: true, out: said };
  expect(ScatterTokens.forward(said, part, p.indices as IndexTensor, options)).toBe(said);
  await p.expectAll(said, expected, "out, allActivations itself, inPlace");
  await p.held.check();
}

export async function checkScatterBackward(harness: Harness, c: TokenCase, bytes?: Contents): Promise<void> {
  const p = prepare(harness, c, bytes);
  const grad = p.held.input("outGrad", p.all(p.allBytes));
  const expectedAll = plainZeroRows(p.sizes, p.allBytes, p.positions);
  const expectedPart = plainGather(p.sizes, p.allBytes, p.positions);
  const both = async (g: { allActivationsGrad: Tensor; layerActivationsGrad: Tensor }, what: string) => {
    await Promise.all([
      p.expectAll(g.allActivationsGrad, expectedAll, `allActivationsGrad, ${what}`),
      p.expectPart(g.layerActivationsGrad, expectedPart, `layerActivationsGrad, ${what}`),
    ]);
  };

  await both(ScatterTokens.backward(grad, p.indices as IndexTensor, p.layout), "new tensors");

  const some = [
    [true, false],
    [false, true],
  ];
  for (const [withAll, withPart] of [...(c.oneWay ? [] : some), [true, true]]) {
    const allActivationsGrad = withAll ? p.held.output("allActivationsGrad", p.outAll()) : undefined;
    const layerActivationsGrad = withPart ? p.held.output("layerActivationsGrad", p.outPart()) : undefined;
    const out = { allActivationsGrad, layerActivationsGrad };
    const grads = ScatterTokens.backward(grad, p.indices as IndexTensor, { ...p.layout, out });
    if (allActivationsGrad) expect(grads.allActivationsGrad).toBe(allActivationsGrad);
    if (layerActivationsGrad) expect(grads.layerActivationsGrad).toBe(layerActivationsGrad);
    await both(grads, `out ${Object.keys(out)}`);
  }

  for (const withPart of c.oneWay ? [true] : [false, true]) {
    const inPlace = p.held.output("outGrad", p.all(p.allBytes));
    const layerActivationsGrad = withPart ? p.held.output("layerActivationsGrad", p.outPart()) : undefined;
    const out = withPart ? { out: { layerActivationsGrad } } : {};
    const grads = ScatterTokens.backward(inPlace, p.indices as IndexTensor, {
      ...p.layout,
      inPlace: true,
      ...out,
    });
    expect(grads.allActivationsGrad).toBe(inPlace);
    if (layerActivationsGrad) expect(grads.layerActivationsGrad).toBe(layerActivationsGrad);
    await both(grads, "in place");
  }

  if (c.oneWay) return p.held.check();

  // As in the forward pass, `out` may be the tensor itself, which is `inPlace`, with that said or not.
  for (const options of [{}, { inPlace: true }]) {
    const itself = p.held.output("outGrad", p.all(p.allBytes));
    const out = { allActivationsGrad: itself };
    const grads = ScatterTokens.backward(itself, p.indices as IndexTensor, { ...p.layout, ...options, out });
    expect(grads.allActivationsGrad).toBe(itself);
    await both(grads, "out, outGrad itself");
  }
  await p.held.check();
}

/** Numbers of very different sizes, both signs, none of them subnormal: sums that round. */
function randomNumbers<A extends Float32Array | Float64Array>(numbers: A, seed: number): A {
  const random = randomSource(seed);
  for (let i = 0; i < numbers.length; i++) numbers[i] = (random() - 2 ** 31) * 2 ** ((random() % 40) - 50);
  return numbers;
}

export async function checkAccumulate(harness: Harness, c: TokenCase): Promise<void> {
  const p = prepare(harness, c);
  const numbers = (tokens: number, seed: number) => {
    const n = c.batch * tokens * p.channels;
    return randomNumbers(c.dtype === "float64" ? new Float64Array(n) : new Float32Array(n), seed);
  };
  const bytes = (a: Float32Array | Float64Array) => new Uint8Array(a.buffer, a.byteOffset, a.byteLength);
  const [base, part] = [numbers(c.seq, c.seed + 1), numbers(c.kept, c.seed + 2)];
  const grad = p.held.input("retainedGrad", p.part(bytes(part)));
  const into = p.held.output("accumulateInto", p.all(bytes(base)));
  const sizes = { ...p.sizes, rowBytes: p.channels };

  const options = { ...p.layout, seqLength: c.seq, accumulateInto: into };
  expect(GatherTokens.backward(grad, p.indices as IndexTensor, options)).toBe(into);
  const once = plainAccumulate(sizes, base, part, p.positions);
  await p.expectAll(into, bytes(once), "accumulateInto");

  GatherTokens.backward(grad, p.indices as IndexTensor, options);
  const twice = plainAccumulate(sizes, once, part, p.positions);
  await p.expectAll(into, bytes(twice), "accumulateInto, again");
  await p.held.check();
}

/** However rows are cut into stages, some stage's rows lie just as far apart as it has room for, or a row further. */
export async function checkTwoBlocks(harness: Harness): Promise<void> {
  const c = { ...defaults, batch: 1, seq: 2000, kept: 760, channels: [300] };
  const p = prepare(harness, c);
  const x = p.held.input("activations", p.all(p.allBytes));
  const part = p.held.input("layerActivations", p.part(p.partBytes));
  const [out, all] = [p.held.output("out", p.outPart()), p.held.output("out", p.outAll())];
  for (let start = 1; start <= c.seq - c.kept + 1; start += start < 1000 ? 99 : 1) {
    const positions = Int32Array.from({ length: c.kept }, (_, k) => (k === 0 ? 0 : start + k - 1));
    const indices = tensor(positions, [1, c.kept]);
    GatherTokens.forward(x, indices, { out });
    await p.expectPart(out, plainGather(p.sizes, p.allBytes, positions), `gathered from ${start}`);
    ScatterTokens.forward(x, part, indices, { out: all });
    const expected = plainScatter(p.sizes, p.allBytes, p.partBytes, positions);
    await p.expectAll(all, expected, `scattered to ${start}`);
  }
  await p.held.check();
}

/** Sums that shaders may flush: CPU harnesses give them as IEEE 754 does. */
export function accumulateSpecials(dtype: "float32" | "float64"): {
  into: CPUTensor;
  part: CPUTensor;
  sum: Uint8Array;
} {
  const tiny = dtype === "float32" ? 2 ** -149 : Number.MIN_VALUE;
  const huge = dtype === "float32" ? 2 ** 127 : 2 ** 1023;
  const values = [0, -0, tiny, -tiny, 3 * tiny, Infinity, -Infinity, huge, -huge, 1];
  const pairs = values.flatMap((a) => values.map((b) => [a, b])).filter(([a, b]) => !Number.isNaN(a + b));
  const make = (numbers: readonly number[]) => {
    const data = dtype === "float32" ? Float32Array.from(numbers) : Float64Array.from(numbers);
    return guarded(dtype, [1, 1, data.length], new Uint8Array(data.buffer));
  };
  return {
    into: make(pairs.map(([a]) => a)),
    part: make(pairs.map(([, b]) => b)),
    sum: bytesOf(make(pairs.map(([a, b]) => a + b))),
  };
}

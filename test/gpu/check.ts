/** All operations on one case, on the GPU and by the plain reference: the bits must be the same. */
import { expect } from "vitest";
import {
  type CPUTensor,
  type DType,
  GatherTokens,
  type GPUTensor,
  maskGather,
  maskSlice,
  ScatterTokens,
  type Tensor,
  tensor,
  toCPU,
} from "../../src/index.ts";
import type { IndexTensor } from "../../src/types.ts";
import { ARRAYS, bytesOf, expectBytes, indexTensor, randomBytes } from "../suites/data.ts";
import { among, readAmong } from "./harness.ts";

/** A case: its shapes, and where its tensors lie in their buffers, in elements where they are read. */
export interface Case {
  readonly dtype: DType;
  readonly batch: number;
  readonly seq: number;
  readonly kept: number;
  readonly channels: number;
  readonly batchFirst: boolean;
  readonly readOffset: number;
  /** A multiple of 4, in bytes. */
  readonly writeOffset: number;
  readonly seed: number;
}

/** Random bits of every kind, or for sums numbers that add up alike everywhere. */
export function random(dtype: DType, shape: readonly number[], seed: number, summable = false): CPUTensor {
  const n = shape.reduce((a, b) => a * b, 1);
  const array = ARRAYS[dtype];
  const bytes = randomBytes(n * array.BYTES_PER_ELEMENT, seed);
  if (summable)
    return tensor(
      Float32Array.from({ length: n }, (_, i) => (bytes[i] - 128) / 8),
      shape,
    );
  return tensor(new array(bytes.buffer as ArrayBuffer, 0, n), shape, dtype);
}

const copy = (t: CPUTensor): CPUTensor => ({ ...t, data: t.data.slice() });

/** Runs every operation of tokens both ways and compares; `indicesOnGPU` as well as uploaded. */
export async function checkTokens(device: GPUDevice, c: Case): Promise<void> {
  const { dtype, batch, seq, kept, channels, batchFirst, seed } = c;
  const shape = (tokens: number) => [...(batchFirst ? [batch, tokens] : [tokens, batch]), channels];
  const size = ARRAYS[dtype].BYTES_PER_ELEMENT;
  const made: GPUTensor[] = [];
  const put = (t: CPUTensor, offset: number) => {
    made.push(among(device, t, offset));
    return made.at(-1)!;
  };
  const read = (t: CPUTensor) => put(t, c.readOffset * size);
  const written = (t: CPUTensor) => put(t, c.writeOffset);
  const all = random(dtype, shape(seq), seed);
  const part = random(dtype, shape(kept), seed + 1);
  const old = { all: random(dtype, shape(seq), seed + 2), part: random(dtype, shape(kept), seed + 3) };
  const indices = indexTensor([batch, kept], seq, "random", seed);
  const layout = { batchFirst };
  const onGPU: Tensor = seed % 2 === 0 ? indices : put(indices, 4 * (seed % 7));
  const same = async (result: GPUTensor, expected: CPUTensor, what: string) =>
    expectBytes(bytesOf(await readAmong(result)), bytesOf(expected), `${what} of ${JSON.stringify(c)}`);

  const gathered = written(old.part);
  GatherTokens.forward(read(all), onGPU as IndexTensor, { ...layout, out: gathered });
  await same(gathered, GatherTokens.forward(all, indices, layout), "gather");

  const zeros = written(old.all);
  GatherTokens.backward(read(part), onGPU as IndexTensor, { ...layout, seqLength: seq, out: zeros });
  await same(
    zeros,
    GatherTokens.backward(part, indices, { ...layout, seqLength: seq }),
    "scatter into zeros",
  );

  const scattered = written(old.all);
  ScatterTokens.forward(read(all), read(part), onGPU as IndexTensor, { ...layout, out: scattered });
  await same(scattered, ScatterTokens.forward(all, part, indices, layout), "scatter into a copy");

  const inPlace = written(all);
  ScatterTokens.forward(inPlace, read(part), onGPU as IndexTensor, { ...layout, inPlace: true });
  await same(inPlace, ScatterTokens.forward(all, part, indices, layout), "scatter in place");

  const expected = ScatterTokens.backward(all, indices, layout);
  const out = { allActivationsGrad: written(old.all), layerActivationsGrad: written(old.part) };
  ScatterTokens.backward(read(all), onGPU as IndexTensor, { ...layout, out });
  await same(out.allActivationsGrad, expected.allActivationsGrad, "zeroed rows, copied");
  await same(out.layerActivationsGrad, expected.layerActivationsGrad, "their gradient");
  const zeroed = written(all);
  const grads = ScatterTokens.backward(zeroed, onGPU as IndexTensor, { ...layout, inPlace: true });
  await same(zeroed, expected.allActivationsGrad, "zeroed rows, in place");
  expectBytes(
    bytesOf(await toCPU(grads.layerActivationsGrad)),
    bytesOf(expected.layerActivationsGrad),
    "a new one",
  );
  made.push(grads.layerActivationsGrad);

  if (dtype === "float32") {
    const [into, grad] = [random(dtype, shape(seq), seed, true), random(dtype, shape(kept), seed + 1, true)];
    const sum = written(into);
    GatherTokens.backward(read(grad), onGPU as IndexTensor, {
      ...layout,
      seqLength: seq,
      accumulateInto: sum,
    });
    const accumulateInto = copy(into);
    GatherTokens.backward(grad, indices, { ...layout, seqLength: seq, accumulateInto });
    await same(sum, accumulateInto, "accumulate");
  }
  for (const t of made) t.buffer.destroy();
}

/** The same for masks, of `heads` heads. */
export async function checkMasks(
  device: GPUDevice,
  c: Case & { layers: number; heads: number; maskBatch: number; padding: boolean },
): Promise<void> {
  const { dtype, batch, seq, kept, seed, layers, heads, maskBatch, padding } = c;
  const mask = random(dtype, [maskBatch, heads, padding ? 1 : seq, seq], seed);
  const indices = indexTensor([layers, batch, kept], seq, "random", seed);
  const on = among(device, mask, c.readOffset * ARRAYS[dtype].BYTES_PER_ELEMENT);
  for (const [expected, call] of [
    [maskGather(mask, indices), (out: GPUTensor) => maskGather(on, indices, { out })],
    [maskSlice(mask, kept), (out: GPUTensor) => maskSlice(on, kept, { out })],
  ] as const) {
    const out = among(device, random(dtype, expected.shape, seed + 1), c.writeOffset);
    expect(call(out)).toBe(out);
    expectBytes(bytesOf(await readAmong(out)), bytesOf(expected), `a mask of ${JSON.stringify(c)}`);
    out.buffer.destroy();
  }
  on.buffer.destroy();
}

/**
 * What operations hold tensors to that live on a GPU, and what they hand to those tensors' own operations. These write
 * down what they are called with and move nothing, so that no device is needed; test/gpu has the real ones.
 */
import { beforeEach, expect, test } from "vitest";
import {
  GatherTokens,
  type GPUTensor,
  gptSampleTokens,
  layerOf,
  maskGather,
  maskSlice,
  ScatterTokens,
  type Tensor,
  tensor,
  tokenSort,
} from "../src/index.ts";
import { RandomLayerTokenDrop as OnGPU } from "../src/webgpu.ts";
import { makeScheduler } from "./routing/settings.ts";

const log: { name: string; args: any[] }[] = [];
beforeEach(() => void log.splice(0));

const write =
  (name: string) =>
  (...args: any[]) =>
    void log.push({ name, args });

const NAMES = ["gather", "scatterZeros", "accumulate", "scatter", "zeroRows", "maskGather", "maskSlice"];
const operations = {
  ...Object.fromEntries(NAMES.map((name) => [name, write(name)])),
  empty: (device: GPUDevice, shape: number[], dtype: "float32") => there(shape, { device, dtype }),
  view: (t: GPUTensor, byteOffset: number, shape: number[]) => ({ ...t, byteOffset, shape }),
} as unknown as GPUTensor["operations"];

const [device, other] = [{} as GPUDevice, {} as GPUDevice];

/** A tensor "elsewhere", in a buffer of its own. */
function there(shape: number[], more: Partial<GPUTensor> = {}): GPUTensor {
  return { buffer: {} as never, byteOffset: 0, shape, dtype: "float32", device, operations, ...more };
}

const encoder = { beginComputePass() {} } as unknown as GPUCommandEncoder;
const [B, S, C, K] = [2, 5, 3, 2];
const states = there([B, S, C]);
const part = there([B, K, C]);
const indices = there([B, K], { dtype: "int32" });
const here = tensor(new Float32Array(B * S * C), [B, S, C]);

test("runs by the tensors' own operations, with the caller's encoder and the rows' geometry", () => {
  const g = { batch: B, seq: S, retained: K, rowBytes: 4 * C, batchFirst: true };
  const small = GatherTokens.forward(states, indices, { encoder });
  expect(small.shape).toEqual([B, K, C]);
  expect(log).toEqual([{ name: "gather", args: [small, states, indices, g, encoder] }]);
  const grad = GatherTokens.backward(part, indices, { seqLength: S, encoder });
  expect(grad.shape).toEqual([B, S, C]);
  expect(log[1]).toEqual({ name: "scatterZeros", args: [grad, part, indices, g, encoder, true] });
  expect(GatherTokens.backward(part, indices, { seqLength: S, accumulateInto: states })).toBe(states);
  expect(log[2]).toEqual({ name: "accumulate", args: [states, part, indices, g, undefined] });
  expect(ScatterTokens.forward(states, part, indices, { inPlace: true, encoder })).toBe(states);
  expect(log[3]).toEqual({ name: "scatter", args: [states, states, part, indices, g, encoder] });
  const { allActivationsGrad, layerActivationsGrad } = ScatterTokens.backward(states, indices, { encoder });
  expect(log[4]).toEqual({ name: "gather", args: [layerActivationsGrad, states, indices, g, encoder] });
  expect(log[5]).toEqual({ name: "zeroRows", args: [allActivationsGrad, states, indices, g, encoder] });
});

test("two devices, and the CPU beside a GPU", () => {
  const gather = (sortedIndices: Tensor, options: object = {}) =>
    GatherTokens.forward(states, sortedIndices as never, options);
  const onOther = { device: other };
  expect(() => gather(there([B, K], { dtype: "int32", ...onOther }))).toThrow(
    /^"sortedIndices" expected a tensor on the same device/,
  );
  expect(() => gather(indices, { out: there([B, K, C], onOther) })).toThrow(
    /^"out" expected a tensor on the same device/,
  );
  const onCPU = tensor(new Float32Array(B * K * C), [B, K, C]);
  expect(() => gather(indices, { out: onCPU })).toThrow(/^"out" expected a GPU tensor, got a CPU tensor/);
  expect(() => ScatterTokens.forward(states, onCPU as never, indices)).toThrow(
    /^"layerActivations" expected a GPU/,
  );
  const rows = tensor(Int32Array.of(0, 1, 3, 4), [B, K]);
  expect(() => ScatterTokens.forward(here, part as never, rows)).toThrow(
    /^"layerActivations" expected a CPU/,
  );
  expect(() => GatherTokens.forward(here, indices)).toThrow(/^"sortedIndices" expected a CPU tensor/);
  expect(() => tokenSort(indices as never, S)).toThrow(/^"indices" expected a CPU tensor, got a GPU tensor/);
  expect(log).toEqual([]);
});

test("what is written begins at a whole word, and adds float32 alone", () => {
  const bytes = { dtype: "uint8" } as const;
  const gather = (byteOffset: number) => () =>
    GatherTokens.forward(there([B, S, C], bytes), indices, {
      out: there([B, K, C], { ...bytes, byteOffset }),
    });
  expect(gather(4)).not.toThrow();
  for (const offset of [1, 2, 6]) expect(gather(offset)).toThrow(/^"out" expected a byteOffset/);
  const add = (dtype: "float32" | "float64") => () =>
    GatherTokens.backward(there([B, K, C], { dtype }), indices, {
      seqLength: S,
      accumulateInto: there([B, S, C], { dtype }),
    });
  expect(add("float32")).not.toThrow();
  expect(add("float64")).toThrow(/^"accumulateInto" expected float32/);
});

test("windows of one buffer are disjoint where no byte is shared", () => {
  const { buffer } = states;
  const gather = (byteOffset: number) => () =>
    GatherTokens.forward(states, indices, { out: there([B, K, C], { buffer, byteOffset }) });
  const end = 4 * B * S * C;
  expect(gather(end)).not.toThrow();
  expect(gather(end - 4)).toThrow(/^"out" expected memory that no input shares/);
});

test("an encoder is one of WebGPU's, beside GPU tensors only", () => {
  const gather =
    (given: unknown, x: Tensor = states) =>
    () =>
      GatherTokens.forward(x, indices, { encoder: given as GPUCommandEncoder });
  expect(gather({})).toThrow(/^"encoder" expected a GPUCommandEncoder/);
  expect(gather(1)).toThrow(/^"encoder" expected a GPUCommandEncoder/);
  expect(gather(encoder, here)).toThrow(/^"encoder" expected no encoder with CPU tensors/);
});

test("masks: by their own operations, and maskMode has no default", () => {
  const mask = there([1, 4, S, S]);
  const geometry = { maskBatch: 1, heads: 4, query: S, seq: S, retained: K, elementBytes: 4 };
  expect(maskGather(mask, indices, { encoder }).shape).toEqual([B, 4, K, K]);
  expect(log[0].args.slice(1)).toEqual([mask, indices, { ...geometry, layers: 1, batch: B }, encoder]);
  expect(maskSlice(mask, K, { encoder }).shape).toEqual([1, 4, K, K]);
  expect(log[1].args.slice(1)).toEqual([mask, geometry, encoder]);
  const options = { reservedLength: K, seqLength: S, batchSize: B, seed: 1, attnMask: mask };
  expect(() => gptSampleTokens(options as never)).toThrow(/^"maskMode" expected/);
  expect(gptSampleTokens({ ...options, maskMode: "slice-unchecked" }).newMask!.shape).toEqual([1, 4, K, K]);
});

test("layerOf is a view of the same buffer", () => {
  const sampled = there([3, B, K], { dtype: "int32", byteOffset: 16 });
  const layer = layerOf(sampled, 2);
  expect(layer).toEqual({ ...sampled, shape: [B, K], byteOffset: 16 + 2 * 4 * B * K });
  expect(layer.buffer).toBe(sampled.buffer);
});

test("random-ltd/webgpu refuses states on the CPU, whether or not tokens are dropped", () => {
  const layer = new OnGPU((h: Tensor) => h, makeScheduler({ ids: [0], model_mask_name: null }), 0);
  layer.eval();
  expect(layer.forward(states)).toBe(states);
  expect(() => layer.forward(here as never)).toThrow(TypeError);
  expect(() => layer.forward(here as never)).toThrow(/^"hiddenStates" expected a GPU tensor/);
});

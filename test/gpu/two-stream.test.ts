/** The block of test/routing/two-stream.ts as shaders, under the wrapper: values and gradients are those in float64. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type BackwardOptions,
  type CPUTensor,
  convertToRandomLTD,
  dispose,
  type ForwardOptions,
  type GPUTensor,
  type Kwargs,
  tensor,
  toCPU,
  toGPU,
} from "../../src/index.ts";
import { makeScheduler } from "../routing/settings.ts";
import { noise } from "../routing/tiny.ts";
import { STREAMS, TwoStreamBlock } from "../routing/two-stream.ts";
import { openDevice, whyNoDawn } from "./dawn.ts";
import type { HeardDevice } from "./hear.ts";

const [B, S, M, C, K] = [2, 9, 4, 3, 4];

// One thread for each row of the batch and each channel. Weights are [a, b, c, d], each [C].
const COMMON = (names: readonly string[]) => `
${names.map((name, i) => `@group(0) @binding(${i}) var<storage, read_write> ${name}: array<f32>;`).join("\n")}
fn at(r: u32, n: u32, i: u32, c: u32) -> u32 { return (r * n + i) * ${C} + c; }
@compute @workgroup_size(${C}) fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) c: u32) {
  let r = id.x;
  let n = arrayLength(&h) / ${B * C};
  let m = arrayLength(&e) / ${B * C};
  var image = 0f;
  var text = 0f;
  for (var i = 0u; i < n; i++) { image += h[at(r, n, i, c)] / f32(n); }
  for (var i = 0u; i < m; i++) { text += e[at(r, m, i, c)] / f32(m); }
  let own = array(w[c], w[${C} + c], w[${2 * C} + c], w[${3 * C} + c]);
`;
const FORWARD = ["h", "e", "w", "hOut", "eOut"];
const BACKWARD = ["h", "e", "w", "gh", "ge", "dh", "de", "dw"];
const forwardShader = `${COMMON(FORWARD)}
  for (var i = 0u; i < n; i++) { let p = at(r, n, i, c); hOut[p] = h[p] + tanh(h[p] * own[0] + text * own[1]); }
  for (var i = 0u; i < m; i++) { let p = at(r, m, i, c); eOut[p] = e[p] + tanh(e[p] * own[2] + image * own[3]); }
}`;
// dw is [B,4,C], summed over the rows of the batch where it is read.
const backwardShader = `${COMMON(BACKWARD)}
  var sums = array(0f, 0f, 0f, 0f);
  var dText = 0f;
  var dImage = 0f;
  for (var i = 0u; i < n; i++) {
    let p = at(r, n, i, c);
    let t = tanh(h[p] * own[0] + text * own[1]);
    let d = gh[p] * (1 - t * t);
    dh[p] = gh[p] + d * own[0];
    sums[0] += d * h[p];
    sums[1] += d * text;
    dText += d * own[1];
  }
  for (var i = 0u; i < m; i++) {
    let p = at(r, m, i, c);
    let t = tanh(e[p] * own[2] + image * own[3]);
    let d = ge[p] * (1 - t * t);
    de[p] = ge[p] + d * own[2];
    sums[2] += d * e[p];
    sums[3] += d * image;
    dImage += d * own[3];
  }
  for (var i = 0u; i < n; i++) { dh[at(r, n, i, c)] += dImage / f32(n); }
  for (var i = 0u; i < m; i++) { de[at(r, m, i, c)] += dText / f32(m); }
  for (var k = 0u; k < 4; k++) { dw[(r * 4 + k) * ${C} + c] = sums[k]; }
}`;

const reason = whyNoDawn();
describe.skipIf(reason)(`a block of two streams on GPU tensors ${reason ?? ""}`, () => {
  let heard: HeardDevice;
  let pipelines: Record<"forward" | "backward", GPUComputePipeline>;
  const put = (data: ArrayLike<number>, shape: readonly number[]) =>
    toGPU(tensor(Float32Array.from(data), shape), heard.device);
  const empty = (shape: readonly number[]) => put(new Float32Array(shape.reduce((a, b) => a * b)), shape);

  beforeAll(async () => {
    heard = await openDevice();
    const pipeline = (code: string) =>
      heard.device.createComputePipeline({
        layout: "auto",
        compute: { module: heard.device.createShaderModule({ code }) },
      });
    pipelines = { forward: pipeline(forwardShader), backward: pipeline(backwardShader) };
  });
  afterAll(() => heard.close());

  function dispatch(kind: keyof typeof pipelines, tensors: GPUTensor[], given?: GPUCommandEncoder): void {
    const { device } = heard;
    const encoder = given ?? device.createCommandEncoder();
    const entries = tensors.map(({ buffer, byteOffset, shape }, binding) => ({
      binding,
      resource: { buffer, offset: byteOffset, size: 4 * shape.reduce((a, b) => a * b) },
    }));
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipelines[kind]);
    pass.setBindGroup(0, device.createBindGroup({ layout: pipelines[kind].getBindGroupLayout(0), entries }));
    pass.dispatchWorkgroups(B);
    pass.end();
    if (given === undefined) device.queue.submit([encoder.finish()]);
  }

  class GPUBlock {
    readonly weights: GPUTensor;
    readonly dw: GPUTensor = empty([B, 4, C]);
    #saved: GPUTensor[] = [];
    constructor(weights: Float64Array[]) {
      this.weights = put(
        weights.flatMap((w) => [...w]),
        [4, C],
      );
    }
    forward(h: GPUTensor, kwargs: Kwargs, { encoder }: ForwardOptions): GPUTensor[] {
      const e = kwargs.encoder_hidden_states as GPUTensor;
      const [hOut, eOut] = [empty(h.shape), empty(e.shape)];
      this.#saved = [h, e];
      dispatch("forward", [h, e, this.weights, hOut, eOut], encoder);
      return [eOut, hOut];
    }
    backward(grads: unknown, { encoder }: BackwardOptions): GPUTensor[] {
      const [ge, gh] = grads as GPUTensor[];
      const [h, e] = this.#saved;
      const [dh, de] = [empty(h.shape), empty(e.shape)];
      dispatch("backward", [h, e, this.weights, gh, ge, dh, de, this.dw], encoder);
      return [de, dh];
    }
  }

  function expectClose(got: ArrayLike<number>, wanted: ArrayLike<number>): void {
    expect(got.length).toBe(wanted.length);
    const far = Array.from(got, (x, i) => Math.abs(x - wanted[i]) / (1 + Math.abs(wanted[i])));
    // Rounding of float32, and tanh, which WGSL lets be off by some 2^-11 of its inherited error; seen 2e-7.
    expect(Math.max(...far)).toBeLessThan(1e-5);
  }

  test.each([
    ["layer by layer", [], false, false],
    ["a route, all in one encoder", [[1, 3]], true, false],
    ["a route and a layer, indices on the GPU", [[2, 3]], false, true],
  ] as [string, [number, number][], boolean, boolean][])("%s", async (_, routes, recorded, ownIndices) => {
    const scheduler = () =>
      makeScheduler({ layers: 5, ids: [1, 2, 3], min: K, max: S, model_mask_name: null });
    const options = { outputs: STREAMS, routes };
    const blocks = [1, 2, 3, 4, 5].map((seed) => new TwoStreamBlock(C, seed));
    const hand = convertToRandomLTD<CPUTensor, CPUTensor[]>(blocks, scheduler(), options);
    const [x, y] = [tensor(noise(B * S * C, 1), [B, S, C]), tensor(noise(B * M * C, 2), [B, M, C])];
    const outs = hand.forward(x, { encoder_hidden_states: y });
    const grads = hand.backward(outs) as CPUTensor[];

    const layers = blocks.map(({ weights }) => new GPUBlock(weights));
    const stack = convertToRandomLTD<GPUTensor, GPUTensor[]>(layers, scheduler(), options);
    const encoder = recorded ? heard.device.createCommandEncoder() : undefined;
    const indices = new Map<number, GPUTensor>();
    if (ownIndices) for (const [l, t] of stack.sample(B, S)) indices.set(l, toGPU(t, heard.device));
    const indicesOf = ownIndices ? (ordinal: number) => indices.get(ordinal) : undefined;
    const given = { encoder_hidden_states: put(y.data as Float64Array, y.shape) };
    const gpuOuts = stack.forward(put(x.data as Float64Array, x.shape), given, { encoder, indicesOf });
    const gpuGrads = stack.backward(gpuOuts, { encoder }) as GPUTensor[];
    if (encoder) heard.device.queue.submit([encoder.finish()]);

    for (const [got, wanted] of [
      ...gpuOuts.map((t, i) => [t, outs[i]] as const),
      ...gpuGrads.map((t, i) => [t, grads[i]] as const),
    ]) {
      expect(got.shape).toEqual(wanted.shape);
      expectClose((await toCPU(got)).data as Float32Array, wanted.data as Float64Array);
      dispose(got);
    }
    for (const [i, { dw }] of layers.entries()) {
      const rows = (await toCPU(dw)).data as Float32Array;
      const sums = Array.from({ length: 4 * C }, (_, j) => rows[j] + rows[4 * C + j]);
      expectClose(
        sums,
        blocks[i].grads.flatMap((g) => [...g]),
      );
    }
    await heard.check();
  });
});

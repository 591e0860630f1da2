/**
 * The wrapper on tensors that bring their own operations, as GPU tensors do. Here those operations run on the CPU and
 * write down what they are called with, so that no device is needed.
 */
import { expect, test } from "vitest";
import { referenceMasks } from "../../src/backends/reference/masks.ts";
import { referenceTokens } from "../../src/backends/reference/tokens.ts";
import {
  type CPUTensor,
  convertToRandomLTD,
  type GPUTensor,
  type Kwargs,
  RandomLayerTokenDrop,
  type Tensor,
  tensor,
} from "../../src/index.ts";
import { makeScheduler } from "./settings.ts";
import { noise } from "./tiny.ts";

const log: { name: string; encoder: unknown }[] = [];
/** Tensors with a buffer of their own, which `dispose` could free: no view is among them. */
const made = new WeakSet<object>();
const device = {} as GPUDevice;

/** A tensor "elsewhere" with the contents of one here. */
function put(t: CPUTensor): GPUTensor {
  const bytes = new Uint8Array(t.data.buffer, t.data.byteOffset, t.data.byteLength).slice();
  return { buffer: bytes as never, byteOffset: 0, shape: t.shape, dtype: t.dtype, device, operations };
}

/** The same memory as a CPU tensor. */
function get(t: Tensor): CPUTensor {
  if (!("operations" in t)) return t;
  const bytes = (t.buffer as unknown as Uint8Array).buffer;
  const count = t.shape.reduce((x, y) => x * y, 1);
  const Kind = { float32: Float32Array, float64: Float64Array, int32: Int32Array, uint8: Uint8Array }[
    t.dtype as "float32"
  ];
  return tensor(new Kind(bytes as ArrayBuffer, t.byteOffset, count), t.shape);
}

/** An operation of the reference, its tensors brought here and its encoder written down. */
const recorded =
  (name: string, method: (...args: any[]) => void) =>
  (...args: any[]) => {
    log.push({ name, encoder: args.at(-1)?.beginComputePass ? args.at(-1) : undefined });
    method(...args.map((arg) => (arg?.shape ? get(arg) : arg)));
  };
const operations = {
  ...Object.fromEntries(
    Object.entries({ ...referenceTokens, ...referenceMasks }).map(([name, method]) => [
      name,
      recorded(name, method as never),
    ]),
  ),
  empty(_: GPUDevice, shape: number[], dtype: "float32") {
    const t = put({ data: new Uint8Array(shape.reduce((x, y) => x * y, 1) * 4), shape, dtype } as CPUTensor);
    made.add(t);
    return t;
  },
  view: (t: GPUTensor, byteOffset: number, shape: number[]) => ({ ...t, byteOffset, shape }),
} as unknown as GPUTensor["operations"];

const [B, S, C, K] = [3, 8, 4, 5];
const floats = (n: number, seed: number) => Float32Array.from(noise(n, seed));
const encoder = { beginComputePass() {} } as unknown as GPUCommandEncoder;
const doubled = (t: Tensor) => {
  const here = get(t);
  const out = tensor(
    (here.data as Float32Array).map((x) => 2 * x),
    here.shape,
  );
  return "operations" in t ? put(out) : out;
};

test("runs where the states live, forward and back, recording into the caller's encoder", () => {
  const seen: Kwargs[] = [];
  const layer = {
    forward(h: Tensor, kwargs: Kwargs, options: { encoder?: GPUCommandEncoder }) {
      seen.push({ ...kwargs, encoder: options.encoder });
      return doubled(h);
    },
    backward: (g: Tensor) => doubled(g),
  };
  const scheduler = makeScheduler({ layers: 2, ids: [0, 1], min: K, max: S, model_type: "encoder" });
  const hidden = tensor(floats(B * S * C, 1), [B, S, C]);
  const grad = tensor(floats(B * S * C, 2), [B, S, C]);
  const mask = tensor(floats(B * S * S, 3), [B, 1, S, S]);
  const rope = tensor(floats(S * 2, 4), [S, 2]);
  const ids = tensor(new Int32Array(B * S), [B, S]);
  const run = (move: (t: CPUTensor) => Tensor, options: object, moveIds = (t: CPUTensor): Tensor => t) => {
    const stack = convertToRandomLTD<Tensor, Tensor>([layer, layer], scheduler, {
      alongSequence: { rope: "seq_dim", ids: "batch_seq_dim" },
    });
    const kwargs = {
      attention_mask: move(mask),
      rope: move(rope),
      ids: moveIds(ids),
    };
    const out = stack.forward(move(hidden), kwargs, options);
    const back = stack.backward(move(grad), { inPlace: true, ...options });
    return [out, back, seen.at(-1)!.attention_mask, seen.at(-1)!.rope] as Tensor[];
  };
  const expected = run((t) => tensor(t.data.slice(), t.shape), {});
  expect(log).toEqual([]);
  const actual = run(put, { encoder });
  expect(actual.every((t) => "operations" in t)).toBe(true);
  for (const [i, t] of actual.entries()) expect(get(t)).toEqual(get(expected[i]));
  expect(seen.at(-1)!.encoder).toBe(encoder);
  expect("operations" in (seen.at(-1)!.ids as Tensor)).toBe(false); // what lives here stays here
  expect(log.length).toBe(2 * 4 + 2 * 2); // a layer: mask, table, gather and scatter; back: two
  expect(log.every((entry) => entry.encoder === encoder)).toBe(true);

  // Indices put there once for all layers give the same again.
  const drawn = convertToRandomLTD<Tensor, Tensor>([layer, layer], scheduler).sample(B, S);
  const there = new Map([...drawn].map(([ordinal, t]) => [ordinal, put(t)]));
  expect([...there.keys()]).toEqual([0, 1]);
  const indicesOf = (ordinal: number) => there.get(ordinal);
  const given = run(put, { encoder, indicesOf }, put);
  for (const [i, t] of given.entries()) expect(get(t)).toEqual(get(expected[i]));
  // Then nothing that lives here can be gathered by them.
  expect(() => run(put, { encoder, indicesOf })).toThrow(
    '"ids" expected a GPU tensor, as the indices are on the GPU',
  );
});

test("a shared table in the way of [S,B,C] is a tensor of its own, whatever the batch", () => {
  const scheduler = makeScheduler({
    ids: [1, 2],
    min: K,
    max: S,
    model_mask_name: null,
    hidden_state_order: "seq_batch_dim",
  });
  const options = { alongSequence: { rope: "seq_dim" } } as const;
  let rope: Tensor | undefined;
  const layer = (h: Tensor, kwargs: Kwargs) => {
    rope = kwargs.rope as Tensor;
    return h;
  };
  const wrapped = new RandomLayerTokenDrop(layer, scheduler, 0, options);
  for (const batch of [2, 1]) {
    const hidden = put(tensor(floats(S * batch * C, 1), [S, batch, C]));
    expect(wrapped.forward(hidden, { rope: put(tensor(floats(S, 4), [S])) }).shape).toEqual([S, batch, C]);
    expect(rope!.shape).toEqual([K, batch]);
    const { data } = wrapped.sample(batch, S)!;
    const expected = Float32Array.from({ length: K * batch }, (_, i) => {
      const [k, b] = [Math.floor(i / batch), i % batch];
      return floats(S, 4)[data[b * K + k]];
    });
    expect(get(rope!).data).toEqual(expected);
    expect(made.has(rope!)).toBe(true);
  }
});

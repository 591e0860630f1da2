/** What the library makes on a device, counted by standing between it and the device's own methods. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import {
  dispose,
  GatherTokens,
  type GPUTensor,
  layerOf,
  maskGather,
  ScatterTokens,
  tensor,
  toCPU,
  toGPU,
} from "../../src/index.ts";
import { bytesOf, expectBytes, indexTensor } from "../suites/data.ts";
import { random } from "./check.ts";
import { openDevice, whyNoDawn } from "./dawn.ts";
import type { HeardDevice } from "./hear.ts";

/** Counts what a device is asked for, from now on. */
function counting(device: GPUDevice) {
  const counts = { created: 0, createdBytes: 0, destroyed: 0, destroyedBytes: 0, maps: 0, submissions: 0 };
  const made: WeakRef<GPUBuffer>[] = [];
  const { createBuffer } = device;
  const { submit } = device.queue;
  device.createBuffer = (descriptor) => {
    const buffer = createBuffer.call(device, descriptor);
    counts.created++;
    counts.createdBytes += descriptor.size;
    made.push(new WeakRef(buffer));
    const { destroy, mapAsync } = buffer;
    buffer.destroy = () => {
      counts.destroyed++;
      counts.destroyedBytes += descriptor.size;
      return destroy.call(buffer);
    };
    buffer.mapAsync = (...args) => {
      counts.maps++;
      return mapAsync.apply(buffer, args);
    };
    return buffer;
  };
  device.queue.submit = (buffers) => {
    counts.submissions++;
    return submit.call(device.queue, buffers);
  };
  const stop = () => {
    device.createBuffer = createBuffer;
    device.queue.submit = submit;
  };
  return { counts, made, stop };
}

const reason = whyNoDawn();

describe.skipIf(reason)(`what a device is asked for${reason ? ` (not here: ${reason})` : ""}`, () => {
  let heard: HeardDevice;
  let device: GPUDevice;
  beforeAll(async () => {
    heard = await openDevice();
    device = heard.device;
  });
  afterEach(() => heard.check());
  afterAll(() => heard.close());

  const [layers, batch, seq, kept, channels] = [12, 2, 64, 32, 48];

  function trainingTensors() {
    const on = (tokens: number, seed: number) =>
      toGPU(random("float32", [batch, tokens, channels], seed, true), device);
    return {
      hidden: on(seq, 1),
      grad: on(seq, 2),
      part: on(kept, 3),
      partGrad: on(kept, 4),
      hiddenAfter: on(seq, 5),
      allActivationsGrad: on(seq, 6),
      indices: toGPU(indexTensor([layers, batch, kept], seq, "random", 1), device),
    };
  }

  /** Gather, scatter and the backward of both, for every layer, into tensors that are there. */
  function step(t: ReturnType<typeof trainingTensors>, encoder?: GPUCommandEncoder): void {
    for (let l = 0; l < layers; l++) {
      const idx = layerOf(t.indices, l);
      GatherTokens.forward(t.hidden, idx, { out: t.part, encoder });
      ScatterTokens.forward(t.hidden, t.part, idx, { out: t.hiddenAfter, encoder });
    }
    for (let l = layers - 1; l >= 0; l--) {
      const idx = layerOf(t.indices, l);
      const out = { allActivationsGrad: t.allActivationsGrad, layerActivationsGrad: t.partGrad };
      ScatterTokens.backward(t.grad, idx, { out, encoder });
      GatherTokens.backward(t.partGrad, idx, {
        seqLength: seq,
        accumulateInto: t.allActivationsGrad,
        encoder,
      });
      ScatterTokens.forward(t.grad, t.partGrad, idx, { inPlace: true, encoder });
    }
  }

  test("a training step after the first: no buffer, no mapping, one submission with an encoder", async () => {
    const t = trainingTensors();
    step(t);
    const { counts, stop } = counting(device);
    for (let i = 0; i < 3; i++) {
      const encoder = device.createCommandEncoder();
      step(t, encoder);
      device.queue.submit([encoder.finish()]);
      expect(counts).toMatchObject({ created: 0, destroyed: 0, maps: 0, submissions: i + 1 });
    }
    step(t);
    expect(counts).toMatchObject({ created: 0, destroyed: 0, maps: 0 });
    stop();
    for (const each of Object.values(t)) dispose(each);
  });

  test("CPU indices, call by call: uploaded into one buffer", () => {
    const t = trainingTensors();
    const indices = indexTensor([batch, kept], seq, "random", 9);
    GatherTokens.forward(t.hidden, indices, { out: t.part });
    const { counts, stop } = counting(device);
    for (let i = 0; i < 100; i++) {
      GatherTokens.forward(t.hidden, indexTensor([batch, kept], seq, "random", i), { out: t.part });
    }
    expect(counts).toMatchObject({ created: 0, maps: 0, submissions: 100 });
    stop();
    for (const each of Object.values(t)) dispose(each);
  });

  test("memory is level over 10,000 steps of changing K", { timeout: 300_000 }, async () => {
    const [S, C] = [1000, 4];
    const x = toGPU(random("float32", [1, S, C], 1), device);
    const y = toGPU(random("float32", [1, S, C], 2), device);
    const { counts, stop } = counting(device);
    let level = 0;
    let most = 0;
    for (let i = 0; i < 10_000; i++) {
      const K = 1 + ((i * 37) % S);
      const positions = tensor(
        Int32Array.from({ length: K }, (_, k) => k + (i % (S - K + 1))),
        [1, K],
      );
      const part = GatherTokens.forward(x, positions);
      ScatterTokens.forward(y, part, positions, { inPlace: true });
      dispose(part);
      const held = counts.createdBytes - counts.destroyedBytes;
      if (i === 1000) level = held;
      if (i > 1000) most = Math.max(most, held);
      if (i % 500 === 0) await device.queue.onSubmittedWorkDone();
    }
    expect(most - level).toBeLessThanOrEqual(2.5 * 2 ** 20); // parameters of 8192 dispatches are kept, and no more
    expect(counts.maps).toBe(0);
    stop();
    for (const t of [x, y]) dispose(t);
  });

  test("what an encoder recorded is not destroyed, and goes with it", async () => {
    setFlagsFromString("--expose-gc");
    const collect: () => void = runInNewContext("gc");
    const x = toGPU(random("uint8", [1, 3000, 3], 1), device);
    const { counts, made, stop } = counting(device);
    const outs: GPUTensor[] = [];
    const record = () => {
      for (let i = 0; i < 20; i++) {
        const encoder = device.createCommandEncoder();
        outs.push(GatherTokens.forward(x, indexTensor([1, 2000], 3000, "random", i), { encoder }));
        if (i % 2 === 0) device.queue.submit([encoder.finish()]);
      }
    };
    record();
    expect(counts.destroyed).toBe(0);
    const results = new Set(outs.map((out) => out.buffer));
    for (let i = 0; i < 10; i++) {
      await new Promise((done) => setTimeout(done, 10));
      collect();
    }
    const left = made.filter((ref) => {
      const buffer = ref.deref();
      return buffer !== undefined && !results.has(buffer);
    });
    // One slab of parameters may be new; the uploads of 20 encoders are not there any more.
    expect(left.length).toBeLessThanOrEqual(3);
    stop();
    for (const t of [x, ...outs]) dispose(t);
  });

  test("an encoder that waits, while others grow everything that the library keeps", {
    timeout: 300_000,
  }, async () => {
    const all = random("uint8", [2, 30, 3], 1);
    const part = random("uint8", [2, 7, 3], 2);
    const indices = indexTensor([2, 7], 30, "random", 3);
    const encoder = device.createCommandEncoder();
    const [x, y] = [toGPU(all, device), toGPU(part, device)];
    const out = ScatterTokens.forward(x, y, indices, { encoder });
    ScatterTokens.forward(x, y, indices, { encoder, inPlace: true });
    for (const seq of [5000, 50_000, 500_000]) {
      const large = toGPU(random("uint8", [1, seq, 3], 1), device);
      dispose(
        GatherTokens.backward(large, indexTensor([1, seq], 2 * seq, "random", 1), { seqLength: 2 * seq }),
      );
      dispose(large);
    }
    for (let K = 1; K < 3000; K++) {
      const positions = tensor(
        Int32Array.from({ length: K }, (_, k) => k),
        [1, K],
      );
      const large = toGPU(random("uint8", [1, 3000, 1], 1), device);
      for (const t of [
        large,
        GatherTokens.forward(large, positions),
        ScatterTokens.backward(large, positions),
      ].flatMap((t) => ("buffer" in t ? [t] : [t.allActivationsGrad, t.layerActivationsGrad]))) {
        dispose(t);
      }
    }
    device.queue.submit([encoder.finish()]);
    const expected = bytesOf(ScatterTokens.forward(all, part, indices));
    expectBytes(bytesOf(await toCPU(out)), expected, "the copy");
    expectBytes(bytesOf(await toCPU(x)), expected, "in place");
    for (const t of [x, y, out]) dispose(t);
  });

  test("masks of several layers, recorded", async () => {
    const mask = random("float32", [1, 1, 20, 20], 1);
    const indices = indexTensor([3, 2, 5], 20, "random", 2);
    const encoder = device.createCommandEncoder();
    const m = toGPU(mask, device);
    const out = maskGather(m, indices, { encoder });
    device.queue.submit([encoder.finish()]);
    expectBytes(bytesOf(await toCPU(out)), bytesOf(maskGather(mask, indices)), "masks");
    for (const t of [m, out]) dispose(t);
  });
});

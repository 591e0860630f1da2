/** What the library makes on a device, counted by standing between it and the device's own methods. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import {
  type CPUTensor,
  dispose,
  GatherTokens,
  type GPUTensor,
  gpuTensor,
  layerOf,
  maskGather,
  ScatterTokens,
  type Tensor,
  tensor,
  toCPU,
  toGPU,
} from "../../src/index.ts";
import type { IndexTensor } from "../../src/types.ts";
import { bytesOf, expectBytes, indexTensor } from "../suites/data.ts";
import { random } from "./check.ts";
import { openDevice } from "./dawn.ts";
import { describeOnDawn } from "./on-dawn.ts";

/** Counts what a device is asked for, from now on. */
function counting(device: GPUDevice) {
  const counts = {
    ...{ created: 0, createdBytes: 0, destroyed: 0, destroyedBytes: 0, maps: 0 },
    ...{ submissions: 0, workgroups: 0, copies: 0, clearedBytes: 0 },
  };
  const made: WeakRef<GPUBuffer>[] = [];
  const { createBuffer, createCommandEncoder } = device;
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
  device.createCommandEncoder = (descriptor) => {
    const encoder = createCommandEncoder.call(device, descriptor);
    const { beginComputePass, copyBufferToBuffer, clearBuffer } = encoder;
    encoder.beginComputePass = (about) => {
      const pass = beginComputePass.call(encoder, about);
      const { dispatchWorkgroups } = pass;
      pass.dispatchWorkgroups = (x, y = 1, z = 1) => {
        counts.workgroups += x * y * z;
        return dispatchWorkgroups.call(pass, x, y, z);
      };
      return pass;
    };
    encoder.copyBufferToBuffer = (...args: any[]) => {
      counts.copies++;
      return (copyBufferToBuffer as any).apply(encoder, args);
    };
    encoder.clearBuffer = (buffer, offset = 0, size = buffer.size - offset) => {
      counts.clearedBytes += size;
      return clearBuffer.call(encoder, buffer, offset, size);
    };
    return encoder;
  };
  device.queue.submit = (buffers) => {
    counts.submissions++;
    return submit.call(device.queue, buffers);
  };
  const stop = () => {
    device.createBuffer = createBuffer;
    device.createCommandEncoder = createCommandEncoder;
    device.queue.submit = submit;
  };
  return { counts, made, stop };
}

let device: GPUDevice;
const take = (opened: GPUDevice) => {
  device = opened;
};

describeOnDawn("what a device is asked for", take, () => {
  const [layers, batch, seq, kept, channels] = [2, 8, 2048, 1024, 768];

  /** What a step moves, of states of 50 MB: whatever it only writes is empty. */
  function trainingTensors(): Record<string, CPUTensor> {
    const shape = (tokens: number) => [batch, tokens, channels];
    const numbers = (tokens: number, seed: number) => {
      const t = random("float32", [1, 1, 2 ** 16], seed, true);
      const data = new Float32Array(batch * tokens * channels);
      // A prime apart, so that no two rows are alike.
      for (let i = 0; i < data.length; i += 65_521)
        data.set(t.data.subarray(0, Math.min(65_521, data.length - i)), i);
      return tensor(data, shape(tokens));
    };
    const empty = (tokens: number) => tensor(new Float32Array(batch * tokens * channels), shape(tokens));
    return {
      hidden: numbers(seq, 1),
      grad: numbers(seq, 2),
      layerOut: numbers(kept, 3),
      layerGrad: numbers(kept, 4),
      part: empty(kept),
      partGrad: empty(kept),
      hiddenAfter: empty(seq),
      allActivationsGrad: empty(seq),
      indices: indexTensor([layers, batch, kept], seq, "random", 1),
    };
  }

  /** Gather, scatter and the backward of both, for every layer, into tensors that are there. */
  function step<T extends Tensor>(t: Record<string, T>, encoder?: GPUCommandEncoder): void {
    for (let l = 0; l < layers; l++) {
      const idx = layerOf(t.indices, l);
      GatherTokens.forward(t.hidden, idx as IndexTensor, { out: t.part, encoder });
      ScatterTokens.forward(t.hidden, t.layerOut, idx as IndexTensor, { out: t.hiddenAfter, encoder });
    }
    for (let l = layers - 1; l >= 0; l--) {
      const idx = layerOf(t.indices, l);
      const out = { allActivationsGrad: t.allActivationsGrad, layerActivationsGrad: t.partGrad };
      ScatterTokens.backward(t.grad, idx as IndexTensor, { out, encoder });
      const accumulateInto = t.allActivationsGrad;
      GatherTokens.backward(t.layerGrad, idx as IndexTensor, { seqLength: seq, accumulateInto, encoder });
      ScatterTokens.forward(t.grad, t.layerGrad, idx as IndexTensor, { inPlace: true, encoder });
    }
  }

  test("a training step of B 8, S 2048, C 768 after the first: no buffer, no mapping, one submission with an encoder", {
    timeout: 600_000,
  }, async () => {
    const onCPU = trainingTensors();
    const t = Object.fromEntries(Object.entries(onCPU).map(([name, each]) => [name, toGPU(each, device)]));
    step(t);
    const { counts, stop } = counting(device);
    const encoder = device.createCommandEncoder();
    step(t, encoder);
    expect(counts.submissions).toBe(0);
    device.queue.submit([encoder.finish()]);
    expect(counts).toMatchObject({ created: 0, destroyed: 0, maps: 0, submissions: 1, copies: 0 });
    step(t);
    expect(counts).toMatchObject({ created: 0, destroyed: 0, maps: 0, copies: 0 });
    stop();
    // From the second on, every step gives the same.
    for (let i = 0; i < 2; i++) step(onCPU);
    for (const [name, each] of Object.entries(t)) {
      expectBytes(bytesOf(await toCPU(each)), bytesOf(onCPU[name]), name);
      dispose(each);
    }
  });

  test("in place, a scatter's and an accumulation's work grows with K and not with S", () => {
    const [K, C] = [512, 64];
    const work = (
      S: number,
      K: number,
      run: (all: GPUTensor, part: GPUTensor, indices: GPUTensor) => void,
    ) => {
      const [all, part] = [S, K].map((n) => toGPU(tensor(new Float32Array(n * C), [1, n, C]), device));
      const indices = toGPU(indexTensor([1, K], S, "even", 1), device);
      const { counts, stop } = counting(device);
      run(all, part, indices);
      stop();
      for (const t of [all, part, indices]) dispose(t);
      return counts;
    };
    const nothingMoved = { created: 0, copies: 0, clearedBytes: 0 };
    for (const run of [
      (all, part, indices) => ScatterTokens.forward(all, part, indices, { inPlace: true }),
      (all, part, indices) =>
        GatherTokens.backward(part, indices, { seqLength: all.shape[1], accumulateInto: all }),
    ] as Parameters<typeof work>[2][]) {
      const short = work(1024, K, run);
      expect(short).toMatchObject(nothingMoved);
      expect(work(64 * 1024, K, run)).toEqual(short);
      expect(work(64 * 1024, 8 * K, run).workgroups).toBe(8 * short.workgroups);
    }
    // What a scatter into a copy costs, seen by the same count.
    const copying: Parameters<typeof work>[2] = (all, part, indices) =>
      dispose(ScatterTokens.forward(all, part, indices));
    const short = work(1024, K, copying);
    expect(work(64 * 1024, K, copying).workgroups).toBeGreaterThan(32 * short.workgroups);
  });

  test("CPU indices, call by call: uploaded into one buffer", () => {
    const [B, S, K] = [2, 64, 32];
    const x = toGPU(random("float32", [B, S, 48], 1), device);
    const out = toGPU(random("float32", [B, K, 48], 2), device);
    const gather = (seed: number) => GatherTokens.forward(x, indexTensor([B, K], S, "random", seed), { out });
    gather(9);
    const { counts, stop } = counting(device);
    for (let i = 0; i < 100; i++) gather(i);
    expect(counts).toMatchObject({ created: 0, maps: 0, submissions: 100 });
    stop();
    for (const t of [x, out]) dispose(t);
  });

  test("memory is level over 3000 steps of changing K", { timeout: 300_000 }, async () => {
    const [S, C] = [1000, 4];
    const x = toGPU(random("float32", [1, S, C], 1), device);
    const y = toGPU(random("float32", [1, S, C], 2), device);
    const { counts, stop } = counting(device);
    const held = () => [counts.createdBytes - counts.destroyedBytes, counts.created - counts.destroyed];
    let level: number[] = [];
    for (let i = 0; i < 3000; i++) {
      const K = 1 + ((i * 37) % S);
      const positions = tensor(
        Int32Array.from({ length: K }, (_, k) => k + (i % (S - K + 1))),
        [1, K],
      );
      const part = GatherTokens.forward(x, positions);
      ScatterTokens.forward(y, part, positions, { inPlace: true });
      dispose(part);
      // Every K has come by then, and what the library keeps for it is there.
      if (i === S) level = held();
      if (i > S) expect(held()).toEqual(level);
      if (i % 500 === 0) await device.queue.onSubmittedWorkDone();
    }
    expect(level[0]).toBeLessThan(2 ** 20);
    expect(counts.maps).toBe(0);
    stop();
    for (const t of [x, y]) dispose(t);
  });

  test("what grows is let go of: uploaded indices, and maps of rows", async () => {
    const fresh = await openDevice();
    const lengths = [1000, 4000, 16_000, 64_000];
    const tensors = lengths.map((S) =>
      [S, S / 2].map((n) => toGPU(random("uint8", [1, n, 3], n), fresh.device)),
    );
    const { counts } = counting(fresh.device);
    const live = tensors.map(([all, part], i) => {
      const indices = indexTensor([1, lengths[i] / 2], lengths[i], "random", 3);
      dispose(ScatterTokens.forward(all, part, indices));
      return counts.created - counts.destroyed;
    });
    // Indices, map and parameters, of which the first two grow each time.
    expect(counts.created - lengths.length).toBe(2 * lengths.length + 1);
    expect(live).toEqual([3, 3, 3, 3]);
    await fresh.close();
  });

  /** Dispatches with parameters that no other has; `after` each one, beside so many bytes of its tensors. */
  function dispatchesOfTheirOwn(count: number, after: (bytes: number) => void = () => {}): void {
    const all = toGPU(random("float32", [1, count, 4], 1), device);
    const out = toGPU(random("float32", [1, 1, 4], 2), device);
    const position = toGPU(tensor(new Int32Array(1), [1, 1]), device);
    const bytes = [all, out, position].reduce((sum, { buffer }) => sum + buffer.size, 0);
    for (let S = 1; S <= count; S++) {
      GatherTokens.forward(gpuTensor(all.buffer, [1, S, 4], "float32", { device }), position, { out });
      after(bytes);
    }
    for (const t of [all, out, position]) dispose(t);
  }

  test("parameters of 8192 dispatches are kept, and no more", () => {
    const { counts, stop } = counting(device);
    let most = 0;
    dispatchesOfTheirOwn(12_000, (tensors) => {
      most = Math.max(most, counts.createdBytes - counts.destroyedBytes - tensors);
    });
    stop();
    expect(most).toBeGreaterThan(2 ** 20);
    expect(most).toBeLessThanOrEqual(2 * 2 ** 20 + 64 * 1024);
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
    dispatchesOfTheirOwn(9000);
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

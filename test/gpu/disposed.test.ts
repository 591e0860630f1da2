/** Tensors that were disposed, and views of them: refused by name wherever they are used, and never zeros. */
import { expect, test } from "vitest";
import {
  dispose,
  GatherTokens,
  type GPUTensor,
  gpuTensor,
  layerOf,
  maskGather,
  maskSlice,
  ScatterTokens,
  type Tensor,
  tensor,
  toCPU,
  toGPU,
} from "../../src/index.ts";
import type { IndexTensor } from "../../src/types.ts";
import { openDevice } from "./dawn.ts";
import { describeOnDawn } from "./on-dawn.ts";

let device: GPUDevice;
const take = (opened: GPUDevice) => {
  device = opened;
};

describeOnDawn("disposed tensors", take, () => {
  const [S, K] = [4, 2];
  const numbers = (...shape: number[]) =>
    tensor(
      Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => i + 1),
      shape,
    );
  const positions = tensor(new Int32Array([0, 2]), [1, K]);

  /** Every use of a tensor, by the name that it has there. */
  type Use = [name: string, shape: number[], use: (t: any) => unknown];
  const uses = (): Use[] => {
    const put = (...shape: number[]) => toGPU(numbers(...shape), device);
    const all = put(1, S, 3);
    const part = put(1, K, 3);
    return [
      ["activations", [1, S, 3], (t) => GatherTokens.forward(t, positions)],
      ["out", [1, K, 3], (out) => GatherTokens.forward(all, positions, { out })],
      ["retainedGrad", [1, K, 3], (t) => GatherTokens.backward(t, positions, { seqLength: S })],
      ["out", [1, S, 3], (out) => GatherTokens.backward(part, positions, { seqLength: S, out })],
      [
        "accumulateInto",
        [1, S, 3],
        (accumulateInto) => GatherTokens.backward(part, positions, { seqLength: S, accumulateInto }),
      ],
      ["allActivations", [1, S, 3], (t) => ScatterTokens.forward(t, part, positions)],
      ["allActivations", [1, S, 3], (t) => ScatterTokens.forward(t, part, positions, { inPlace: true })],
      ["layerActivations", [1, K, 3], (t) => ScatterTokens.forward(all, t, positions)],
      ["out", [1, S, 3], (out) => ScatterTokens.forward(all, part, positions, { out })],
      ["outGrad", [1, S, 3], (t) => ScatterTokens.backward(t, positions)],
      ["outGrad", [1, S, 3], (t) => ScatterTokens.backward(t, positions, { inPlace: true })],
      ["out", [1, S, 3], (t) => ScatterTokens.backward(all, positions, { out: { allActivationsGrad: t } })],
      ["out", [1, K, 3], (t) => ScatterTokens.backward(all, positions, { out: { layerActivationsGrad: t } })],
      ["mask", [1, 1, S, S], (t) => maskGather(t, positions)],
      ["mask", [1, 1, S, S], (t) => maskSlice(t, K)],
      ["out", [1, 1, K, K], (out) => maskGather(put(1, 1, S, S), positions, { out })],
      ["out", [1, 1, K, K], (out) => maskSlice(put(1, 1, S, S), K, { out })],
      ["out", [1, S, 3], (out) => toGPU(numbers(1, S, 3), device, { out })],
      ["gpuTensor", [1, S, 3], (t) => toCPU(t)],
    ];
  };

  const refusal = (name: string) => `"${name}" expected a tensor that is not disposed, got a disposed one`;

  async function expectRefused(name: string, use: () => unknown): Promise<void> {
    const call = async () => use();
    await expect(call()).rejects.toThrow(refusal(name));
    await expect(call()).rejects.toThrow(TypeError);
  }

  test("are refused by every operation, forward and backward", async () => {
    for (const [name, shape, use] of uses()) {
      const t = toGPU(numbers(...shape), device);
      await use(t); // a control
      dispose(t);
      await expectRefused(name, () => use(t));
      await expectRefused(name, () => use({ ...t })); // the same buffer, by another object
    }
  });

  test("of a caller's buffer only let go of it", async () => {
    const buffer = device.createBuffer({ size: 256, usage: 0x80 | 0xc });
    for (const [name, shape, use] of uses()) {
      const t = gpuTensor(buffer, shape, "float32", { device });
      dispose(t);
      await expectRefused(name, () => use(t));
      await use(gpuTensor(buffer, shape, "float32", { device }));
    }
    buffer.destroy();
  });

  test("end their views, and views end alone", async () => {
    const sampled = tensor(new Int32Array([0, 2, 1, 3, 0, 3]), [3, 1, K]);
    const all = toGPU(numbers(1, S, 1), device);
    const gather = async (indices: Tensor) =>
      [...(await toCPU(GatherTokens.forward(all, indices as IndexTensor))).data].join();
    for (const ownBuffer of [true, false]) {
      let indices = toGPU(sampled, device);
      if (!ownBuffer) indices = gpuTensor(indices.buffer, indices.shape, "int32", { device });
      const views = [0, 1, 2].map((l) => layerOf(indices, l));
      expect(await gather(views[0])).toBe("1,3");
      dispose(views[0]);
      await expectRefused("sortedIndices", () => gather(views[0]));
      expect(await gather(views[1])).toBe("2,4");
      expect(await gather(layerOf(indices, 0))).toBe("1,3");
      dispose(indices);
      for (const view of views) {
        await expectRefused("sortedIndices", () => gather(view));
        await expectRefused("gpuTensor", () => toCPU(view));
        dispose(view); // does nothing
      }
      await expectRefused("sampledIndices", () => layerOf(indices, 0));
      await expectRefused("mask", () => maskGather(indices, positions));
      dispose(indices);
    }
  });

  test("leave a buffer that no tensor can be put around", () => {
    const t = toGPU(numbers(4), device);
    dispose(t);
    expect(() => gpuTensor(t.buffer, [4], "float32", { device })).toThrow(
      '"buffer" expected a buffer of no disposed tensor, got one of a disposed tensor',
    );
  });

  test("before their encoder was submitted make toCPU reject with the device's words", async () => {
    // A device that nobody listens to: what it reports is uncaptured.
    const { device: fresh } = await openDevice();
    for (const _scope of [1, 2, 3]) await fresh.popErrorScope();
    const x = toGPU(numbers(1, S, 1), fresh);
    const encoder = fresh.createCommandEncoder();
    const retained: GPUTensor = GatherTokens.forward(x, positions, { encoder });
    dispose(x);
    fresh.queue.submit([encoder.finish()]);
    await expect(toCPU(retained)).rejects.toThrow(/destroyed/);
    await expect(toCPU(retained)).rejects.toThrow(/random-ltd float32/);
    const y = toGPU(numbers(1, S, 1), fresh);
    expect([...(await toCPU(GatherTokens.forward(y, positions))).data]).toEqual([1, 3]);
    fresh.destroy();
  });
});

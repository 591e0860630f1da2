/** Two copies of the library in one page, as `random-ltd` and `random-ltd/webgpu` are: each works with, and frees, the other's tensors. */
import { beforeAll, expect, test, vi } from "vitest";
import type * as Library from "../../src/index.ts";
import type { IndexTensor } from "../../src/types.ts";
import { describeOnDawn } from "./on-dawn.ts";

let device: GPUDevice;
const take = (opened: GPUDevice) => {
  device = opened;
};

describeOnDawn("two copies of the library", take, () => {
  let whole: typeof Library;
  let small: typeof Library;
  beforeAll(async () => {
    vi.resetModules();
    whole = await import("../../src/index.ts");
    vi.resetModules();
    small = (await import("../../src/webgpu.ts")) as unknown as typeof Library;
  });

  test("are two copies", () => {
    expect(small.toGPU).not.toBe(whole.toGPU);
  });

  test.each([
    ["random-ltd's tensors with random-ltd/webgpu", () => [whole, small]],
    ["random-ltd/webgpu's tensors with random-ltd", () => [small, whole]],
  ] as const)("%s", async (_name, copies) => {
    const [maker, user] = copies();
    const numbers = Float32Array.from({ length: 12 }, (_, i) => i + 1);
    const x = maker.toGPU(maker.tensor(numbers, [1, 4, 3]), device);
    const drawn = user.toGPU(user.tensor(new Int32Array([0, 2, 1, 3]), [2, 1, 2]), device) as IndexTensor;
    const indices = maker.layerOf(drawn, 1);
    const part = user.GatherTokens.forward(x, indices);
    expect([...(await user.toCPU(part)).data]).toEqual([4, 5, 6, 10, 11, 12]);
    const mine = user.toGPU(user.tensor(new Float32Array(6), [1, 2, 3]), device);
    const back = user.ScatterTokens.forward(x, mine, indices);
    expect([...(await maker.toCPU(back)).data]).toEqual([1, 2, 3, 0, 0, 0, 7, 8, 9, 0, 0, 0]);
    user.toGPU(
      user.tensor(
        numbers.map((n) => -n),
        [1, 4, 3],
      ),
      device,
      { out: x },
    );
    expect((await maker.toCPU(x)).data[0]).toBe(-1);

    const destroyed: GPUBuffer[] = [];
    for (const t of [x, part, mine, back]) {
      const destroy = t.buffer.destroy.bind(t.buffer);
      t.buffer.destroy = () => {
        destroyed.push(t.buffer);
        return destroy();
      };
      // By the copy that did not make it.
      (t === mine ? maker : user).dispose(t);
      expect(destroyed).toContain(t.buffer);
      for (const each of [maker, user]) {
        expect(() => each.GatherTokens.forward(t, indices)).toThrow(
          /^"activations" expected a tensor that is not disposed/,
        );
        await expect(each.toCPU(t)).rejects.toThrow("not disposed");
        each.dispose(t);
      }
    }
    expect(destroyed).toHaveLength(4);

    // A view is let go of; what it is a view of goes on.
    user.dispose(indices as never);
    expect(() => maker.layerOf(indices, 0)).toThrow(TypeError);
    expect([...(await maker.toCPU(drawn as never)).data]).toEqual([0, 2, 1, 3]);
    maker.dispose(drawn as never);
    // A caller's buffer stays the caller's.
    const buffer = device.createBuffer({ size: 16, usage: 0x80 | 0x4 | 0x8 });
    const held = maker.gpuTensor(buffer, [4], "float32", { device });
    user.dispose(held);
    expect((await user.toCPU(user.gpuTensor(buffer, [4], "float32", { device }))).data).toHaveLength(4);
    buffer.destroy();
  });
});

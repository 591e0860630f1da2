/** Pipelines: made ahead and once, within a device's limits, and loud where they can't be made. */
import { beforeEach, expect, test } from "vitest";
import { stateOf } from "../../src/backends/webgpu/device-state.ts";
import { makeAhead, pipelineOf } from "../../src/backends/webgpu/pipelines.ts";
import {
  GatherTokens,
  maskGather,
  maskSlice,
  prepareGPU,
  ScatterTokens,
  tensor,
  toCPU,
  toGPU,
} from "../../src/index.ts";
import { checkMasks, checkTokens, random } from "./check.ts";
import { dawn, openDevice } from "./dawn.ts";
import { type HeardDevice, hear } from "./hear.ts";
import { describeOnDawn } from "./on-dawn.ts";

let device: GPUDevice;
const take = (opened: GPUDevice) => {
  device = opened;
};

const broken = {
  key: "broken",
  code: () => "override lanes: u32;\n@compute @workgroup_size(lanes)\nfn main() {\n  let a = nothing;\n}\n",
};

describeOnDawn("pipelines", take, () => {
  test("every shader compiles ahead of use, and is compiled once", async () => {
    const fresh = await openDevice();
    let compiled = 0;
    const { createShaderModule } = fresh.device;
    fresh.device.createShaderModule = (descriptor) => {
      compiled++;
      return createShaderModule.call(fresh.device, descriptor);
    };
    await prepareGPU(fresh.device);
    const ahead = compiled;
    expect(ahead).toBeGreaterThan(20);
    compiled = 0;
    const idx = tensor(new Int32Array([0, 1, 2, 3]), [2, 2]);
    // Rows of bytes, of words and of 16 bytes, and masks of every kind.
    for (const [dtype, channels] of [
      ["uint8", 5],
      ["float32", 3],
      ["float32", 4],
    ] as const) {
      const t = toGPU(random(dtype, [2, 9, channels], 1), fresh.device);
      const part = GatherTokens.forward(t, idx);
      GatherTokens.backward(part, idx, { seqLength: 9 });
      ScatterTokens.forward(t, part, idx);
      ScatterTokens.forward(t, part, idx, { inPlace: true });
      ScatterTokens.backward(t, idx);
      ScatterTokens.backward(t, idx, { inPlace: true });
      if (dtype === "float32") GatherTokens.backward(part, idx, { seqLength: 9, accumulateInto: t });
    }
    for (const dtype of ["float32", "float16", "uint8"] as const) {
      for (const kept of [3, 4]) {
        const positions = tensor(
          Int32Array.from({ length: kept }, (_, i) => i),
          [1, kept],
        );
        const mask = toGPU(random(dtype, [1, 1, 8, 8], 1), fresh.device);
        maskGather(mask, positions);
        maskSlice(mask, kept);
      }
    }
    await prepareGPU(fresh.device);
    expect(compiled).toBe(0);
    await fresh.close();
  });

  test("a shader that does not compile ahead shows its numbered lines, and is not kept", async () => {
    for (let i = 0; i < 2; i++) {
      const failed = makeAhead(stateOf(device), [broken]);
      await expect(failed).rejects.toThrow(
        /the shader "broken" can't be used on this device:\n[\s\S]*4:11 .*nothing/,
      );
      await expect(failed).rejects.toThrow("   4    let a = nothing;");
    }
  });

  test("a shader that does not compile at its first use rejects every toCPU until the next operation", async () => {
    const x = toGPU(tensor(new Float32Array(12), [1, 4, 3]), device);
    const first = pipelineOf(stateOf(device), broken);
    for (const failed of [toCPU(x), toCPU(x)]) {
      await expect(failed).rejects.toThrow("   4    let a = nothing;");
    }
    await expect(toCPU(x)).rejects.toThrow("nothing");
    GatherTokens.forward(x, tensor(new Int32Array([1]), [1, 1]));
    expect((await toCPU(x)).shape).toEqual([1, 4, 3]);
    expect(pipelineOf(stateOf(device), broken)).not.toBe(first);
    await expect(toCPU(x)).rejects.toThrow("nothing");
    GatherTokens.forward(x, tensor(new Int32Array([1]), [1, 1]));
  });

  test("a device that can't be asked leaves no rejection unheard", async () => {
    const unheard: unknown[] = [];
    const listen = (reason: unknown) => unheard.push(reason);
    process.on("unhandledRejection", listen);
    const { popErrorScope } = device;
    device.popErrorScope = async () => {
      await popErrorScope.call(device);
      throw new Error("gone");
    };
    const code = () => "override lanes: u32;\n@compute @workgroup_size(lanes)\nfn main() {\n}\n";
    expect(pipelineOf(stateOf(device), { key: "unasked", code })).toBeDefined();
    device.popErrorScope = popErrorScope;
    await new Promise((done) => setTimeout(done, 50));
    process.off("unhandledRejection", listen);
    expect(unheard).toEqual([]);
  });
});

describeOnDawn("a device with smaller limits", take, () => {
  let small: HeardDevice;
  beforeEach(async () => {
    const adapter = (await (await dawn()).requestAdapter({ featureLevel: "compatibility" }))!;
    small = hear(await adapter.requestDevice());
    heldAdapters.push(adapter, small.device);
    // A control: it has half of the lanes that there are otherwise.
    expect(small.device.limits.maxComputeInvocationsPerWorkgroup).toBe(128);
  });

  const c = { batch: 2, seq: 300, kept: 140, batchFirst: true, readOffset: 0, writeOffset: 0, seed: 2 };

  async function everyOperation(on: GPUDevice): Promise<void> {
    for (const [dtype, channels] of [
      ["float32", 64],
      ["float32", 3],
      ["uint8", 5],
    ] as const) {
      await checkTokens(on, { ...c, dtype, channels });
      const masks = { layers: 2, heads: 2, maskBatch: 1, padding: false, batchFirst: true };
      for (const kept of [7, 8]) {
        await checkMasks(on, { ...c, ...masks, dtype, seq: 30, kept, channels: 1 });
      }
    }
  }

  test("of WebGPU's compatibility mode has all shaders and gives the same bits", async () => {
    await prepareGPU(small.device);
    await everyOperation(small.device);
    await small.close();
  });

  test.each([
    "maxComputeInvocationsPerWorkgroup",
    "maxComputeWorkgroupSizeX",
  ])("of a %s of 100 uses 64 lanes", async (name) => {
    const limits = new Proxy(small.device.limits, {
      get: (own, key) => (key === name ? 100 : Reflect.get(own, key, own)),
    });
    Object.defineProperty(small.device, "limits", { value: limits, configurable: true });
    const { createComputePipeline } = small.device;
    const lanes = new Set<number | undefined>();
    small.device.createComputePipeline = (descriptor) => {
      lanes.add(descriptor.compute.constants?.lanes);
      return createComputePipeline.call(small.device, descriptor);
    };
    await everyOperation(small.device);
    expect([...lanes]).toEqual([64]);
    await small.close();
  });

  test("that can't make a pipeline says so, each time, and keeps none", async () => {
    stateOf(small.device).limits.lanes = 256; // which this device refuses
    const x = toGPU(tensor(new Float32Array([1, 2, 3]), [1, 3, 1]), small.device);
    const indices = tensor(new Int32Array([0, 2]), [1, 2]);
    const words = /the shader "rows: .* can't be used on this device:\n[\s\S]*128[\s\S]*\n +1 {2}/;
    for (let i = 0; i < 2; i++) {
      const retained = GatherTokens.forward(x, indices);
      await expect(toCPU(retained)).rejects.toThrow(words);
      await expect(toCPU(retained)).rejects.toThrow(words);
      await expect(prepareGPU(small.device)).rejects.toThrow(words);
      expect(stateOf(small.device).pipelines.size).toBe(0);
    }
    stateOf(small.device).limits.lanes = 128;
    expect([...(await toCPU(GatherTokens.forward(x, indices))).data]).toEqual([1, 3]);
    await expect(small.close()).rejects.toThrow("random-ltd"); // the device reported what came of them too
  });
});

/** As in dawn.ts: held for the life of the process. */
const heldAdapters: unknown[] = [];

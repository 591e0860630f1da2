/** Refusals, and lost devices. */
import { expect, test } from "vitest";
import {
  dispose,
  GatherTokens,
  type GPUTensor,
  gptSampleTokens,
  gpuTensor,
  maskSlice,
  prepareGPU,
  requestGPUDevice,
  ScatterTokens,
  tensor,
  toCPU,
  toGPU,
} from "../../src/index.ts";
import { WRONG_VALUES } from "../suites/wrong-values.ts";
import { random } from "./check.ts";
import { dawn, openDevice } from "./dawn.ts";
import { hear } from "./hear.ts";
import { describeOnDawn } from "./on-dawn.ts";

let device: GPUDevice;
let x: GPUTensor;
const take = (opened: GPUDevice) => {
  device = opened;
  x = toGPU(tensor(new Float32Array(12), [1, 4, 3]), device);
};

describeOnDawn("faults", take, () => {
  const indices = tensor(new Int32Array([0, 2]), [1, 2]);

  const refused = (kind: typeof TypeError | typeof RangeError, name: string, call: () => unknown) => {
    expect(call).toThrow(kind);
    expect(call).toThrow(`"${name}" expected `);
  };

  test("gptSampleTokens: what a GPU mask holds can't be looked into, so its maskMode must be named", async () => {
    const causal = Float32Array.from({ length: 16 }, (_, i) => (i % 4 > Math.floor(i / 4) ? -9 : 0));
    const here = tensor(causal, [1, 1, 4, 4]);
    const attnMask = toGPU(here, device);
    const options = { reservedLength: 2, seqLength: 4, batchSize: 1, seed: 7, attnMask };
    refused(TypeError, "maskMode", () => gptSampleTokens(options));
    refused(TypeError, "maskMode", () => gptSampleTokens({ ...options, maskMode: undefined }));
    refused(RangeError, "maskMode", () => gptSampleTokens({ ...options, maskMode: "auto" as "slice" }));
    for (const maskMode of ["slice", "gather", "slice-unchecked"] as const) {
      const { newMask } = gptSampleTokens({ ...options, maskMode });
      const expected = gptSampleTokens({ ...options, attnMask: here, maskMode }).newMask;
      expect(await toCPU(newMask)).toEqual(expected);
      dispose(newMask);
    }
    expect(gptSampleTokens({ ...options, attnMask: undefined }).newMask).toBe(null);
    dispose(attnMask);
  });

  test("gpuTensor", () => {
    const buffer = device.createBuffer({ size: 64, usage: 0x80 });
    const make = (o: { buffer?: any; shape?: any; dtype?: any; device?: any; byteOffset?: any }) => () =>
      gpuTensor(
        "buffer" in o ? o.buffer : buffer,
        "shape" in o ? o.shape : [4, 4],
        "dtype" in o ? o.dtype : "float32",
        {
          device,
          ...("device" in o ? { device: o.device } : {}),
          ...("byteOffset" in o ? { byteOffset: o.byteOffset } : {}),
        },
      );
    expect(make({})().shape).toEqual([4, 4]);
    for (const { value: wrong, kinds = [] } of WRONG_VALUES) {
      refused(TypeError, "buffer", make({ buffer: wrong }));
      refused(TypeError, "dtype", make({ dtype: wrong }));
      refused(TypeError, "device", make({ device: wrong }));
      if (!kinds.includes("shape")) refused(TypeError, "shape", make({ shape: wrong }));
      if (!kinds.includes("integer") && !kinds.includes("optional"))
        refused(TypeError, "byteOffset", make({ byteOffset: wrong }));
    }
    refused(TypeError, "dtype", make({ dtype: "float64" }));
    for (const byteOffset of [-4, 0.5, Number.NaN, 1, 2])
      refused(RangeError, "byteOffset", make({ byteOffset }));
    for (const shape of [[0], [4, -1], [1.5]]) refused(RangeError, "shape", make({ shape }));
    refused(RangeError, "buffer", make({ shape: [17] }));
    refused(RangeError, "buffer", make({ shape: [16], byteOffset: 4 }));
    const copies = device.createBuffer({ size: 64, usage: 0x8 });
    refused(RangeError, "buffer", make({ buffer: copies }));
    const odd = device.createBuffer({ size: 63, usage: 0x80 });
    refused(RangeError, "buffer", make({ buffer: odd, shape: [61], dtype: "uint8" }));
    expect(make({ buffer: odd, shape: [60], dtype: "uint8" })().dtype).toBe("uint8");
    for (const each of [buffer, copies, odd]) each.destroy();
  });

  test("toGPU, toCPU, dispose", async () => {
    const t = tensor(new Float32Array(4), [4]);
    for (const { value: wrong, kinds = [] } of WRONG_VALUES) {
      refused(TypeError, "device", () => toGPU(t, wrong as any));
      if (kinds.includes("tensor")) continue;
      refused(TypeError, "tensor", () => toGPU(wrong as any, device));
      if (wrong !== undefined) refused(TypeError, "out", () => toGPU(t, device, { out: wrong as any }));
      refused(TypeError, "gpuTensor", () => dispose(wrong as any));
      await expect(toCPU(wrong as any)).rejects.toThrow('"gpuTensor" expected ');
    }
    refused(TypeError, "tensor", () => toGPU(tensor(new Float64Array(4), [4]), device));
    refused(TypeError, "tensor", () => toGPU(x as any, device));
    refused(TypeError, "gpuTensor", () => dispose(t as any));
    refused(RangeError, "out", () => toGPU(t, device, { out: x }));
    refused(TypeError, "out", () => toGPU(tensor(new Int32Array(12), [1, 4, 3]), device, { out: x }));
  });

  test("gpuTensor and toGPU refuse an option that they do not know, and missing ones", () => {
    const buffer = device.createBuffer({ size: 64, usage: 0x80 });
    const around = (options: object) => () => gpuTensor(buffer, [4], "float32", options as any);
    refused(TypeError, "byteOfset", around({ device, byteOfset: 16 }));
    expect(around({ device, byteOfset: 16 })).toThrow('(did you mean "byteOffset"?), got 16');
    refused(TypeError, "Device", around({ device, Device: device }));
    expect(around({ device, Device: 1 })).toThrow('(did you mean "device"?), got 1');
    // By its name alone, whatever it is.
    refused(TypeError, "label", around({ device, label: undefined }));
    expect(around({ device, byteOffset: 16 })()).toMatchObject({ byteOffset: 16 });
    for (const options of [undefined, null, []]) refused(TypeError, "options", around(options as any));
    buffer.destroy();

    const t = tensor(new Float32Array(12).fill(1), [1, 4, 3]);
    const out = toGPU(t, device);
    const upload = (options: object) => () => toGPU(t, device, options as any);
    refused(TypeError, "output", upload({ output: out }));
    expect(upload({ Out: 1 })).toThrow('"Out" expected a known option (did you mean "out"?), got 1');
    refused(TypeError, "inPlace", upload({ out, inPlace: undefined }));
    expect(upload({ out })()).toBe(out);
    for (const options of [null, []]) refused(TypeError, "options", upload(options as any));
    dispose(out);
  });

  test("GPU tensors that callers changed by hand", async () => {
    for (const [kind, changed] of [
      [RangeError, { shape: [1, 4, 4] }],
      [RangeError, { shape: [1, 0, 3] }],
      [TypeError, { shape: [1, "4", 3] }],
      [RangeError, { byteOffset: 4 }],
      [RangeError, { byteOffset: 2, shape: [1, 2, 3] }],
      [RangeError, { byteOffset: -4 }],
      [TypeError, { dtype: "float64" }],
      [TypeError, { device: {} }],
    ] as const) {
      const bad = { ...x, ...changed } as any;
      refused(kind, "activations", () => GatherTokens.forward(bad, indices));
      refused(kind, "out", () =>
        GatherTokens.backward(GatherTokens.forward(x, indices), indices, { seqLength: 4, out: bad }),
      );
      await expect(toCPU(bad)).rejects.toThrow('"gpuTensor" expected ');
    }
  });

  test("tensors of two devices, of two memories, and an encoder with CPU tensors", async () => {
    const other = await openDevice();
    const there = toGPU(tensor(new Float32Array(12), [1, 4, 3]), other.device);
    const part = toGPU(tensor(new Float32Array(6), [1, 2, 3]), other.device);
    const indicesThere = toGPU(indices, other.device);
    refused(TypeError, "sortedIndices", () => GatherTokens.forward(x, indicesThere));
    refused(TypeError, "out", () => GatherTokens.forward(x, indices, { out: part }));
    refused(TypeError, "layerActivations", () => ScatterTokens.forward(x, part, indices));
    refused(TypeError, "out", () => toGPU(tensor(new Float32Array(12), [1, 4, 3]), device, { out: there }));
    const onCPU = tensor(new Float32Array(12), [1, 4, 3]);
    refused(TypeError, "sortedIndices", () => GatherTokens.forward(onCPU, toGPU(indices, device)));
    refused(TypeError, "out", () =>
      GatherTokens.forward(x, indices, { out: tensor(new Float32Array(6), [1, 2, 3]) as any }),
    );
    const encoder = device.createCommandEncoder();
    refused(TypeError, "encoder", () => GatherTokens.forward(onCPU, indices, { encoder }));
    refused(TypeError, "encoder", () => maskSlice(tensor(new Uint8Array(4), [1, 1, 2, 2]), 1, { encoder }));
    for (const wrong of [null, 1, "x", {}]) {
      refused(TypeError, "encoder", () => GatherTokens.forward(x, indices, { encoder: wrong as any }));
    }
    await other.close();
  });

  test("memory that is shared, and offsets that are not written at", () => {
    const buffer = device.createBuffer({ size: 256, usage: 0x80 | 0xc });
    const at = (byteOffset: number, shape: readonly number[]) =>
      gpuTensor(buffer, shape, "uint8", { device, byteOffset });
    const all = at(0, [1, 4, 3]);
    refused(RangeError, "out", () => GatherTokens.forward(all, indices, { out: at(8, [1, 2, 3]) }));
    GatherTokens.forward(all, indices, { out: at(12, [1, 2, 3]) });
    refused(RangeError, "out", () => GatherTokens.forward(all, indices, { out: at(13, [1, 2, 3]) }));
    refused(RangeError, "out", () => toGPU(tensor(new Uint8Array(6), [6]), device, { out: at(2, [6]) }));
    buffer.destroy();
  });

  test("what the device can't hold is refused with both figures", () => {
    const { maxBufferSize } = device.limits;
    const grad = toGPU(tensor(new Float32Array(1024), [1, 1, 1024]), device);
    const one = tensor(new Int32Array([0]), [1, 1]);
    const call = () => GatherTokens.backward(grad, one, { seqLength: 2 ** 20 });
    expect(call).toThrow(RangeError);
    expect(call).toThrow(`at most ${maxBufferSize} bytes`);
    expect(call).toThrow(`${2 ** 32} bytes`);
    dispose(grad);
  });

  test("requestGPUDevice asks for what the adapter can hold", async () => {
    const gpu = await dawn();
    const { limits } = (await gpu.requestAdapter())!;
    const wide = hear(await requestGPUDevice({ gpu, features: ["timestamp-query"] }));
    expect(wide.device.limits.maxBufferSize).toBe(limits.maxBufferSize);
    expect(wide.device.limits.maxStorageBufferBindingSize).toBe(limits.maxStorageBufferBindingSize);
    expect(wide.device.limits.maxBufferSize).toBeGreaterThan(device.limits.maxBufferSize);
    await wide.close();
    await expect(requestGPUDevice({ gpu: { requestAdapter: async () => null } as any })).rejects.toThrow(
      RangeError,
    );
    await expect(requestGPUDevice({ gpu: null as any })).rejects.toThrow(TypeError);
    await expect(requestGPUDevice({ gpu, feature: [] } as any)).rejects.toThrow(
      '"feature" expected a known option (did you mean "features"?)',
    );
  });

  test("a lost device gives its own reason, and the next device works", async () => {
    const gpu = await dawn();
    const adapter = (await gpu.requestAdapter())!;
    const lost = await adapter.requestDevice();
    const t = toGPU(random("float32", [1, 4, 3], 1), lost);
    const [retained, mask, row] = [
      [1, 2, 3],
      [1, 1, 2, 2],
      [1, 1, 1, 1],
    ].map((shape, i) => toGPU(random("float32", shape, i), lost));
    const reading = toCPU(t);
    lost.destroy();
    const info = await lost.lost;
    expect(info.reason).toBe("destroyed");
    await expect(reading).rejects.toThrow(`lost (destroyed): ${info.message}`);
    await expect(toCPU(t)).rejects.toThrow(RangeError);
    for (const call of [
      () => GatherTokens.forward(t, indices),
      () => ScatterTokens.backward(t, indices, { inPlace: true }),
      // With nothing to be made for the result.
      () => GatherTokens.forward(t, indices, { out: retained }),
      () => GatherTokens.backward(retained, indices, { seqLength: 4, accumulateInto: t }),
      () => ScatterTokens.forward(t, retained, indices, { inPlace: true }),
      () => maskSlice(mask, 1, { out: row }),
      () => toGPU(tensor(new Float32Array(1), [1]), lost),
    ]) {
      expect(call).toThrow(
        `"device" expected a device that is not lost, got one lost (destroyed): ${info.message}`,
      );
    }
    await expect(prepareGPU(lost)).rejects.toThrow("lost (destroyed)");
    const unknown = await (await gpu.requestAdapter())!.requestDevice(); // to the library
    unknown.destroy();
    await unknown.lost;
    await expect(prepareGPU(unknown)).rejects.toThrow("lost (destroyed)");
    const next = await openDevice();
    const y = GatherTokens.forward(
      toGPU(tensor(new Float32Array([1, 2, 3]), [1, 3, 1]), next.device),
      indices,
    );
    expect([...(await toCPU(y)).data]).toEqual([1, 3]);
    await next.close();
  });
});

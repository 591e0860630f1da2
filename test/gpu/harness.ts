/** Tensors in buffers of a WebGPU device, each between bytes that must not change. */
import {
  type CPUTensor,
  type DType,
  dispose,
  type GPUTensor,
  gpuTensor,
  tensor,
  toCPU,
} from "../../src/index.ts";
import { ARRAYS } from "../suites/data.ts";
import type { Harness } from "../suites/harness.ts";
import type { HeardDevice } from "./hear.ts";

/** The dtypes that GPU tensors have. */
export const GPU_DTYPES: readonly DType[] = ["float32", "float16", "bfloat16", "int32", "uint32", "uint8"];

const USAGE = 0x0080 | 0x0004 | 0x0008; // STORAGE, COPY_SRC, COPY_DST
const SENTINEL = 0x5a;
const MARGIN = 24;

/** A tensor at `byteOffset` of a larger buffer that is full of sentinels. */
export function among(device: GPUDevice, t: CPUTensor, byteOffset: number): GPUTensor {
  const bytes = new Uint8Array(t.data.buffer, t.data.byteOffset, t.data.byteLength);
  const size = Math.ceil((byteOffset + bytes.length + MARGIN) / 4) * 4;
  const buffer = device.createBuffer({ size, usage: USAGE, mappedAtCreation: true });
  const all = new Uint8Array(buffer.getMappedRange());
  all.fill(SENTINEL);
  all.set(bytes, byteOffset);
  buffer.unmap();
  return gpuTensor(buffer, t.shape, t.dtype, { device, byteOffset });
}

/** The contents of a tensor that `among` made, read with what lies beside it: that must be as it was. */
export async function readAmong(t: GPUTensor): Promise<CPUTensor> {
  const { device, buffer, byteOffset, shape, dtype } = t;
  const whole = (await toCPU(gpuTensor(buffer, [buffer.size], "uint8", { device }))).data as Uint8Array;
  const n = shape.reduce((product, length) => product * length, 1);
  const array = ARRAYS[dtype];
  const end = byteOffset + n * array.BYTES_PER_ELEMENT;
  for (let at = 0; at < whole.length; at++) {
    if ((at < byteOffset || at >= end) && whole[at] !== SENTINEL) {
      throw new Error(`byte ${at - byteOffset} of ${end - byteOffset} was written, beside a tensor`);
    }
  }
  return tensor(new array(whole.slice(byteOffset, end).buffer, 0, n), shape, dtype);
}

/** The harness of one device. */
export function gpuHarness(name: string, open: () => Promise<HeardDevice>): Harness {
  let heard: HeardDevice;
  const made = new Set<GPUTensor>();
  let count = 0;
  return {
    name,
    dtypes: GPU_DTYPES,
    async open() {
      heard = await open();
    },
    async close() {
      for (const t of made) t.buffer.destroy();
      made.clear();
      await heard.close();
    },
    put(t) {
      // Where a tensor may be written: at any multiple of 4, most often off the 16 bytes that lanes move at once.
      const byteOffset = [0, 4, 260, 16, 268][count++ % 5];
      const on = among(heard.device, t, byteOffset);
      made.add(on);
      return on;
    },
    async get(t) {
      const on = t as GPUTensor;
      const result = await (made.has(on) ? readAmong(on) : toCPU(on));
      if (!made.has(on)) dispose(on); // a suite reads a result once
      await heard.check();
      return result;
    },
  };
}

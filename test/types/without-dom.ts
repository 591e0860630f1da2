/** A project that knows no WebGPU: buffers and devices of some module of its own are taken. */
import { gptSampleTokens, gpuTensor, layerOf, ScatterTokens, setCoreModule } from "random-ltd";

declare const device: {
  readonly limits: object;
  readonly lost: Promise<{ readonly reason: "unknown" | "destroyed"; readonly message: string }>;
  readonly queue: { submit(commands: object[]): void };
  createBuffer(descriptor: { size: number; usage: number; label?: string }): Buffer;
  createCommandEncoder(): Encoder;
  destroy(): undefined;
};
interface Buffer {
  readonly size: number;
  readonly usage: number;
  readonly mapState: "unmapped" | "mapped";
  destroy(): undefined;
}
interface Encoder {
  beginComputePass(descriptor?: { label?: string }): object;
  finish(descriptor?: { label?: string }): object;
}

const buffer = device.createBuffer({ size: 64, usage: 0x80 });
const hidden = gpuTensor(buffer, [1, 4, 4], "float32", { device });
const sizes = { reservedLength: 2, seqLength: 4, batchSize: 1, seed: 7 };
const { sampledIndices } = gptSampleTokens(sizes);
const encoder = device.createCommandEncoder();
ScatterTokens.backward(hidden, layerOf(sampledIndices, 0), { encoder, inPlace: true });
export const size: number = hidden.buffer.size;
setCoreModule({});
// @ts-expect-error: no device
gpuTensor(buffer, [1, 4, 4], "float32", { device: 3 });

/** Reading tensors back. It comes with each tensor, so that the copy of the library that worked on one tells what failed. */
import { bytesOf, zeros } from "../../tensor.ts";
import type { CPUTensor, GPUTensor } from "../../types.ts";
import { checkNotLost, liveStateOf } from "./checks.ts";
import { LABEL, USAGE } from "./device-state.ts";
import { checkMade } from "./pipelines.ts";
import { record } from "./recorder.ts";
import { planCopy } from "./row-plans.ts";

/** What `toCPU` does with a tensor that is checked. */
export async function readBack(t: GPUTensor): Promise<CPUTensor> {
  const { device, buffer, byteOffset } = t;
  const state = liveStateOf(device);
  const result = zeros([...t.shape], t.dtype);
  const bytes = bytesOf(result);
  const start = byteOffset - (byteOffset % 4);
  const size = Math.ceil((byteOffset + bytes.byteLength) / 4) * 4 - start;
  const staging = device.createBuffer({
    label: `${LABEL} toCPU`,
    size,
    usage: USAGE.MAP_READ | USAGE.COPY_DST,
  });
  let source = { buffer, start };
  let copied: GPUTensor | undefined;
  if ((buffer.usage & USAGE.COPY_SRC) === 0) {
    copied = t.operations.empty(device, [size], "uint8");
    record(state, planCopy(copied, { buffer, byteOffset: start }, size, state.limits), undefined);
    source = { buffer: copied.buffer, start: 0 };
  }
  const encoder = device.createCommandEncoder({ label: `${LABEL} toCPU` });
  encoder.copyBufferToBuffer(source.buffer, source.start, staging, 0, size);
  device.queue.submit([encoder.finish()]);
  try {
    await staging.mapAsync(1); // GPUMapMode.READ
    await checkMade(state);
    bytes.set(new Uint8Array(staging.getMappedRange(), byteOffset - start, bytes.byteLength));
    return result;
  } catch (error) {
    if (staging.mapState === "mapped") throw error;
    // If the device is lost, the mapping fails; the device's own reason arrives shortly before or after.
    const late = new Promise<undefined>((done) => setTimeout(done, 500));
    state.lost ??= await Promise.race([device.lost, late]);
    checkNotLost(state);
    throw error;
  } finally {
    staging.destroy();
    copied?.buffer.destroy();
  }
}

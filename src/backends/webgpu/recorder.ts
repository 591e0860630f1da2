/** Where plans become commands: the one place that binds buffers and records dispatches. */
import type { Range, Temporary } from "./binding-windows.ts";
import { bind } from "./bindings.ts";
import { parameters, scratch, trim, upload } from "./buffers.ts";
import { type DeviceState, LABEL } from "./device-state.ts";
import { wordsOf } from "./params.ts";
import { pipelineOf } from "./pipelines.ts";
import type { Dispatch, Step } from "./plan.ts";
import { BINDINGS, type BufferName, programOf } from "./programs.ts";

/** Records a plan into the caller's encoder, or into one of its own, which is submitted. */
export function record(
  state: DeviceState,
  steps: readonly Step[],
  callers: GPUCommandEncoder | undefined,
): void {
  const { device } = state;
  const recorded = callers !== undefined;
  const encoder = callers ?? device.createCommandEncoder({ label: LABEL });
  const temporaries = new Map<Temporary, { buffer: GPUBuffer; byteOffset: number }>();
  const passing: GPUBuffer[] = [];
  let pass: GPUComputePassEncoder | undefined;

  const placed = (temporary: Temporary) => {
    let place = temporaries.get(temporary);
    if (place === undefined) {
      if ("upload" in temporary) {
        const uploaded = upload(state, temporary.upload, callers);
        if (uploaded.passing) passing.push(uploaded.buffer);
        place = uploaded;
      } else {
        place = { buffer: scratch(state, temporary.scratch, temporary.bytes, recorded), byteOffset: 0 };
      }
      temporaries.set(temporary, place);
    }
    return place;
  };

  const inBuffer = <T extends Range>(range: T): T & { readonly buffer: GPUBuffer } => {
    if (!isTemporary(range.buffer)) return range as T & { readonly buffer: GPUBuffer };
    const { buffer, byteOffset } = placed(range.buffer);
    return { ...range, buffer, start: range.start + byteOffset, end: range.end + byteOffset };
  };

  const dispatch = ({ shader, operands, params, workgroups }: Dispatch) => {
    const bounds = bind(operands.map(inBuffer), device.limits.minStorageBufferOffsetAlignment);
    const words: Record<string, number | undefined> = { ...params };
    const sharing = new Map<BufferName, BufferName>();
    for (const bound of bounds) {
      for (const { name, shift, shiftUnit } of bound.operands) {
        words[`${name}_shift`] = shift / shiftUnit;
        if (bound.writable && name !== "dst") sharing.set(name, bound.name);
      }
    }
    const program = programOf(shader, sharing);
    const pipeline = pipelineOf(state, program);
    const bindGroup = device.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: [
        { binding: 0, resource: parameters(state, wordsOf(shader.file, words), recorded) },
        ...bounds.map(({ name, range }) => ({ binding: BINDINGS[name], resource: range })),
      ],
    });
    pass ??= encoder.beginComputePass({ label: `${LABEL} ${program.key}` });
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, bindGroup);
    pass.dispatchWorkgroups(...workgroups);
  };

  if (state.failure?.told) state.failure = undefined;
  trim(state);
  for (const step of steps) {
    if ("zeroed" in step) {
      pass?.end();
      pass = undefined;
      encoder.clearBuffer(placed(step.zeroed).buffer, 0, step.zeroed.bytes);
    } else {
      dispatch(step);
    }
  }
  pass?.end();
  if (!recorded) device.queue.submit([encoder.finish()]);
  for (const buffer of passing) buffer.destroy();
}

function isTemporary(buffer: GPUBuffer | Temporary): buffer is Temporary {
  return "upload" in buffer || "scratch" in buffer;
}

/** One call of an operation: its dispatches, recorded into one encoder. */
import { wrongValue } from "../../check.ts";
import { bytesOf, isGPUTensor } from "../../tensor.ts";
import type { CPUTensor, Tensor } from "../../types.ts";
import { bind, type Operand } from "./bindings.ts";
import { BINDINGS, type BufferName, programOf, type Variant } from "./kernels.ts";
import { pipelineOf } from "./pipelines.ts";
import { parameters, scratch, trim, upload } from "./pool.ts";
import { checkNotLost, type DeviceState, stateOf } from "./state.ts";
import { type GPUBytes, spread } from "./windows.ts";

/** Lanes of a workgroup, as the shaders have it. */
const LANES = 256;

/** Steps that a lane goes along its row before more lanes are put to it: what finds the row is paid once. */
const STEPS = 32;

/** What a shader is to do. */
interface Dispatch extends Pick<Variant, "files" | "unitBytes" | "elementBytes"> {
  readonly operands: readonly Operand[];
  /** Rows that it goes over, and lanes that one of them has work for. */
  readonly rows: number;
  readonly lanes: number;
  /** The words of the shader's Params, given its tile and where each operand begins in its binding, in bytes. */
  readonly params: (tile: number, shift: (name: BufferName) => number) => readonly number[];
}

/** A call under way. */
export class Call {
  readonly state: DeviceState;
  /** Bytes that a binding may hold here: a part of the limit where operands may come to share one. */
  readonly budget: number;
  private readonly encoder: GPUCommandEncoder;
  private readonly recorded: boolean;
  private pass: GPUComputePassEncoder | undefined;
  private readonly passing: GPUBuffer[] = [];

  constructor(
    device: GPUDevice,
    encoder: GPUCommandEncoder | undefined,
    out: GPUBytes,
    inputs: readonly (Tensor | undefined)[],
  ) {
    this.state = stateOf(device);
    checkNotLost(this.state);
    trim(this.state);
    this.recorded = encoder !== undefined;
    this.encoder = encoder ?? device.createCommandEncoder({ label: "random-ltd" });
    const shared = inputs.some((input) => input && isGPUTensor(input) && input.buffer === out.buffer);
    this.budget = Math.floor(this.state.bindingLimit / (shared ? 4 : 1));
  }

  /** Uploads the indices of this call. */
  upload(indices: CPUTensor): GPUBytes {
    const found = upload(this.state, bytesOf(indices), this.recorded ? this.encoder : undefined);
    if (found.passing) this.passing.push(found.buffer);
    return found;
  }

  /**
   * Throws where rows can't be counted in 32 bits, or a binding does not hold one that can't be cut. Before anything is
   * recorded: an encoder is left as it was.
   */
  checkRows(rows: number, rowBytes = 0): void {
    const [most, mostBytes] = [2 ** 32 - 2, this.budget - 1024];
    if (rows > most) wrongValue("shape", `at most ${most} rows of a tensor on a GPU`, rows);
    if (rowBytes > mostBytes) {
      wrongValue(
        "shape",
        `at most ${mostBytes} bytes a row of a mask or its indices on this device`,
        rowBytes,
      );
    }
  }

  /** A place for `bytes` that this call alone uses. */
  scratch(name: string, bytes: number): GPUBytes {
    return { buffer: scratch(this.state, name, bytes, this.recorded), byteOffset: 0 };
  }

  /** The same, zeroed. */
  zeroed(name: string, bytes: number): GPUBytes {
    const zeroed = this.scratch(name, bytes);
    this.endPass();
    this.encoder.clearBuffer(zeroed.buffer, 0, bytes);
    return zeroed;
  }

  dispatch({ operands, rows, lanes, params, ...variant }: Dispatch): void {
    const { device } = this.state;
    const tile = this.tile(lanes, rows);
    const most = device.limits.maxComputeWorkgroupsPerDimension;
    const along = Math.ceil(lanes / (STEPS * 2 ** tile));
    const bounds = bind(operands, device.limits.minStorageBufferOffsetAlignment);
    const shifts = new Map<BufferName, number>();
    const within = new Map<BufferName, BufferName>();
    for (const bound of bounds) {
      for (const [operand, shift] of bound.shifts) {
        shifts.set(operand, shift);
        if (operand !== bound.name) within.set(operand, bound.name);
      }
    }
    const writable = bounds
      .filter((bound) => bound.writable && bound.name !== "dst")
      .map((bound) => bound.name);
    const program = programOf({ ...variant, writable, within });
    const pipeline = pipelineOf(this.state, program);
    const words = params(tile, (operand) => shifts.get(operand) ?? 0);
    const bindGroup = device.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: [
        { binding: 0, resource: parameters(this.state, words, this.recorded) },
        ...bounds.map((bound) => ({ binding: BINDINGS[bound.name], resource: bound.range })),
      ],
    });
    this.pass ??= this.encoder.beginComputePass({ label: `random-ltd ${program.key}` });
    this.pass.setPipeline(pipeline);
    this.pass.setBindGroup(0, bindGroup);
    this.pass.dispatchWorkgroups(...spread(Math.ceil(rows / (LANES >> tile)), most), Math.min(along, most));
  }

  /**
   * log2 of the lanes across a row of `length` units. 16 lanes of a GPU read 256 bytes that lie together. On SwiftShader
   * what is done once a row counts more: 64 B by 4 lanes took 2.1 copies and by 1 lane 1.3; 1 KB by 16 lanes 2.3, by 4
   * lanes 1.3. Few rows, as of a plain copy, take more lanes each, which would have none otherwise.
   */
  private tile(length: number, rows: number): number {
    const most = this.state.software ? Math.min(2, Math.floor(Math.log2(length / 16))) : 4;
    let tile = Math.max(0, Math.min(most, Math.ceil(Math.log2(length))));
    while (LANES >> tile > rows && 1 << tile < length) tile++;
    return tile;
  }

  /** Ends the call: submits it, unless it was recorded for the caller. */
  end(): void {
    this.endPass();
    if (!this.recorded) this.state.device.queue.submit([this.encoder.finish()]);
    for (const buffer of this.passing) buffer.destroy();
  }

  private endPass(): void {
    this.pass?.end();
    this.pass = undefined;
  }
}

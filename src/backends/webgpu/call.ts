/** One call of an operation: its dispatches, recorded into one encoder. */
import { wrongValue } from "../../check.ts";
import { bytesOf, elementCount, type GPUTensor, isGPUTensor, type Tensor } from "../../tensor.ts";
import { bind, type Operand } from "./bindings.ts";
import { type BufferName, type KernelName, kernels, program, type Variant } from "./kernels.ts";
import { rowParams } from "./params.ts";
import { pipelineOf } from "./pipelines.ts";
import { parameters, scratch, trim, upload } from "./pool.ts";
import { checkNotLost, type DeviceState, stateOf } from "./state.ts";
import { rowWindows, spread } from "./windows.ts";

/** Lanes of a workgroup, as the shaders have it. */
const LANES = 256;

/** Steps that a lane goes along its row before more lanes are put to it: what finds the row is paid once. */
const STEPS = 32;

/** What a kernel is to do. */
export interface Dispatch {
  readonly kernel: KernelName;
  readonly variant: Variant;
  readonly operands: readonly Operand[];
  /** The words of the shader's Params, given where each operand begins in its binding, in bytes. */
  readonly params: (shift: (name: BufferName) => number) => readonly number[];
  /** Workgroups along x, y and z, given the same. */
  readonly groups: (shift: (name: BufferName) => number) => readonly [number, number, number];
}

/** Some of the indices of a call: which, and as an operand. */
export interface IndexWindow {
  readonly first: number;
  readonly count: number;
  readonly operand: Operand;
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
    out: GPUTensor,
    inputs: readonly Tensor[],
  ) {
    this.state = stateOf(device);
    checkNotLost(this.state);
    trim(this.state);
    this.recorded = encoder !== undefined;
    this.encoder = encoder ?? device.createCommandEncoder({ label: "random-ltd" });
    const shared = inputs.some((input) => isGPUTensor(input) && input.buffer === out.buffer);
    this.budget = Math.floor(this.state.bindingLimit / (shared ? 4 : 1));
  }

  /** The indices of this call, whole: uploaded for it where they are the CPU's. */
  indices(name: string, indices: Tensor, written: GPUTensor): Operand {
    const bytes = 4 * elementCount(indices.shape);
    const most = this.state.device.limits.maxBufferSize;
    if (bytes > most)
      wrongValue(name, `at most ${most} bytes of indices on this device`, indices, `${bytes} bytes`);
    if (isGPUTensor(indices)) {
      const { buffer, byteOffset } = indices;
      if (buffer !== written.buffer)
        return { name: "idx", buffer, start: byteOffset, end: byteOffset + bytes };
      // Small beside what they index, so a copy is the simplest way out of sharing a binding of another unit.
      const copy = scratch(this.state, "idx", bytes, this.recorded);
      this.copyWords({ buffer, byteOffset }, { buffer: copy, byteOffset: 0 }, bytes);
      return { name: "idx", buffer: copy, start: 0, end: bytes };
    }
    const { buffer, byteOffset, passing } = upload(
      this.state,
      bytesOf(indices),
      this.recorded ? this.encoder : undefined,
    );
    if (passing) this.passing.push(buffer);
    return { name: "idx", buffer, start: byteOffset, end: byteOffset + bytes };
  }

  /** Indices cut into what a binding holds, `together` of them in one piece. */
  indexWindows(idx: Operand, together = 1): IndexWindow[] {
    const bytes = 4 * together;
    return rowWindows((idx.end - idx.start) / bytes, bytes, this.state.bindingLimit).map(
      ({ first, rows }) => {
        const start = idx.start + first * bytes;
        return { first, count: rows, operand: { ...idx, start, end: start + rows * bytes } };
      },
    );
  }

  /**
   * Throws where rows can't be counted in 32 bits, or a binding does not hold one that can't be cut. Before anything is
   * recorded: an encoder is left as it was.
   */
  checkRows(rows: number, rowBytes = 0): void {
    const [most, mostBytes] = [2 ** 32 - 2, this.budget - 1024];
    if (rows > most) wrongValue("shape", `at most ${most} rows of a tensor on a GPU`, rows);
    if (rowBytes > mostBytes) {
      wrongValue("shape", `at most ${mostBytes} bytes of a mask's row on this device`, rowBytes);
    }
  }

  /** Zeroed words, which this call alone uses. */
  zeroed(name: string, bytes: number): GPUBuffer {
    const buffer = scratch(this.state, name, bytes, this.recorded);
    this.endPass();
    this.encoder.clearBuffer(buffer, 0, bytes);
    return buffer;
  }

  /** Copies whole words between two buffers by a shader, which asks for no usage but STORAGE. */
  copyWords(
    from: { buffer: GPUBuffer; byteOffset: number },
    to: { buffer: GPUBuffer; byteOffset: number },
    bytes: number,
  ): void {
    const most = Math.floor(this.state.bindingLimit / 256) * 256 - 1024;
    for (let at = 0; at < bytes; at += most) {
      const words = Math.min(most, bytes - at) / 4;
      this.dispatch({
        kernel: "slice",
        variant: { unitBytes: 4 },
        operands: [
          {
            name: "src",
            buffer: from.buffer,
            start: from.byteOffset + at,
            end: from.byteOffset + at + words * 4,
          },
          { name: "dst", buffer: to.buffer, start: to.byteOffset + at, end: to.byteOffset + at + words * 4 },
        ],
        params: (shift) =>
          rowParams({
            rows: 1,
            row: words,
            tile: this.tile(words, 1),
            inner: 1,
            allOuter: 1,
            allStep: words,
            dstRows: 1,
            dstShift: shift("dst") / 4,
            srcRows: 1,
            srcShift: shift("src") / 4,
          }),
        groups: () => this.rowGroups(1, words),
      });
    }
  }

  dispatch({ kernel: name, variant, operands, params, groups }: Dispatch): void {
    const { device } = this.state;
    const kernel = kernels()[name];
    const taken = operands.filter((operand) => operand.name in kernel.bindings);
    const bounds = bind(taken, device.limits.minStorageBufferOffsetAlignment);
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
    const pipeline = pipelineOf(device, program(kernel, { ...variant, writable, within }));
    const shift = (operand: BufferName) => shifts.get(operand) ?? 0;
    const bindGroup = device.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: [
        { binding: 0, resource: parameters(this.state, params(shift), this.recorded) },
        ...bounds.map((bound) => ({ binding: kernel.bindings[bound.name]!, resource: bound.range })),
      ],
    });
    this.pass ??= this.encoder.beginComputePass({ label: `random-ltd ${name}` });
    this.pass.setPipeline(pipeline);
    this.pass.setBindGroup(0, bindGroup);
    this.pass.dispatchWorkgroups(...groups(shift));
  }

  /**
   * log2 of the lanes across a row of `length` units. 16 lanes of a GPU read 256 bytes that lie together. On SwiftShader
   * what is done once a row counts more: 64 B by 4 lanes took 2.1 copies and by 1 lane 1.3; 1 KB by 16 lanes 2.3, by 4
   * lanes 1.3. Few rows, as of a plain copy, take more lanes each, which would have none otherwise.
   */
  tile(length: number, rows: number): number {
    const most = this.state.software ? Math.min(2, Math.floor(Math.log2(length / 16))) : 4;
    let tile = Math.max(0, Math.min(most, Math.ceil(Math.log2(length))));
    while (LANES >> tile > rows && 1 << tile < length) tile++;
    return tile;
  }

  /** Workgroups for `rows` rows of `length` units, a tile each. */
  rowGroups(rows: number, length: number): [number, number, number] {
    const most = this.state.device.limits.maxComputeWorkgroupsPerDimension;
    const tile = this.tile(length, rows);
    const along = Math.ceil(length / (STEPS * 2 ** tile));
    return [...spread(Math.ceil(rows / (LANES >> tile)), most), Math.min(along, most)];
  }

  /** Workgroups for one lane each for `count` things. */
  flatGroups(count: number): [number, number, number] {
    return [
      ...spread(Math.ceil(count / LANES), this.state.device.limits.maxComputeWorkgroupsPerDimension),
      1,
    ];
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

/** What an operation does on a device, as plain data: made without one, recorded by recorder.ts. */
import type { Bytes, Range, Temporary } from "./binding-windows.ts";
import type { PlanLimits } from "./device-state.ts";
import type { Params } from "./params.ts";
import type { BufferName, Shader } from "./programs.ts";

/** Steps that a lane makes along its row before more lanes share the row: finding the row costs once per lane. */
const STEPS = 32;

/** Bytes that a shader reads, or writes as `dst`. */
export interface Operand extends Range {
  readonly name: BufferName;
  /** The unit, in bytes, in which the shader counts where they begin: that of its field `${name}_shift`. */
  readonly shiftUnit: number;
}

/** One run of a shader. */
export interface Dispatch {
  readonly shader: Shader;
  readonly operands: readonly Operand[];
  /** All fields but `..._shift`, which follow from the bindings. */
  readonly params: Params<"rows"> | Params<"masks">;
  readonly workgroups: readonly [x: number, y: number, z: number];
}

/** What is done, in order: a dispatch, or zeroing a temporary. */
export type Step = Dispatch | { readonly zeroed: Temporary & { readonly bytes: number } };

/** Bytes that a binding may hold: a fraction of the limit where operands may have to share a binding with `dst`. */
export function bindingBudget(
  { bindingBytes }: PlanLimits,
  dst: Bytes,
  inputs: readonly (Bytes | undefined)[],
): number {
  const shared = inputs.some((input) => input?.buffer === dst.buffer);
  return Math.floor(bindingBytes / (shared ? 4 : 1));
}

/** How the lanes of a dispatch are spread over `rows` rows, each of which has work for `length` lanes. */
export function spread(
  rows: number,
  length: number,
  limits: PlanLimits,
): { tile: number; workgroups: Dispatch["workgroups"] } {
  const { lanes, workgroups: most } = limits;
  const tile = tileOf(rows, length, limits);
  const groups = Math.ceil(rows / (lanes >> tile));
  const x = Math.min(groups, most); // a dimension holds 65535
  const along = Math.ceil(length / (STEPS * 2 ** tile));
  return { tile, workgroups: [x, Math.ceil(groups / x), Math.min(along, most)] };
}

/**
 * log2 of the lanes across a row of `length` units. 16 lanes of a GPU read 256 consecutive bytes. On SwiftShader the
 * work per row and lane counts more: rows of 64 B took the time of 2.1 copies by 4 lanes and of 1.3 by 1 lane; 1 KB
 * took 2.3 by 16 lanes and 1.3 by 4. If there are few rows, as in a plain copy, each gets more lanes, which would be
 * idle otherwise.
 */
function tileOf(rows: number, length: number, { software, lanes }: PlanLimits): number {
  const most = software ? Math.min(2, Math.floor(Math.log2(length / 16))) : 4;
  let tile = Math.max(0, Math.min(most, Math.ceil(Math.log2(length))));
  while (lanes >> tile > rows && 1 << tile < length) tile++;
  return tile;
}

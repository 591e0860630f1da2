/** What an operation does on a device, as plain data: made without one, recorded by recorder.ts. */
import type { Bytes, Range, Temporary } from "./binding-windows.ts";
import type { PlanLimits } from "./device-state.ts";
import type { Params } from "./params.ts";
import type { BufferName, Shader } from "./programs.ts";

/** Steps that a lane goes along its row before more lanes are put to it: what finds the row is paid once. */
const STEPS = 32;

/** Bytes that a shader reads, or as `dst` writes. */
export interface Operand extends Range {
  readonly name: BufferName;
  /** In what the shader counts where they begin, in bytes: its field `${name}_shift` is in these. */
  readonly shiftUnit: number;
}

/** One run of a shader. */
export interface Dispatch {
  readonly shader: Shader;
  readonly operands: readonly Operand[];
  /** All but the fields `..._shift`, which go by the bindings. */
  readonly params: Params<"rows"> | Params<"masks">;
  readonly workgroups: readonly [x: number, y: number, z: number];
}

/** What is done one after the other: dispatches, and temporaries that are zeroed. */
export type Step = Dispatch | { readonly zeroed: Temporary & { readonly bytes: number } };

/** Bytes that a binding may hold: a part of the limit where operands may come to share one with what is written. */
export function bindingBudget(
  { bindingBytes }: PlanLimits,
  dst: Bytes,
  inputs: readonly (Bytes | undefined)[],
): number {
  const shared = inputs.some((input) => input?.buffer === dst.buffer);
  return Math.floor(bindingBytes / (shared ? 4 : 1));
}

/** How the lanes of a dispatch are put to `rows` rows, each with work for `length` of them. */
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
 * log2 of the lanes across a row of `length` units. 16 lanes of a GPU read 256 bytes that lie together. On SwiftShader
 * what is done once a row counts more: 64 B by 4 lanes took 2.1 copies and by 1 lane 1.3; 1 KB by 16 lanes 2.3, by 4
 * lanes 1.3. Few rows, as of a plain copy, take more lanes each, which would have none otherwise.
 */
function tileOf(rows: number, length: number, { software, lanes }: PlanLimits): number {
  const most = software ? Math.min(2, Math.floor(Math.log2(length / 16))) : 4;
  let tile = Math.max(0, Math.min(most, Math.ceil(Math.log2(length))));
  while (lanes >> tile > rows && 1 << tile < length) tile++;
  return tile;
}

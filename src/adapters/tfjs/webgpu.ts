/**
 * Rows of tokens on TF.js's webgpu backend: our own shaders, run as programs of that backend, so they use its encoder,
 * its pipeline cache and its pool of buffers. Every element of a result is written once, 16 bytes per lane where rows
 * allow. TF.js's own scatter copies all elements first and then adds atomically, 4 bytes per lane.
 */
import type { DataType, TensorInfo } from "@tensorflow/tfjs-core";
import type { RowKernels } from "./backend.ts";
import { type Geometry, sizeOf } from "./geometry.ts";

/** A program of the backend: `WebGPUProgram` in its `webgpu_program.ts`. */
interface Program {
  variableNames: string[];
  variableComponents: number[];
  outputComponent: number;
  outputShape: number[];
  shaderKey: string;
  workgroupSize: [number, number, number];
  size: boolean;
  dispatchLayout: { x: number[] };
  dispatch: [number, number, number];
  uniforms: string;
  getUserCode(): string;
}

/** `WebGPUBackend`, as far as it is used. */
interface WebGPUBackend {
  makeTensorInfo(shape: number[], dtype: DataType): TensorInfo;
  runWebGPUProgram(
    program: Program,
    inputs: TensorInfo[],
    dtype: DataType,
    uniforms: { type: "int32"; data: number[] }[],
    output: TensorInfo,
  ): TensorInfo;
}

const GROUP = 256;
const UNIFORMS = "batch : i32, groups : i32, seq : i32, retained : i32, row : i32, once : i32,";

/**
 * How rows lie: `[B,tokens]`, `[B,G,tokens]` or `[tokens,B]`. The first is a case of its own because it needs two
 * divisions less than the second: 16 channels were scattered in 0.87 of the time (SwiftShader).
 */
type Way = "batch" | "groups" | "seq";

const wayOf = (g: Geometry): Way => (g.batchFirst ? (g.groups > 1 ? "groups" : "batch") : "seq");

/** Row `r` of part -> where its row lies among all; `s` is out of range where an index made elsewhere is. */
const SOURCE: Record<Way, string> = {
  batch: `
    let s = idx[r];
    let source = select(r / uniforms.retained, 0, uniforms.once == 1) * uniforms.seq + s;`,
  groups: `
    let p = r / uniforms.retained;
    let b = p / uniforms.groups;
    let s = idx[b * uniforms.retained + (r - p * uniforms.retained)];
    let source = select(p, p - b * uniforms.groups, uniforms.once == 1) * uniforms.seq + s;`,
  seq: `
    let k = r / uniforms.batch;
    let b = r - k * uniforms.batch;
    let s = idx[b * uniforms.retained + k];
    let source = select(s * uniforms.batch + b, s, uniforms.once == 1);`,
};

/** Row `r` of all -> its place among the retained, or -1, and where that row lies in part. */
const PLACE: Record<Way, string> = {
  batch: `
    let place = places[r];
    let source = place;`,
  groups: `
    let p = r / uniforms.seq;
    let b = p / uniforms.groups;
    let place = places[b * uniforms.seq + (r - p * uniforms.seq)];
    let source = (p - b) * uniforms.retained + place;`,
  seq: `
    let s = r / uniforms.batch;
    let b = r - s * uniforms.batch;
    let place = places[b * uniforms.seq + s];
    let source = (place - b * uniforms.retained) * uniforms.batch + b;`,
};

const BODY = {
  gather: (way: Way, zero: string) => `${SOURCE[way]}
    if (s < 0 || s >= uniforms.seq) { result[index] = ${zero}; return; }
    result[index] = src[source * uniforms.row + c];`,
  scatter: (way: Way) => `${PLACE[way]}
    if (place < 0) { result[index] = base[index]; return; }
    result[index] = src[source * uniforms.row + c];`,
  scatterZeros: (way: Way, zero: string) => `${PLACE[way]}
    if (place < 0) { result[index] = ${zero}; return; }
    result[index] = src[source * uniforms.row + c];`,
  zeroRows: (way: Way, zero: string) => `${PLACE[way]}
    if (place < 0) { result[index] = base[index]; return; }
    result[index] = ${zero};`,
};

/** The same memory as a flat tensor, as the programs compute their own addresses. */
function flat(t: TensorInfo): TensorInfo {
  return { dataId: t.dataId, shape: [sizeOf(t.shape)], dtype: t.dtype };
}

function run(
  backend: object,
  kind: keyof typeof BODY,
  inputs: { [name: string]: TensorInfo | undefined },
  shape: number[],
  dtype: DataType,
  g: Geometry,
): TensorInfo {
  const be = backend as WebGPUBackend;
  const names = Object.keys(inputs).filter((name) => inputs[name] !== undefined);
  const unit = g.row % 4 === 0 ? 4 : 1;
  const scalar = dtype === "float32" ? "f32" : "i32"; // a bool is an i32 too
  const zero = unit === 4 ? `vec4<${scalar}>(0)` : `${scalar}(0)`;
  const way = wayOf(g);
  const n = sizeOf(shape);
  const out = be.makeTensorInfo(shape, dtype);
  const program: Program = {
    variableNames: names,
    variableComponents: names.map((name) => (name === "idx" || name === "places" ? 1 : unit)),
    outputComponent: unit,
    outputShape: [n],
    shaderKey: `random-ltd ${kind} ${way} ${unit}`,
    workgroupSize: [GROUP, 1, 1],
    size: true,
    dispatchLayout: { x: [0] },
    dispatch: [Math.ceil(n / unit / GROUP), 1, 1],
    uniforms: UNIFORMS,
    getUserCode: () => `
fn main(index : i32) {
  if (index < uniforms.size) {
    let r = index / uniforms.row;
    let c = index - r * uniforms.row;${BODY[kind](way, zero)}
  }
}`,
  };
  const numbers = [g.batch, g.groups, g.seq, g.retained, g.row / unit, Number(g.shared)];
  const uniforms = numbers.map((number) => ({ type: "int32" as const, data: [number] }));
  const all = names.map((name) => flat(inputs[name]!));
  be.runWebGPUProgram(program, all, dtype, uniforms, flat(out));
  return out;
}

/**
 * The places of all rows, by two programs: the first writes -1 for each of B*S, the second the place of each of B*K.
 */
const INVERT = {
  none: `
fn main(index : i32) {
  if (index < uniforms.size) { result[index] = -1; }
}`,
  places: `
fn main(index : i32) {
  if (index < uniforms.batch * uniforms.retained) {
    let s = idx[index];
    if (s >= 0 && s < uniforms.seq) { result[index / uniforms.retained * uniforms.seq + s] = index; }
  }
}`,
};

export const webgpuRows: RowKernels = {
  /** For each of B*S rows its place among the B*K retained, or -1. */
  mapOf(data, batch, retained, seq) {
    const map = new Int32Array(batch * seq).fill(-1);
    for (let b = 0; b < batch; b++) {
      for (let i = b * retained; i < (b + 1) * retained; i++) map[b * seq + data[i]] = i;
    }
    return { data: map, shape: [batch, seq] };
  },

  gather: (backend, all, idx, _, g) => run(backend, "gather", { src: all, idx }, g.partShape, all.dtype, g),

  scatter(backend, base, part, _, places, g) {
    const kind = base ? "scatter" : "scatterZeros";
    return run(backend, kind, { base, src: part, places }, g.allShape, part.dtype, g);
  },

  zeroRows: (backend, base, _, places, g) =>
    run(backend, "zeroRows", { base, places }, g.allShape, base.dtype, g),

  invert(backend, indices, seq) {
    const be = backend as WebGPUBackend;
    const [batch, retained] = indices.shape;
    const out = be.makeTensorInfo([batch, seq], "int32");
    const uniforms = [batch, seq, retained].map((number) => ({ type: "int32" as const, data: [number] }));
    for (const kind of ["none", "places"] as const) {
      const inputs = kind === "none" ? [] : [flat(indices)];
      const program: Program = {
        variableNames: inputs.map(() => "idx"),
        variableComponents: inputs.map(() => 1),
        outputComponent: 1,
        outputShape: [batch * seq],
        shaderKey: `random-ltd invert ${kind}`,
        workgroupSize: [GROUP, 1, 1],
        size: true,
        dispatchLayout: { x: [0] },
        dispatch: [Math.ceil((batch * (kind === "none" ? seq : retained)) / GROUP), 1, 1],
        uniforms: "batch : i32, seq : i32, retained : i32,",
        getUserCode: () => INVERT[kind],
      };
      be.runWebGPUProgram(program, inputs, "int32", uniforms, flat(out));
    }
    return out;
  },
};

/** The kernels and their gradients, put into TF.js's registries at the first call. */
import {
  engine,
  getBackend,
  getGradient,
  getKernel,
  type KernelConfig,
  type NamedAttrMap,
  type NamedTensors,
  registerGradient,
  registerKernel,
  reshape,
  sum,
  type Tensor,
  type TensorInfo,
  tidy,
} from "@tensorflow/tfjs-core";
import { aliasOf, type RowKernels } from "./backend.ts";
import { cpuRows } from "./cpu.ts";
import { fallbackRows } from "./fallback.ts";
import { attrsOf, type Geometry, geometryOf } from "./geometry.ts";
import { wasmRows } from "./wasm.ts";
import { webgpuRows } from "./webgpu.ts";

/** What moves rows on the backend of that name. */
export function rowsOn(backendName: string): RowKernels {
  const known: Record<string, RowKernels> = { cpu: cpuRows, wasm: wasmRows, webgpu: webgpuRows };
  return known[backendName] ?? fallbackRows;
}

/**
 * Retained positions as tensors: int32 `[B,K]`, and what the backend's `mapOf` makes of them. If the backend has no
 * map, or it is not made yet (gathering does not need it), the second is the same tensor as the first.
 */
export interface Positions {
  readonly indices: Tensor;
  readonly map: Tensor;
}

type Inputs = Record<string, TensorInfo>;
type Kernel = (
  rows: RowKernels,
  backend: object,
  inputs: Inputs,
  attrs: NamedAttrMap,
) => TensorInfo | TensorInfo[];

const scattered: Kernel = (rows, backend, { base, part, indices, map }, attrs) =>
  rows.scatter(backend, base, part, indices, map, geometryOf(attrs));

/**
 * Split and merge are gather and scatter as a wrapped layer uses them. Split returns the retained rows and the whole
 * tensor again, of which merge reads only the other rows. So the gradient of the whole is the gradient of the result
 * with the retained rows replaced: one pass over [B,S,C]. Adding the gradients of a gather and a scatter takes three.
 */
const KERNELS: Record<string, Kernel> = {
  RandomLTDGather: (rows, backend, { all, indices, map }, attrs) =>
    rows.gather(backend, all, indices, map, geometryOf(attrs)),
  RandomLTDScatterZeros: scattered,
  RandomLTDScatter: scattered,
  RandomLTDZeroRows: (rows, backend, { base, indices, map }, attrs) =>
    rows.zeroRows(backend, base, indices, map, geometryOf(attrs)),
  RandomLTDSplit: (rows, backend, { all, indices, map }, attrs) => [
    rows.gather(backend, all, indices, map, geometryOf(attrs)),
    aliasOf(backend, all),
  ],
  RandomLTDMerge: scattered,
  RandomLTDInvert: (rows, backend, { indices }, attrs) => rows.invert!(backend, indices, attrs.seq as number),
};

type Gradient = (dys: Tensor[], at: Positions, g: Geometry) => Record<string, () => Tensor>;

/** The gradients for `tf.grad`. They use the same kernels, so that gradients have gradients. */
const GRADIENTS: Record<string, Gradient> = {
  RandomLTDGather: ([dy], at, g) => ({
    all: () => (g.shared ? sharedGrad(dy, withMap(at, g), g) : scatterZeros(dy, withMap(at, g), g)),
  }),
  RandomLTDScatterZeros: ([dy], at, g) => ({ part: () => gather(dy, at, g) }),
  RandomLTDScatter: ([dy], at, g) => ({
    base: () => zeroRows(dy, at, g),
    part: () => gather(dy, at, g),
  }),
  RandomLTDZeroRows: ([dy], at, g) => ({ base: () => zeroRows(dy, at, g) }),
  RandomLTDSplit: ([part, whole], at, g) => ({ all: () => scatter(whole, part, at, g) }),
  RandomLTDMerge: ([dy], at, g) => ({
    base: () => reshape(dy, g.allShape), // another tensor: TF.js disposes a gradient once it is added to another
    part: () => gather(dy, at, g),
  }),
};

/** The gradient of a table that every row of the batch was gathered from: summed over them. */
function sharedGrad(dy: Tensor, at: Positions, g: Geometry): Tensor {
  const { batch, groups, seq, row, batchFirst } = g;
  const allShape = batchFirst ? [batch, groups * seq * row] : [seq, batch, row];
  return tidy(() => {
    const each = scatterZeros(dy, at, { ...g, shared: false, allShape });
    return reshape(sum(each, batchFirst ? 0 : 1, false), g.allShape);
  });
}

/**
 * Registers what is missing for the current backend: once per backend, even if there are several copies of this module.
 */
function prepare(): void {
  const backendName = getBackend();
  if (getKernel("RandomLTDInvert", backendName) !== undefined) return;
  for (const [kernelName, kernel] of Object.entries(KERNELS)) {
    const kernelFunc: KernelConfig["kernelFunc"] = ({ inputs, backend, attrs }) =>
      kernel(rowsOn(backendName), backend, inputs as Inputs, attrs as NamedAttrMap);
    registerKernel({ kernelName, backendName, kernelFunc });
  }
  for (const [kernelName, gradient] of Object.entries(GRADIENTS)) {
    if (getGradient(kernelName) !== undefined) continue;
    registerGradient({
      kernelName,
      inputsToSave: ["indices", "map"],
      gradFunc: (dy, [indices, map], attrs) => gradient([dy].flat(), { indices, map }, geometryOf(attrs)),
    });
  }
}

function run<T extends Tensor | Tensor[]>(kernelName: string, inputs: NamedTensors, attrs: NamedAttrMap): T {
  prepare();
  return engine().runKernel<T>(kernelName, inputs, attrs);
}

/** `part` of `all`. */
export function gather(all: Tensor, at: Positions, g: Geometry): Tensor {
  return run("RandomLTDGather", { all, ...at }, attrsOf(g));
}

/** `part` among zeros: the gradient of {@link gather}. */
export function scatterZeros(part: Tensor, at: Positions, g: Geometry): Tensor {
  return run("RandomLTDScatterZeros", { part, ...at }, attrsOf(g));
}

/** `part` among `base`. */
export function scatter(base: Tensor, part: Tensor, at: Positions, g: Geometry): Tensor {
  return run("RandomLTDScatter", { base, part, ...at }, attrsOf(g));
}

/** `base` with zeros in the retained rows: a gradient of {@link scatter}. */
export function zeroRows(base: Tensor, at: Positions, g: Geometry): Tensor {
  return run("RandomLTDZeroRows", { base, ...at }, attrsOf(g));
}

/** The retained rows of `all`, and `all` for {@link merge} and nothing else. */
export function split(all: Tensor, at: Positions, g: Geometry): [part: Tensor, whole: Tensor] {
  return run("RandomLTDSplit", { all, ...at }, attrsOf(g));
}

/** `part` among the rest of what {@link split} gave. */
export function merge(base: Tensor, part: Tensor, at: Positions, g: Geometry): Tensor {
  return run("RandomLTDMerge", { base, part, ...at }, attrsOf(g));
}

/** The map of indices that can't be read, or the indices themselves if the backend needs no map. */
export function mappedTo(indices: Tensor, seq: number): Tensor {
  return rowsOn(getBackend()).invert ? run("RandomLTDInvert", { indices }, { seq }) : indices;
}

/** Positions with their map, made now if a gather did not need it. TF.js frees what a gradient makes. */
function withMap({ indices, map }: Positions, { seq }: Geometry): Positions {
  return { indices, map: map.dataId === indices.dataId ? mappedTo(indices, seq) : map };
}

/** The shaders as programs: which buffers each takes, and how one source becomes its variants. */
import type { Program } from "./pipelines.ts";
import * as wgsl from "./shaders.ts";

/** The buffers of a shader, by the names that they have there. */
export type BufferName = "src" | "idx" | "dst" | "base" | "map";

/** An entry point of a file in gpu/, and its bindings. */
export interface Kernel {
  readonly source: string;
  readonly entryPoint: string;
  readonly bindings: Readonly<Partial<Record<BufferName, number>>>;
}

/** What differs between the variants of one kernel. */
export interface Variant {
  /** Bytes a lane moves at once: 16, as the files are written, or 4. */
  readonly unitBytes: number;
  /** Bytes of an element, where the kernel knows elements. */
  readonly elementBytes?: number;
  /** Buffers that are bound as writable, since one of their GPUBuffer is written. */
  readonly writable?: readonly BufferName[];
  /** Buffers that lie within another one's binding. */
  readonly within?: ReadonlyMap<BufferName, BufferName>;
}

const moved = { src: 1, idx: 2, dst: 3 } as const;

function kernel(source: string, entryPoint: string, bindings: Kernel["bindings"]): Kernel {
  return { source, entryPoint, bindings };
}

let all: Record<KernelName, Kernel> | undefined;

/** Every kernel. Made when first asked for, as what a module makes at once stays in bundles without a GPU. */
export function kernels(): Record<KernelName, Kernel> {
  all ??= {
    gather: kernel(wgsl.gather, "gather", moved),
    gatherBytes: kernel(wgsl.gather_bytes, "gather", moved),
    scatter: kernel(wgsl.scatter, "scatter", moved),
    scatterBytes: kernel(wgsl.scatter_bytes, "scatter", { ...moved, map: 4 }),
    zero: kernel(wgsl.scatter, "zero", { idx: 2, dst: 3 }),
    zeroBytes: kernel(wgsl.zero_bytes, "zero", { idx: 2, dst: 3, map: 4 }),
    accumulate: kernel(wgsl.accumulate, "accumulate", moved),
    invert: kernel(wgsl.invert, "invert", { idx: 2, dst: 3 }),
    scatterCopy: kernel(wgsl.rebuild, "scatter_copy", { src: 1, map: 2, dst: 3, base: 4 }),
    scatterCopyBytes: kernel(wgsl.rebuild_bytes, "scatter_copy", { src: 1, map: 2, dst: 3, base: 4 }),
    scatterZeros: kernel(wgsl.rebuild, "scatter_zeros", { src: 1, map: 2, dst: 3 }),
    scatterZerosBytes: kernel(wgsl.rebuild_bytes, "scatter_zeros", { src: 1, map: 2, dst: 3 }),
    zeroCopy: kernel(wgsl.rebuild, "zero_copy", { map: 2, dst: 3, base: 4 }),
    zeroCopyBytes: kernel(wgsl.rebuild_bytes, "zero_copy", { map: 2, dst: 3, base: 4 }),
    slice: kernel(wgsl.slice, "slice", { src: 1, dst: 3 }),
    sliceBytes: kernel(wgsl.slice_bytes, "slice", { src: 1, dst: 3 }),
    maskGather: kernel(wgsl.mask_gather, "mask_gather", moved),
    maskGatherSmall: kernel(wgsl.mask_gather_small, "mask_gather", moved),
    maskGatherOdd: kernel(wgsl.mask_gather_odd, "mask_gather", moved),
  };
  return all;
}

/** The names of the kernels; those in Bytes move rows of any number of bytes. */
export type KernelName =
  | "gather"
  | "gatherBytes"
  | "scatter"
  | "scatterBytes"
  | "zero"
  | "zeroBytes"
  | "accumulate"
  | "invert"
  | "scatterCopy"
  | "scatterCopyBytes"
  | "scatterZeros"
  | "scatterZerosBytes"
  | "zeroCopy"
  | "zeroCopyBytes"
  | "slice"
  | "sliceBytes"
  | "maskGather"
  | "maskGatherSmall"
  | "maskGatherOdd";

const programs: WeakMap<Kernel, Map<string, Program>> = /* @__PURE__ */ new WeakMap();

/** The program of a variant, made when first asked for: a step asks for the same few over and over. */
export function program(kernel: Kernel, variant: Variant): Program {
  let variants = programs.get(kernel);
  if (variants === undefined) {
    variants = new Map();
    programs.set(kernel, variants);
  }
  const { unitBytes, elementBytes, writable = [], within = [] } = variant;
  const key = `${unitBytes}/${elementBytes}/${writable}/${[...within]}`;
  let made = variants.get(key);
  if (made === undefined) {
    made = { code: variantSource(kernel, variant), entryPoint: kernel.entryPoint };
    variants.set(key, made);
  }
  return made;
}

/** The whole source of a variant: a file of gpu/ with a line or a name changed. */
function variantSource(kernel: Kernel, { unitBytes, elementBytes, writable, within }: Variant): string {
  let code = kernel.source;
  if (unitBytes === 4)
    code = code.replace("unit = vec4u;", "unit = u32;").replace("unit = vec4f;", "unit = f32;");
  if (elementBytes !== undefined)
    code = code.replace(/element_bytes = \du;/, `element_bytes = ${elementBytes}u;`);
  for (const name of writable ?? []) {
    code = code.replace(`var<storage, read> ${name}:`, `var<storage, read_write> ${name}:`);
  }
  for (const [name, whole] of within ?? []) {
    code = code.replace(new RegExp(`.*var<storage, read> ${name}:.*\n`), "");
    code = code.replaceAll(new RegExp(`\\b${name}\\[`, "g"), `${whole}[`);
  }
  return code;
}

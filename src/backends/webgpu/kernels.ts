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
  /** What it is compiled as where each buffer has a binding of its own. */
  readonly variants: readonly Variant[];
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

/** Operations of rows.wgsl that rows_bytes.wgsl has, too. */
type RowKernel = "gather" | "scatter" | "zero" | "scatterCopy" | "scatterZeros" | "zeroCopy" | "slice";

/** The names of the kernels; those in Bytes move rows of any number of bytes. */
export type KernelName =
  | RowKernel
  | `${RowKernel}Bytes`
  | "accumulate"
  | "invert"
  | "maskWords"
  | "maskQuads"
  | "maskParts"
  | "maskOdd";

let all: Record<KernelName, Kernel> | undefined;

/** Every kernel. Made when first asked for, as what a module makes at once stays in bundles without a GPU. */
export function kernels(): Record<KernelName, Kernel> {
  all ??= makeKernels(wgsl.rows, wgsl.rows_bytes, wgsl.masks);
  return all;
}

function makeKernels(rows: string, bytes: string, masks: string): Record<KernelName, Kernel> {
  const [src, idx, dst, map, base] = [{ src: 1 }, { idx: 2 }, { dst: 3 }, { map: 4 }, { base: 5 }];
  const moved = { ...src, ...idx, ...dst };
  const words = [{ unitBytes: 4 }];
  const units = [{ unitBytes: 16 }, ...words];
  const elements = (...sizes: number[]) => sizes.map((elementBytes) => ({ unitBytes: 4, elementBytes }));
  const kernel = (
    source: string,
    entryPoint: string,
    bindings: Kernel["bindings"],
    variants: Kernel["variants"] = source === rows ? units : words,
  ): Kernel => ({ source, entryPoint, bindings, variants });
  return {
    gather: kernel(rows, "gather", moved),
    gatherBytes: kernel(bytes, "gather", moved),
    scatter: kernel(rows, "scatter", moved),
    scatterBytes: kernel(bytes, "scatter", { ...moved, ...map }),
    zero: kernel(rows, "zero", { ...idx, ...dst }),
    zeroBytes: kernel(bytes, "zero", { ...idx, ...dst, ...map }),
    accumulate: kernel(rows, "accumulate", moved),
    invert: kernel(rows, "invert", { ...idx, dst: 6 }, words),
    scatterCopy: kernel(rows, "scatter_copy", { ...src, ...dst, ...map, ...base }),
    scatterCopyBytes: kernel(bytes, "scatter_copy", { ...src, ...dst, ...map, ...base }),
    scatterZeros: kernel(rows, "scatter_zeros", { ...src, ...dst, ...map }),
    scatterZerosBytes: kernel(bytes, "scatter_zeros", { ...src, ...dst, ...map }),
    zeroCopy: kernel(rows, "zero_copy", { ...dst, ...map, ...base }),
    zeroCopyBytes: kernel(bytes, "zero_copy", { ...dst, ...map, ...base }),
    slice: kernel(rows, "slice", { ...src, ...dst }),
    sliceBytes: kernel(bytes, "slice", { ...src, ...dst }),
    maskWords: kernel(masks, "gather_words", moved, elements(4)),
    maskQuads: kernel(masks, "gather_quads", { ...src, ...idx, dst: 4 }, elements(4)),
    maskParts: kernel(masks, "gather_parts", moved, elements(2, 1)),
    maskOdd: kernel(masks, "gather_odd", moved, elements(2, 1)),
  };
}

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
    code = code.replace("unit = vec4u;", "unit = u32;").replace("number = vec4f;", "number = f32;");
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

/** The shaders: files of gpu/ one after the other, and how one source becomes its variants. */
import type { Program } from "./pipelines.ts";
import { wgsl } from "./shaders.ts";

/** The buffers of a shader, by the names that they have there, and their bindings. */
export const BINDINGS = { src: 1, idx: 2, dst: 3, map: 4, base: 5 } as const;

/** The name of a buffer of a shader. */
export type BufferName = keyof typeof BINDINGS;

/** The files of gpu/ that follow main.wgsl in a shader. Their order is part of its key: as device.ts has it. */
export type Files = readonly (keyof typeof wgsl)[];

/** A shader. */
export interface Variant {
  readonly files: Files;
  /** Bytes of a unit: 16, as main.wgsl is written, or 4. */
  readonly unitBytes: number;
  /** Bytes of an element, where the files know elements: 2, as masks.wgsl is written, or 1; 4 changes nothing. */
  readonly elementBytes?: number;
  /** Buffers that are bound as writable, since one of their GPUBuffer is written. */
  readonly writable?: readonly BufferName[];
  /** Buffers without a binding of their own, and whose they lie in. */
  readonly within?: ReadonlyMap<BufferName, BufferName>;
}

/** The program of a variant. */
export function programOf({
  files,
  unitBytes,
  elementBytes = 2,
  writable = [],
  within = new Map(),
}: Variant): Program {
  const changes = [unitBytes, elementBytes, writable, ...within].join(" ");
  return {
    key: `${files.join(" ")}, ${changes}`,
    code() {
      let code = ["main" as const, ...files].map((file) => wgsl[file]).join("");
      if (unitBytes === 4) code = code.replace("=vec4u", "=u32").replace("=vec4f", "=f32");
      if (elementBytes === 1) code = code.replace("element_bytes=2u", "element_bytes=1u");
      for (const name of writable) code = code.replace(`read>${name}:`, `read_write>${name}:`);
      for (const [name, whole] of within) {
        code = code.replace(new RegExp(`.*>${name}:.*\n`), "").replaceAll(`${name}[`, `${whole}[`);
      }
      return code;
    },
  };
}

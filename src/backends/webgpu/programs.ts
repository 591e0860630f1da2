/** The text of a shader: sections of gpu/, one after the other, and what the bindings of a dispatch change in it. */
import type { Program } from "./pipelines.ts";
import { type Section, wgsl } from "./shaders.ts";

/** The buffers of a shader, by the names that they have there, and their bindings. */
export const BINDINGS = { src: 1, idx: 2, dst: 3, map: 4, base: 5 } as const;

/** The name of a buffer of a shader. */
export type BufferName = keyof typeof BINDINGS;

/** A shader: gpu/main.wgsl and another file of gpu/, and the sections that were chosen of both. */
export interface Shader {
  readonly file: "rows" | "masks";
  readonly sections: readonly Section[];
}

/**
 * Buffers of a shader that are in the GPUBuffer which it writes, so that they are bound as writable, and under whose
 * name: their own, or that of another whose binding they lie in.
 */
export type Sharing = ReadonlyMap<BufferName, BufferName>;

/** The program of a shader. */
export function programOf(shader: Shader, sharing: Sharing = new Map()): Program {
  const changes = [...sharing].map(([name, whose]) => `${name} writable in ${whose}`);
  return {
    key: `${shader.file}: ${[...shader.sections, ...changes].join(", ")}`,
    code: () => codeOf(shader, sharing),
  };
}

/** The text of a shader, out of `files`. */
export function codeOf({ file, sections }: Shader, sharing: Sharing, files: typeof wgsl = wgsl): string {
  const missing = new Set(sections);
  let code = [...files.main, ...files[file]]
    .filter(([label]) => label === "" || missing.delete(label))
    .map(([, text]) => text)
    .join("");
  if (missing.size > 0) throw new Error(`gpu/${file}.wgsl has no ${[...missing]}`);
  /** Replaces a pattern; throws unless it is there so many times, or at all where that is not said. */
  const replace = (pattern: string, by: string, times?: number) => {
    const parts = code.split(new RegExp(pattern));
    if (parts.length < 2 || parts.length - 1 !== (times ?? parts.length - 1))
      throw new Error(`gpu/${file}.wgsl has ${pattern} ${parts.length - 1} times`);
    code = parts.join(by);
  };
  for (const [name, whose] of sharing) {
    if (name === whose) {
      replace(`(?<=read)(?=> ?${name}:)`, "_write", 1);
    } else {
      replace(`.*> ?${name}:.*\n`, "", 1);
      replace(`(?<!//.*)\\b${name}\\b`, whose);
    }
  }
  return code;
}

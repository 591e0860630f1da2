/** The text of a shader: sections of gpu/ joined together, and adapted where its buffers share bindings. */
import type { Program } from "./pipelines.ts";
import { type Section, wgsl } from "./shaders.ts";

/** The buffers of a shader: their names in its text, and their bindings. */
export const BINDINGS = { src: 1, idx: 2, dst: 3, map: 4, base: 5 } as const;

/** The name of a buffer of a shader. */
export type BufferName = keyof typeof BINDINGS;

/** A shader: gpu/main.wgsl and another file of gpu/, and the sections chosen from both. */
export interface Shader {
  readonly file: "rows" | "masks";
  readonly sections: readonly Section[];
}

/**
 * The buffers of a shader that lie in the GPUBuffer which it writes. They are bound as writable, under the given name:
 * their own, or that of another buffer whose binding they share.
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
  /** Replaces a pattern; throws unless it occurs `times` times, or, without `times`, at least once. */
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

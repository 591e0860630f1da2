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
    .map(([, text]) => (text.includes("\n") ? text : text.replace(/[;{}]/g, "$&\n"))) // the package has no line breaks
    .join("");
  const found = (what: unknown) => {
    if (!what) throw new Error(`gpu/${file}.wgsl has no ${[...missing, ...sharing.keys()]}`);
  };
  found(missing.size === 0);
  const replace = (pattern: string, by: string) => {
    const parts = code.split(new RegExp(pattern));
    found(parts.length > 1);
    code = parts.join(by);
  };
  for (const [name, whose] of sharing) {
    if (name === whose) {
      replace(`(?<=read)(?=> ?${name}:)`, "_write");
    } else {
      replace(`.*> ?${name}:.*\n`, "");
      replace(`(?<!//.*)\\b${name}\\b`, whose);
    }
  }
  return code;
}

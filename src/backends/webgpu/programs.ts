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

/** How the buffers of a shader are bound, where it is not each by itself. */
export interface Sharing {
  /** Buffers that are bound as writable, since one of their GPUBuffer is written. */
  readonly writable: readonly BufferName[];
  /** Buffers without a binding of their own, and whose they lie in. */
  readonly within: ReadonlyMap<BufferName, BufferName>;
}

/** The program of a shader. */
export function programOf(shader: Shader, sharing?: Sharing): Program {
  const { writable = [], within = [] } = sharing ?? {};
  const changes = [
    ...writable.map((name) => `${name} writable`),
    ...[...within].map((pair) => pair.join(" in ")),
  ];
  return {
    key: `${shader.file}: ${[...shader.sections, ...changes].join(", ")}`,
    code: () => codeOf(shader, sharing),
  };
}

/** The text of a shader, out of `files`. */
export function codeOf({ file, sections }: Shader, sharing?: Sharing, files: typeof wgsl = wgsl): string {
  const missing = new Set(sections);
  let code = [...files.main, ...files[file]]
    .filter(([label]) => label === "" || missing.delete(label))
    .map(([, text]) => text)
    .join("");
  if (missing.size > 0) throw new Error(`gpu/${file}.wgsl has no ${[...missing]}`);
  for (const name of sharing?.writable ?? []) {
    code = replaced(code, `(?<=read)(?=> ?${name}:)`, "_write", 1);
  }
  for (const [name, whole] of sharing?.within ?? []) {
    code = replaced(code, `.*> ?${name}:.*\n`, "", 1);
    code = replaced(code, `(?<!//.*)\\b${name}\\b`, whole);
  }
  return code;
}

/** The text with a pattern replaced; throws unless that is there so many times, or else at all. */
function replaced(text: string, pattern: string, by: string, times?: number): string {
  const found = text.match(new RegExp(pattern, "g"))?.length ?? 0;
  if (found === 0 || (times ?? found) !== found) throw new Error(`a shader has ${pattern} ${found} times`);
  return text.replace(new RegExp(pattern, "g"), by);
}

/** The example whose tokens are shown layer by layer. */
import { arrows, followerVocab } from "../trainer/tasks/arrows.ts";
import { dataOf } from "./data.ts";
import { digitAt, SIDE } from "./digits.ts";
import { TASKS, type TaskName } from "./settings.ts";

interface Named {
  readonly caption: string;
  /** What a token is called in a sentence. */
  readonly nameOf: (token: number) => string;
}

/** An example as an image, cut into a square of tokens, or as words. */
export type Example = Named &
  (
    | { readonly kind: "image"; readonly pixels: Uint8Array; readonly width: number }
    | { readonly kind: "words"; readonly words: readonly string[]; readonly spaced: boolean }
  );

/** The example of a task. */
export async function exampleOf(task: TaskName): Promise<Example> {
  const data = await dataOf(task);
  const { seqLength } = TASKS[task];
  if (task === "digits") {
    const { pixels } = digitAt(data!, 5);
    const side = Math.sqrt(seqLength);
    return {
      kind: "image",
      caption: `A digit as ${seqLength} tokens, a place of 2 x 2 pixels each.`,
      pixels,
      width: SIDE,
      nameOf: (token) =>
        `The outlined token (row ${Math.floor(token / side) + 1}, column ${(token % side) + 1})`,
    };
  }
  const words = task === "text" ? lettersOf(data!, seqLength) : arrowsOf(seqLength);
  return {
    kind: "words",
    caption:
      task === "text"
        ? `${seqLength} letters of the book, a token each.`
        : "The query, then 127 arrows: each says where one node leads. Every node's arrow stands there 31 or 32 times.",
    words,
    spaced: task === "arrows",
    nameOf: (token) => `Token ${token} (${words[token].trim() || "a blank"})`,
  };
}

/** The book's first letters, lines folded. */
function lettersOf(data: ArrayBuffer, count: number): string[] {
  const text = new TextDecoder().decode(data.slice(0, 8 * count));
  const begin = Math.max(0, text.indexOf("Call me"));
  return [...text.slice(begin).replace(/\s+/g, " ")].slice(0, count);
}

/** Nodes of *arrows*. */
export const NODES = 4;

/** A row of *arrows* in words: out of the very batch that a run sees first. */
function arrowsOf(seqLength: number): string[] {
  const [nodes, hops] = [NODES, 4];
  const { tokens } = arrows({ seq: seqLength, nodes, hops }).batch(7, 0, 1);
  const V = followerVocab(nodes);
  const ones = (token: number) => {
    const found: number[] = [];
    for (let v = 0; v < V; v++) if (tokens.data[token * V + v] === 1) found.push(v);
    return found;
  };
  return Array.from({ length: seqLength }, (_, token) => {
    const [a, b] = ones(token);
    return token === 0 ? `from ${letter(a - 2 * nodes)}?` : `${letter(a)}→${letter(b - nodes)}`;
  });
}

/** Nodes by letters, from A on. */
export function letter(node: number): string {
  return String.fromCharCode(65 + node);
}

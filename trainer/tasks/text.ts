/** The next character of a book. */
import { Random } from "../random.ts";
import type { HostArrays, Task } from "../types.ts";

/** Chapters from this one on are held out: a tenth of Moby Dick. */
const FIRST_HELD_OUT = 120;
/** A character rarer than this in the training text shares one number with all such. */
const RARE = 10;

/** Training and held-out text as numbers below `vocab`; 0 is "rare". */
export interface TextData {
  readonly vocab: number;
  /** What each number stands for; what is rare has none. */
  readonly characters: readonly (string | undefined)[];
  readonly train: Int32Array;
  readonly heldOut: Int32Array;
}

/** @param chapters The texts of the chapters, in order, the first one being chapter 0. */
export function readChapters(chapters: readonly string[]): TextData {
  const text = chapters.slice(0, FIRST_HELD_OUT).join("\n\n");
  const counts = new Map<string, number>();
  for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1);
  const known = [...counts.keys()].filter((c) => (counts.get(c) as number) >= RARE).sort();
  const numbers = new Map(known.map((character, i) => [character, i + 1]));
  const encode = (text: string) => Int32Array.from(text, (character) => numbers.get(character) ?? 0);
  return {
    // A multiple of 4, for the WASM backend's sake.
    vocab: 4 * Math.ceil((known.length + 1) / 4),
    characters: [undefined, ...known],
    train: encode(text),
    heldOut: encode(chapters.slice(FIRST_HELD_OUT).join("\n\n")),
  };
}

/** What a table of character pairs reaches on the held-out text: nats a character, a tenth added to every count. */
function bigramLoss({ train, heldOut, vocab }: TextData): number {
  const counts = new Float64Array(vocab * vocab).fill(0.1);
  const sums = new Float64Array(vocab).fill(0.1 * vocab);
  for (let i = 1; i < train.length; i++) {
    counts[train[i - 1] * vocab + train[i]]++;
    sums[train[i - 1]]++;
  }
  let loss = 0;
  for (let i = 1; i < heldOut.length; i++) {
    loss -= Math.log(counts[heldOut[i - 1] * vocab + heldOut[i]] / sums[heldOut[i - 1]]);
  }
  return loss / (heldOut.length - 1);
}

/** Sequences of `seq` characters from anywhere in the training text; each position answers with the next character. */
export function text(data: TextData, { seq, heldOutRows = 64 }: { seq: number; heldOutRows?: number }): Task {
  const cut = (from: Int32Array, starts: readonly number[]): HostArrays => {
    const shape = [starts.length, seq];
    const [tokens, targets] = [0, 1].map((ahead) => {
      const data = new Int32Array(starts.length * seq);
      for (const [row, start] of starts.entries()) {
        data.set(from.subarray(start + ahead, start + ahead + seq), row * seq);
      }
      return { shape, data };
    });
    return { tokens, targets };
  };
  const { train, heldOut } = data;
  return {
    name: "text",
    synthetic: false,
    keepPrefix: 0,
    baseline: { name: "a table of character pairs", loss: bigramLoss(data) },
    batch(seed, step, size) {
      const random = new Random(seed, step, 3);
      return cut(
        train,
        Array.from({ length: size }, () => random.below(train.length - seq)),
      );
    },
    heldOut(size) {
      const batches = Math.max(1, Math.floor(heldOutRows / size));
      const start = (row: number) => Math.floor(((heldOut.length - seq - 1) * row) / (batches * size));
      return Array.from({ length: batches }, (_, i) =>
        cut(
          heldOut,
          Array.from({ length: size }, (_, row) => start(i * size + row)),
        ),
      );
    },
  };
}

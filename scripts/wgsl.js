// Shaders as they travel: without comments and blanks, and with short names. It takes them to a third of their bytes, and
// from 2.4 KB, gzip and without comments, to 1.9. A line stays a line, for compilers' messages.
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";

/** Names that src/backends/webgpu looks for, and those of a vector's components. */
const KEPT = [
  "main",
  "unit",
  "number",
  "element_bytes",
  "src",
  "idx",
  "dst",
  "map",
  "base",
  "x",
  "y",
  "z",
  "w",
];

/** The files of a folder, as name and text. */
export function shaders(folder) {
  const files = readdirSync(folder, { recursive: true })
    .filter((file) => file.endsWith(".wgsl"))
    .sort()
    .map((file) => [basename(file, ".wgsl"), dense(readFileSync(join(folder, file), "utf8"))]);
  const all = files.map(([, text]) => text).join("");
  const declared = all.matchAll(/\b(?:fn|struct|let|var|const) (\w+)|\b(\w+):/g);
  const names = [...new Set([...declared].map(([, named, typed]) => named ?? typed))]
    .filter((name) => !KEPT.includes(name))
    .map((name) => ({ name, count: all.match(new RegExp(`\\b${name}\\b`, "g")).length }))
    .sort((a, b) => b.count - a.count || (a.name < b.name ? -1 : 1));
  const short = new Map(names.map(({ name }, i) => [name, shortName(i)]));
  return files.map(([file, text]) => [
    file,
    text.replace(/(?<!@)\b[a-z_]\w*/gi, (word) => short.get(word) ?? word),
  ]);
}

/** Without what a compiler passes over, line breaks excepted. */
function dense(wgsl) {
  return wgsl
    .replace(/\/\/.*/g, "")
    .split("\n")
    .map((line) => line.trim().replace(/ ?([^\w\s@]+) ?/g, "$1"))
    .filter((line) => line !== "")
    .join("\n")
    .concat("\n");
}

/** a to v, then a0 to v9: none is a word of WGSL. */
function shortName(i) {
  const letter = String.fromCharCode(97 + (i % 22));
  return i < 22 ? letter : letter + Math.floor(i / 22 - 1);
}

// The shaders as TypeScript: the files of gpu/ in their sections, as they are written for src, and shortened for the
// package, which takes them to a third of their bytes.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { withShortNames } from "./wgsl-names.js";

/** The file that is made. */
export const SHADERS = "src/backends/webgpu/shaders.ts";

/** Names that src/backends/webgpu looks for, and those of a vector's components. */
const KEPT = ["main", "lanes", "src", "idx", "dst", "map", "base", "x", "y", "z", "w"];

/**
 * The files of gpu/ by their names: sections, label and text; the label of what every shader has is "".
 * @typedef {Record<string, [label: string, text: string][]>} Shaders
 */

/**
 * Reads the files of a folder. gpu/main.wgsl says how sections are written.
 * @returns {Shaders}
 */
export function readShaders(folder = "gpu") {
  const files = readdirSync(folder).filter((file) => file.endsWith(".wgsl"));
  return Object.fromEntries(
    files
      .sort()
      .map((file) => [basename(file, ".wgsl"), sectionsOf(readFileSync(join(folder, file), "utf8"), file)]),
  );
}

/**
 * The sections of a file's text. Throws where a label is used twice, or answers to a question lie apart.
 * @param {string} text
 * @param {string} file Its name, for messages.
 */
export function sectionsOf(text, file) {
  /** @type {[string, string][]} */
  const sections = [["", ""]];
  for (const line of text.split(/(?<=\n)/)) {
    if (!line.startsWith("//!")) {
      sections[sections.length - 1][1] += line;
      continue;
    }
    const [, always, label] = /^\/\/! (?:(always)|(\w+ = \w+))\n$/.exec(line) ?? [];
    if (!always && !label)
      throw new Error(`${file}: "${line.trim()}" is no \`//! question = answer\` or \`//! always\``);
    if (label && sections.some(([other]) => other === label))
      throw new Error(`${file}: "${label}" is there twice`);
    sections.push([label ?? "", line]); // a comment, which says in the whole text whose answer follows
  }
  const questions = sections.map(([label]) => label.split(" ")[0]);
  questions.forEach((question, i) => {
    if (question && question !== questions[i - 1] && questions.indexOf(question) < i) {
      throw new Error(`${file}: the answers to "${question}" do not stand side by side`);
    }
  });
  return sections;
}

/**
 * Shaders without comments, blanks and line breaks, and with short names. `codeOf` gives them lines again, for compilers'
 * messages.
 * @param {Shaders} shaders
 */
export function shortened(shaders) {
  const texts = Object.entries(shaders).flatMap(([file, sections]) =>
    sections.map(([, text]) => ({ file, text: dense(text) })),
  );
  const short = withShortNames(texts, KEPT).map((text) =>
    text.replace(/(?<=[;{}(),])\n/g, "").replace(/,(?=[)}])/g, ""),
  );
  if (short.some((text) => text.includes("\n"))) throw new Error("a line of gpu/ ends within a statement");
  return Object.fromEntries(
    Object.entries(shaders).map(([file, sections]) => [
      file,
      sections.map(([label]) => /** @type {[string, string]} */ ([label, short.shift() ?? ""])),
    ]),
  );
}

/**
 * The text of src/backends/webgpu/shaders.ts.
 * @param {Shaders} shaders
 * @param {string} how What became of them.
 */
export function shaderModule(shaders, how) {
  const files = Object.keys(shaders).map((name) => `"${name}"`);
  const labels = Object.values(shaders)
    .flat()
    .map(([label]) => `"${label}"`);
  return (
    `/** A section of a file of gpu/, as its label has it; "" is what every shader has. */\n` +
    `export type Section = ${[...new Set(labels)].join(" | ")};\n` +
    `/** The files of gpu/ by their names, ${how}: sections, label and text. Made by scripts/wgsl.js. */\n` +
    `export const wgsl: Readonly<Record<${files.join(" | ")}, readonly (readonly [Section, string])[]>> = ` +
    `${JSON.stringify(shaders, null, 2)};\n`
  );
}

/** Writes the module that src runs with: the text as it is written. */
export function writeShaders() {
  writeFileSync(SHADERS, shaderModule(readShaders(), "as they are written"));
}

/**
 * Puts the shortened text into a bundle; fails where none was asked for.
 * @returns {import("esbuild").Plugin}
 */
export function shortShaders() {
  return {
    name: "short shaders",
    setup(esbuild) {
      let loaded = 0;
      esbuild.onLoad({ filter: /[\\/]webgpu[\\/]shaders\.ts$/ }, () => {
        loaded++;
        return { contents: shaderModule(shortened(readShaders()), "shortened"), loader: "ts" };
      });
      esbuild.onEnd(() => (loaded > 0 ? {} : { errors: [{ text: `nothing imports ${SHADERS}` }] }));
    },
  };
}

/**
 * Without what a compiler passes over, line breaks excepted: names are found by them.
 * @param {string} wgsl
 */
function dense(wgsl) {
  return wgsl
    .replace(/\/\/.*/g, "")
    .split("\n")
    .map((line) => line.trim().replace(/ ?([^\w\s@]+) ?/g, "$1"))
    .filter((line) => line !== "")
    .map((line) => `${line}\n`)
    .join("");
}

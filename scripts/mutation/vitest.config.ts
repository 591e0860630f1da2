/** Tests with a mutant in the place of what is generated: the files of the folder MUTANT instead of those of src/. */
import { existsSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { defineConfig, type Plugin } from "vitest/config";
import { bundle } from "../tfjs/load.js";

const folder = process.env.MUTANT ?? "";
const GENERATED = /\/src\/.*\/(?:core-bytes|heap-rows-bytes|shaders)\.ts$/;

/** For tests that compile the core themselves: what the compiler would have made of the mutant. */
const COMPILER = `
import { readFileSync } from "node:fs";
export async function main(_, { writeFile }) {
  writeFile("testing.wasm", readFileSync(${JSON.stringify(join(folder, "testing.wasm"))}));
  return { error: null, stderr: "" };
}`;

const mutant: Plugin = {
  name: "mutant",
  enforce: "pre",
  resolveId: (id) =>
    id === "assemblyscript/asc" && existsSync(join(folder, "testing.wasm")) ? "\0compiler" : undefined,
  load(id) {
    if (id === "\0compiler") return COMPILER;
    const file = join(folder, basename(id));
    return GENERATED.test(id) && existsSync(file) ? readFileSync(file, "utf8") : undefined;
  },
};

export default defineConfig({
  plugins: folder === "" ? [] : [mutant],
  resolve: { alias: { "@tensorflow/tfjs-core": bundle } },
  test: { testTimeout: 300_000, hookTimeout: 300_000, include: ["test/**/*.test.ts"], cache: false },
});

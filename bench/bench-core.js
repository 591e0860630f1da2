import { spawnSync } from "node:child_process";
import { readFile } from "node:fs/promises";

/** @typedef {import("../src/core/core.ts").Core} Core */

/**
 * What assembly/bench.ts exports.
 * @typedef {{
 *   memory: WebAssembly.Memory,
 *   setSeed(low: number, high: number, step: number): void,
 *   setScalarSeed(low: number, high: number, step: number): void,
 *   keysOnly(layerOrdinal: number, rows: number, seqLength: number): number,
 *   scalarKeys(layerOrdinal: number, rows: number, seqLength: number): number,
 *   copyRows(to: number, from: number, list: number, n: number, bytes: number): void,
 * }} BenchCore
 */

/**
 * Compiles assembly/bench.ts as the shipped core is compiled, but for its limit of memory, and instantiates it. The
 * compiler runs in a process of its own: the heap that it leaves behind would have each collection take longer.
 */
export async function benchCore() {
  const compiler = "node_modules/assemblyscript/bin/asc.js";
  const config = ["--config", "asconfig.json", "--target", "release", "--maximumMemory", "2048"];
  const args = [compiler, "assembly/bench.ts", ...config, "--outFile", "build/bench.wasm"];
  const { status } = spawnSync(process.execPath, args, { stdio: "inherit" });
  if (status !== 0) throw new Error("assembly/bench.ts does not compile");
  const { instance } = await WebAssembly.instantiate(await readFile("build/bench.wasm"));
  return /** @type {BenchCore} */ (instance.exports);
}

/** The shipped core by itself. */
export async function shippedCore() {
  const { instance } = await WebAssembly.instantiate(await readFile("build/core.wasm"));
  return /** @type {Core} */ (instance.exports);
}

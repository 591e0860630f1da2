import { spawnSync } from "node:child_process";
import { readFile } from "node:fs/promises";

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
  return instance.exports;
}

/** The shipped core by itself. */
export async function shippedCore() {
  const { instance } = await WebAssembly.instantiate(await readFile("build/core.wasm"));
  return instance.exports;
}

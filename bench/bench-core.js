import { readFile } from "node:fs/promises";
import * as asc from "assemblyscript/asc";

/** Compiles assembly/bench.ts as the shipped core is compiled, but for its limit of memory, and instantiates it. */
export async function benchCore() {
  const { error, stderr } = await asc.main([
    "assembly/bench.ts",
    "--config",
    "asconfig.json",
    "--target",
    "release",
    "--outFile",
    "build/bench.wasm",
    "--maximumMemory",
    "2048",
  ]);
  if (error) throw new Error(stderr.toString());
  const { instance } = await WebAssembly.instantiate(await readFile("build/bench.wasm"));
  return instance.exports;
}

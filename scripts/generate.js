// Makes the files of src/ that are generated, the WASM's bytes and the shaders as strings, where what they are made from
// has changed: node scripts/generate.js
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { constant } from "./wasm-text.js";
import { writeShaders } from "./wgsl.js";

process.chdir(fileURLToPath(new URL("..", import.meta.url)));

/** What is made from what, and how. Outputs are named here too, so that one which is missing or altered is made anew. */
const PARTS = {
  wasm: {
    from: [
      "assembly",
      "scripts/wasm-text.js",
      "asconfig.json",
      "asconfig.sampling.json",
      "asconfig.heap-rows.json",
      "node_modules/assemblyscript/package.json",
      "src/core/text.ts",
    ],
    makes: [
      ...["core", "sampling", "heap-rows", "heap-rows-shared"].map((name) => `build/${name}.wasm`),
      "src/core/core-bytes.ts",
      "src/core/sampling-bytes.ts",
      "src/adapters/tfjs/heap-rows-bytes.ts",
    ],
    make: makeWasm,
  },
  shaders: {
    from: ["gpu", "scripts/wgsl.js"],
    makes: ["src/backends/webgpu/shaders.ts"],
    make: writeShaders,
  },
};
const STAMP = "build/generated.json";

/**
 * Compiles a target of an AssemblyScript configuration; gives its bytes.
 * @param {string} config
 * @param {string} target
 * @param {string} file
 */
async function compiled(config, target, file) {
  const asc = await import("assemblyscript/asc"); // takes a second
  const { error, stderr } = await asc.main(["--config", config, "--target", target]);
  process.stderr.write(stderr.toString()); // warnings too
  if (error) process.exit(1);
  return readFileSync(file);
}

async function makeWasm() {
  const core = await compiled("asconfig.json", "release", "build/core.wasm");
  writeFileSync("src/core/core-bytes.ts", constant("coreText", "The WASM core", core));
  const sampling = await compiled("asconfig.sampling.json", "release", "build/sampling.wasm");
  writeFileSync("src/core/sampling-bytes.ts", constant("samplingText", "Of the core what samples", sampling));
  const heap = await compiled("asconfig.heap-rows.json", "own", "build/heap-rows.wasm");
  const shared = await compiled("asconfig.heap-rows.json", "shared", "build/heap-rows-shared.wasm");
  writeFileSync(
    "src/adapters/tfjs/heap-rows-bytes.ts",
    constant("heapText", "Rows within another module's memory", heap) +
      constant("sharedHeapText", "The same for memory that threads share", shared),
  );
}

/**
 * One hash of files and folders, their names and their bytes; undefined where one is missing.
 * @param {readonly string[]} paths
 */
export function digestOf(paths) {
  const hash = createHash("sha256");
  for (const path of ["scripts/generate.js", ...paths]) {
    if (!existsSync(path)) return undefined;
    const files = statSync(path).isFile()
      ? [path]
      : readdirSync(path, { recursive: true, withFileTypes: true })
          .filter((entry) => entry.isFile())
          .map((entry) => join(entry.parentPath, entry.name))
          .sort();
    for (const file of files) hash.update(`${file}\0`).update(readFileSync(file));
  }
  return hash.digest("hex");
}

/** Makes what is out of date, and nothing else. */
export async function generate() {
  mkdirSync("build", { recursive: true });
  const stamps = existsSync(STAMP) ? JSON.parse(readFileSync(STAMP, "utf8")) : {};
  for (const [name, { from, makes, make }] of Object.entries(PARTS)) {
    const current = () => digestOf([...from, ...makes]);
    if (stamps[name] !== undefined && stamps[name] === current()) continue;
    await make();
    stamps[name] = current();
    writeFileSync(STAMP, `${JSON.stringify(stamps)}\n`);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await generate();

// Builds everything that is generated: the WASM, its embedded bytes, the shaders as strings, the bundle and the type
// declarations.
import { spawnSync } from "node:child_process";
import { copyFileSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import * as asc from "assemblyscript/asc";
import { build } from "esbuild";
import { shaders } from "./wgsl.js";

process.chdir(fileURLToPath(new URL("..", import.meta.url)));

/** Compiles a target of an AssemblyScript configuration; gives its bytes. */
async function compiled(config, target, file) {
  const { error, stderr } = await asc.main(["--config", config, "--target", target]);
  process.stderr.write(stderr.toString()); // warnings too
  if (error) process.exit(1);
  return readFileSync(file);
}

/** A constant of bytes, as TypeScript. */
function constant(name, what, bytes) {
  return (
    `/** ${what}, ${bytes.length} bytes, as text. Made by scripts/build.js from assembly/. */\n` +
    `export const ${name}: string = ${JSON.stringify(asText(bytes))};\n`
  );
}

/**
 * Bytes as printable characters, one for most of them: src/wasm/text.ts reads them. A byte keeps its own character
 * wherever it stands, so this compresses nearly as the bytes do.
 */
function asText(bytes) {
  return Array.from(bytes, (byte) => {
    const at = 35 + (byte % 89);
    return "}~".charAt(Math.floor(byte / 89) - 1) + String.fromCharCode(at < 92 ? at : at + 1);
  }).join("");
}

const core = await compiled("asconfig.json", "release", "build/core.wasm");
writeFileSync("src/wasm/core-bytes.ts", constant("coreText", "The WASM core", core));
const sampling = await compiled("asconfig.sampling.json", "release", "build/sampling.wasm");
writeFileSync("src/wasm/sampling-bytes.ts", constant("samplingText", "Of the core what samples", sampling));
const heap = await compiled("asconfig.heap.json", "own", "build/heap.wasm");
const shared = await compiled("asconfig.heap.json", "shared", "build/heap-shared.wasm");
writeFileSync(
  "src/adapters/tfjs/heap-bytes.ts",
  constant("heapText", "Rows within another module's memory", heap) +
    constant("sharedHeapText", "The same for memory that threads share", shared),
);

const files = shaders("gpu");
writeFileSync(
  "src/backends/webgpu/shaders.ts",
  `/** The files of gpu/ by their names, as short as they get. Made by scripts/build.js. */\n` +
    `export const wgsl: Readonly<Record<${files.map(([name]) => `"${name}"`).join(" | ")}, string>> = ` +
    `${JSON.stringify(Object.fromEntries(files), null, 2)};\n`,
);

/** Bundles `entries` of the package into `outdir`, with other files in the place of some. */
async function bundle(outdir, entryPoints, ...plugins) {
  await build({
    entryPoints,
    external: ["@jax-js/jax", "@tensorflow/*"],
    outdir,
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "neutral",
    target: "es2022",
    sourcemap: true,
    sourcesContent: false,
    chunkNames: "shared-[hash]",
    logLevel: "warning",
    plugins,
  });
}

/** Puts a file beside `file`, which is imported by its name, in its place; fails where nothing imports that. */
function instead(file, other) {
  return {
    name: `${other} for ${file}`,
    setup(esbuild) {
      const filter = new RegExp(`/${file.replace(".", "\\.")}$`);
      let replaced = 0;
      esbuild.onResolve({ filter }, ({ path, ...about }) => {
        replaced++;
        return esbuild.resolve(path.replace(filter, `/${other}`), about);
      });
      esbuild.onEnd(() => (replaced > 0 ? {} : { errors: [{ text: `nothing imports ${file}` }] }));
    },
  };
}

/** Takes the core from a static import of `specifier` instead of from bytes in the bundle. */
function staticCore(specifier) {
  return {
    name: "static-core",
    setup(esbuild) {
      esbuild.onResolve({ filter: /^core\.wasm$/ }, () => ({ path: specifier, external: true }));
    },
  };
}

/** The package's entries but for random-ltd/webgpu, and that one. */
const ENTRIES = { index: "src/index.ts", jax: "src/adapters/jax.ts", tfjs: "src/adapters/tfjs.ts" };
const WEBGPU = { webgpu: "src/index.ts" };

rmSync("dist", { recursive: true, force: true });
try {
  const small = instead("cpu.ts", "small-cpu.ts");
  await bundle("dist", ENTRIES);
  await bundle("dist", WEBGPU, small, instead("module.ts", "module-sampling.ts"));
  for (const [folder, core] of [
    ["dist/workerd", "../core.wasm"],
    ["dist/edge-light", "../core.wasm?module"],
  ]) {
    const plugins = [instead("module.ts", "module-static.ts"), staticCore(core)];
    await bundle(folder, ENTRIES, ...plugins);
    await bundle(folder, WEBGPU, small, ...plugins);
  }
} catch {
  process.exit(1); // esbuild told why; uncaught, it would have binaryen print itself, all 8 MB
}
copyFileSync("build/core.wasm", "dist/core.wasm");
writeFileSync("dist/core.wasm.d.ts", "declare const core: WebAssembly.Module;\nexport default core;\n");
const { status } = spawnSync(
  process.execPath,
  ["node_modules/typescript/bin/tsc", "--noEmit", "false", "--emitDeclarationOnly"],
  { stdio: "inherit" },
);
if (status !== 0) process.exit(status ?? 1);

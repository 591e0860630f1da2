// @ts-nocheck: not yet typed
// Builds everything that is generated: the WASM, its embedded bytes, the shaders as strings, the bundle and the type
// declarations.
import { spawnSync } from "node:child_process";
import { copyFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { generate } from "./generate.js";
import { shortShaders } from "./wgsl.js";

process.chdir(fileURLToPath(new URL("..", import.meta.url)));

await generate();

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
    plugins: [...plugins, shortShaders()],
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
  const small = instead("cpu.ts", "cpu-sampling-only.ts");
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

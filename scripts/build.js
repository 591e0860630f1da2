// Builds everything that is generated: the WASM, its embedded bytes, the shaders as strings, the bundle and the type
// declarations.
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { generate } from "./generate.js";
import { shortCore, shortCores, shortMembers } from "./short-names.js";
import { shortShaders } from "./wgsl.js";

process.chdir(fileURLToPath(new URL("..", import.meta.url)));

await generate();

/** What the package has shorter than the source. */
const short = { plugins: [shortShaders(), shortCores()], ...shortMembers() };

/**
 * Bundles entries into `outdir`, under a condition of package.json's `imports` where one is given.
 * @param {string} outdir
 * @param {Record<string, string>} entryPoints
 * @param {string[]} conditions
 */
async function bundle(outdir, entryPoints, ...conditions) {
  await build({
    entryPoints,
    conditions,
    external: ["@jax-js/jax", "@tensorflow/*", "*.wasm", "*.wasm?module"],
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
    ...short,
  });
}

/** The package's entries, but for the one whose core does less. */
const ENTRIES = { index: "src/index.ts", jax: "src/adapters/jax.ts", tfjs: "src/adapters/tfjs.ts" };
const WEBGPU = { webgpu: "src/webgpu.ts" };

rmSync("dist", { recursive: true, force: true });
try {
  await bundle("dist", ENTRIES);
  await bundle("dist", WEBGPU, "sampling-alone");
  // Where no code is generated, a .wasm file is imported: package.json's `imports` say by which file of src/core.
  for (const condition of ["workerd", "edge-light"]) {
    await bundle(`dist/${condition}`, { ...ENTRIES, ...WEBGPU }, condition);
  }
} catch {
  process.exit(1); // esbuild told why; uncaught, it would have binaryen print itself, all 8 MB
}
await build({
  entryPoints: ["src/index.ts"],
  outfile: "dist/random-ltd.min.js",
  bundle: true,
  minify: true,
  format: "esm",
  platform: "neutral",
  target: "es2022",
  logLevel: "warning",
  ...short,
});
// SES takes a method named eval for a direct call of eval, and refuses the file: such names are computed.
for (const file of readdirSync("dist", { recursive: true, encoding: "utf8" })) {
  if (!file.endsWith(".js")) continue;
  const text = readFileSync(`dist/${file}`, "utf8").replace(/(^|[^.\w$])eval(?=\(\)\s*\{)/gm, '$1["eval"]');
  if (/(^|[^.])\beval\s*\(/.test(text)) throw new Error(`${file}: what SES takes for a call of eval`);
  writeFileSync(`dist/${file}`, text);
}
writeFileSync("dist/core.wasm", shortCore("core"));
// What an import of the file gives: a compiled module only where it is done at deployment. Elsewhere (Node from 24 on,
// Deno) it is the instance's exports, and TypeScript has no word yet for `import source`, which gives the module there.
writeFileSync("dist/core.wasm.d.ts", "export {};\n");
writeFileSync(
  "dist/core-module.d.ts",
  `import type { WASMModule } from "./platform.ts";\ndeclare const core: WASMModule;\nexport default core;\n`,
);
const { status } = spawnSync(
  process.execPath,
  ["node_modules/typescript/bin/tsc", "--noEmit", "false", "--emitDeclarationOnly"],
  { stdio: "inherit" },
);
if (status !== 0) process.exit(status ?? 1);

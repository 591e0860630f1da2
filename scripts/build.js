// Builds everything that is generated: the WASM core, its embedded bytes, the shaders as strings, the bundle and the
// type declarations.
//   node scripts/build.js          all of it
//   node scripts/build.js --core   the core and the shaders alone, which is what the tests need
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import * as asc from "assemblyscript/asc";
import { build } from "esbuild";

process.chdir(fileURLToPath(new URL("..", import.meta.url)));

const { error, stderr } = await asc.main(["--config", "asconfig.json", "--target", "release"]);
if (error) {
  process.stderr.write(stderr.toString());
  process.exit(1);
}
const bytes = readFileSync("build/core.wasm");
writeFileSync(
  "src/wasm/core-bytes.ts",
  `/** The WASM core, ${bytes.length} bytes, in base64. Made by scripts/build.js from assembly/. */\n` +
    `export const coreBase64: string = "${bytes.toString("base64")}";\n`,
);

/** A shader without its comments, indents and empty lines: a third of the bytes, and still a line for each line. */
function lightened(wgsl) {
  const lines = wgsl.split("\n").map((line) => line.replace(/\/\/.*/, "").trim());
  return lines.filter((line) => line !== "").join("\n") + "\n";
}

const shaders = readdirSync("gpu").filter((file) => file.endsWith(".wgsl"));
writeFileSync(
  "src/backends/webgpu/shaders.ts",
  `/** The shaders of gpu/, without their comments. Made by scripts/build.js. */\n` +
    shaders
      .sort()
      .map((file) => {
        const wgsl = lightened(readFileSync(`gpu/${file}`, "utf8"));
        return `export const ${file.replace(".wgsl", "")}: string = ${JSON.stringify(wgsl)};\n`;
      })
      .join(""),
);

if (!process.argv.includes("--core")) {
  rmSync("dist", { recursive: true, force: true });
  await build({
    entryPoints: { index: "src/index.ts" },
    outdir: "dist",
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "neutral",
    target: "es2022",
    sourcemap: true,
    sourcesContent: false,
    chunkNames: "shared-[hash]",
    logLevel: "warning",
  });
  const { status } = spawnSync(
    process.execPath,
    ["node_modules/typescript/bin/tsc", "--noEmit", "false", "--emitDeclarationOnly"],
    { stdio: "inherit" },
  );
  if (status !== 0) process.exit(status ?? 1);
}

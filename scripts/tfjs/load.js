/**
 * TensorFlow.js as a page would bundle it: core with its gradients, layers and the three backends in one file, made
 * once under node_modules/.cache. A folder of its own, since an install of the library stays small without it.
 */
import { execFileSync } from "node:child_process";
import { createHash, randomUUID } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));
const files = ["package.json", "package-lock.json", ".npmrc", "load.js"];
const hash = createHash("sha256");
for (const file of files) hash.update(readFileSync(here + file));

/** Where the packages of the lock file are. */
export const folder = fileURLToPath(
  new URL(`../../node_modules/.cache/random-ltd/tfjs-${hash.digest("hex").slice(0, 12)}/`, import.meta.url),
);

/** The bundle: what stands for `@tensorflow/tfjs-core` where the adapter imports it. */
export const bundle = `${folder}tf.cjs`;

const ENTRY = `
export * from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-core/dist/register_all_gradients.js";
import "@tensorflow/tfjs-core/dist/public/chained_ops/register_all_chained_ops.js";
import "@tensorflow/tfjs-backend-cpu";
import "@tensorflow/tfjs-backend-webgpu";
export { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
export * as tfl from "@tensorflow/tfjs-layers";
`;

/** Installs and bundles, unless that is done; processes that race for it each rename a whole folder. */
export async function installTF() {
  if (existsSync(bundle)) return;
  const { build } = await import("esbuild");
  const making = `${folder.slice(0, -1)}-${randomUUID()}/`;
  mkdirSync(making, { recursive: true });
  for (const file of files.slice(0, 3)) copyFileSync(here + file, making + file);
  execFileSync("npm", ["ci", "--no-audit", "--no-fund"], { cwd: making, stdio: "pipe" });
  await build({
    stdin: { contents: ENTRY, resolveDir: making },
    outfile: `${making}tf.cjs`,
    bundle: true,
    format: "cjs",
    platform: "node",
    mainFields: ["module", "main"],
    logLevel: "error",
  });
  try {
    renameSync(making, folder);
  } catch (error) {
    rmSync(making, { recursive: true });
    if (!existsSync(bundle)) throw error;
  }
}

/**
 * TensorFlow.js, `tfl` its layers. WebGPU is there if `navigator.gpu` and the GPU classes were before.
 * @returns {Promise<any>} Its types are in the package that is installed last.
 */
export async function loadTF() {
  await installTF();
  const tf = await import(bundle);
  tf.setWasmPaths(`${folder}node_modules/@tensorflow/tfjs-backend-wasm/dist/`);
  return tf;
}

// Holds the sizes that users download to their budgets, gzip: node scripts/size.js
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

process.chdir(fileURLToPath(new URL("..", import.meta.url)));

/**
 * What a page that is this script downloads.
 * @param {string} imports
 */
async function page(imports) {
  const { outputFiles } = await build({
    stdin: { contents: imports, resolveDir: "." },
    bundle: true,
    minify: true,
    write: false,
    format: "esm",
    platform: "browser",
    target: "es2022",
  });
  return outputFiles[0].contents;
}

const MOVING = "GatherTokens, gptSampleTokens, layerOf, requestGPUDevice, ScatterTokens, toCPU, toGPU";

const budgets = [
  { what: "the WASM core", bytes: readFileSync("dist/core.wasm"), budget: 5 * 1024 },
  {
    what: "a page that samples",
    bytes: await page('import { gptSampleTokens } from "random-ltd"; console.log(gptSampleTokens);'),
    budget: 10.5 * 1024,
  },
  {
    what: "a page that samples and moves tokens on the GPU, by random-ltd/webgpu",
    bytes: await page(`import { ${MOVING} } from "random-ltd/webgpu"; console.log(${MOVING});`),
    budget: 18 * 1024,
  },
  {
    what: "a page that samples and moves tokens on the GPU and on the CPU",
    bytes: await page(`import { ${MOVING} } from "random-ltd"; console.log(${MOVING});`),
    budget: 21.5 * 1024,
  },
  { what: "all of it in one file", bytes: readFileSync("dist/random-ltd.min.js"), budget: 35.5 * 1024 },
];
let over = false;
for (const { what, bytes, budget } of budgets) {
  const size = gzipSync(bytes, { level: 9 }).length;
  over ||= size > budget;
  console.log(`${what}: ${size} of ${budget} bytes, gzip${size > budget ? ": OVER BUDGET" : ""}`);
}
if (over) process.exit(1);

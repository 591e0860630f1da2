/** What a page's bundler keeps of the built package, where the page uses a part of it. */
import { build } from "esbuild";
import { expect, it } from "vitest";
import { readShaders, shortened } from "../scripts/wgsl.js";
import * as lib from "../src/index.ts";

async function page(names: readonly string[]): Promise<string> {
  const { outputFiles } = await build({
    stdin: {
      contents: `import { ${names} } from "random-ltd"; globalThis.used = [${names}];`,
      resolveDir: ".",
    },
    bundle: true,
    minify: true,
    write: false,
    format: "esm",
    platform: "browser",
  });
  return outputFiles[0].text;
}

it("importing the scheduler alone brings no WASM along", async () => {
  const scheduler = await page(["RandomLTDScheduler"]);
  expect(scheduler).toContain("seq_per_step");
  expect(scheduler).not.toContain("WebAssembly");
  // A control: sampling does.
  expect(await page(["gptSampleTokens"])).toContain("WebAssembly");
});

it("importing nothing by name leaves nothing", async () => {
  expect(await page([])).toBe("globalThis.used=[];\n");
});

const GPU_EXPORTS = ["gpuTensor", "toGPU", "toCPU", "dispose", "prepareGPU", "requestGPUDevice"];

it("CPU tensors bring no shader along, GPU tensors do", async () => {
  const cpu = await page(Object.keys(lib).filter((name) => !GPU_EXPORTS.includes(name)));
  for (const word of ["@compute", "workgroup", "createComputePipeline", "createBindGroup"]) {
    expect(cpu).not.toContain(word);
  }
  expect(cpu).toContain("sortedIndices");
  // A control: every section comes along, shortened.
  const gpu = await page(["toGPU"]);
  const sections = Object.values(shortened(readShaders())).flat();
  expect(sections.length).toBeGreaterThan(20);
  for (const [label, text] of sections) {
    expect(gpu).toContain(label);
    expect(gpu).toContain(text);
  }
  expect(gpu).not.toContain("row_among_all");
});

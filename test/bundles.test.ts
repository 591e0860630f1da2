/** What a page's bundler keeps of the built package, where the page uses a part of it. */
import { readdirSync, readFileSync } from "node:fs";
import { build } from "esbuild";
import { expect, it } from "vitest";
import { wgsl } from "../src/backends/webgpu/shaders.ts";
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

const shaderFiles = readdirSync("gpu", { recursive: true, encoding: "utf8" }).filter((file) =>
  file.endsWith(".wgsl"),
);

const GPU_EXPORTS = ["gpuTensor", "toGPU", "toCPU", "dispose", "prepareGPU", "requestGPUDevice"];

it("CPU tensors bring no shader along, GPU tensors do", async () => {
  const cpu = await page(Object.keys(lib).filter((name) => !GPU_EXPORTS.includes(name)));
  for (const word of ["@compute", "workgroup", "createComputePipeline", "createBindGroup"]) {
    expect(cpu).not.toContain(word);
  }
  expect(cpu).toContain("sortedIndices");
  // A control: every file comes along.
  const gpu = await page(["toGPU"]);
  expect(Object.keys(wgsl)).toHaveLength(shaderFiles.length);
  for (const text of Object.values(wgsl)) expect(gpu).toContain(text);
});

it("each file of a shader says what it is, and none makes what another one has", () => {
  const made = new Map<string, string>();
  for (const file of shaderFiles) {
    const wgsl = readFileSync(`gpu/${file}`, "utf8");
    expect(wgsl, file).toMatch(/^\/\/ /);
    // Files of one kind, as to_each and to_named are, have the same functions.
    const kind = file.replace(/_\w+\.wgsl$/, "");
    for (const [, name] of wgsl.matchAll(/^fn (\w+)/gm)) {
      if (name === "work") continue;
      expect(made.get(name) ?? kind, `${name} in ${file}`).toBe(kind);
      made.set(name, kind);
    }
  }
});

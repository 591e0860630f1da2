/** What ends up in the bundle of a program that touches only a part of the library. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));

/** A minified bundle of the named exports, all of them used. */
async function bundle(names: readonly string[]): Promise<string> {
  const { outputFiles } = await build({
    stdin: {
      contents: `import { ${names} } from "./src/index.ts"; globalThis.used = [${names}];`,
      resolveDir: root,
      loader: "ts",
    },
    bundle: true,
    minify: true,
    write: false,
    format: "esm",
    platform: "neutral",
  });
  return outputFiles[0].text;
}

const GPU_EXPORTS = ["gpuTensor", "toGPU", "toCPU", "dispose", "prepareGPU", "requestGPUDevice"];

test("CPU tensors bring no shader along, GPU tensors do", async () => {
  const all = Object.keys(await import("../src/index.ts"));
  const cpu = await bundle(all.filter((name) => !GPU_EXPORTS.includes(name)));
  for (const word of ["@compute", "workgroup", "createComputePipeline", "createBindGroup", "WeakMap"]) {
    expect(cpu).not.toContain(word);
  }
  expect(cpu).toContain("sortedIndices");
  const gpu = await bundle(["toGPU"]);
  const shaders = readdirSync(`${root}/gpu`);
  expect(shaders.length).toBeGreaterThan(10);
  expect(gpu.split("struct Params").length - 1).toBe(shaders.length);
});

test("the shaders stand in their files whole", () => {
  for (const file of readdirSync(`${root}/gpu`)) {
    const wgsl = readFileSync(`${root}/gpu/${file}`, "utf8");
    expect(wgsl, file).toMatch(/^\/\/ /);
    expect(wgsl, file).toMatch(/@compute @workgroup_size\(256\)/);
    expect(wgsl, file).toMatch(/@group\(0\) @binding\(0\) var<uniform> p: Params;/);
  }
});

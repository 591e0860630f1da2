import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Project, packedProject } from "./suites/packed.ts";

/** The packed tarball, installed in a project outside of the tree. */
describe("the packed package", () => {
  let project: Project;
  beforeAll(() => {
    project = packedProject();
  });
  afterAll(() => project.remove());

  it("brings no dependency along", () => {
    const installed = readdirSync(join(project.folder, "node_modules")).filter(
      (name) => !name.startsWith("."),
    );
    expect(installed).toEqual(["random-ltd"]);
  });

  it("samples at the first call", () => {
    writeFileSync(
      join(project.folder, "sample.js"),
      `import { cpuBackend, gptSampleTokens } from "random-ltd";
       const { sampledIndices } = gptSampleTokens({ reservedLength: 4, seqLength: 16, batchSize: 1, seed: 7 });
       console.log(cpuBackend(), sampledIndices.data.join());`,
    );
    // gptSampleTokens on the reference backend, same arguments.
    expect(project.run("node", "sample.js").trim()).toBe("wasm 2,3,8,9");
  });

  it("has types for what it exports", () => {
    writeFileSync(
      join(project.folder, "types.ts"),
      `import { type CPUTensor, gptSampleTokens, tensor } from "random-ltd";
       const attnMask = tensor(new Uint8Array(256), [1, 1, 16, 16]);
       const sampled = gptSampleTokens({ reservedLength: 4, seqLength: 16, batchSize: 1, seed: 7n, attnMask });
       export const mask: CPUTensor = sampled.newMask;
       export const indices: Int32Array = sampled.sampledIndices.data;
       // @ts-expect-error a seed is required
       gptSampleTokens({ reservedLength: 4, seqLength: 16, batchSize: 1 });`,
    );
    const tsc = join(process.cwd(), "node_modules/typescript/bin/tsc");
    for (const [module, resolution] of [
      ["nodenext", "nodenext"],
      ["esnext", "bundler"],
    ]) {
      project.run(
        "node",
        tsc,
        "--noEmit",
        "--strict",
        "--target",
        "es2022",
        "--module",
        module,
        "--moduleResolution",
        resolution,
        "types.ts",
      );
    }
  }, 120_000);
});

import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

/** The packed tarball, installed in a project outside of the tree. */
describe("the packed package", () => {
  const project = mkdtempSync(join(tmpdir(), "random-ltd-"));
  const run = (command: string, ...args: string[]) =>
    execFileSync(command, args, { cwd: project, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });

  beforeAll(() => {
    // The build is there already: `npm test` makes it first.
    execFileSync("npm", ["pack", "--ignore-scripts", "--pack-destination", project], { stdio: "pipe" });
    const tarball = readdirSync(project).find((name) => name.endsWith(".tgz"))!;
    writeFileSync(join(project, "package.json"), '{ "private": true, "type": "module" }');
    run("npm", "install", "--no-audit", "--no-fund", `./${tarball}`);
  });
  afterAll(() => rmSync(project, { recursive: true, force: true }));

  it("brings no dependency along", () => {
    const installed = readdirSync(join(project, "node_modules")).filter((name) => !name.startsWith("."));
    expect(installed).toEqual(["random-ltd"]);
  });

  it("samples at the first call", () => {
    writeFileSync(
      join(project, "sample.js"),
      `import { cpuBackend, gptSampleTokens } from "random-ltd";
       const { sampledIndices } = gptSampleTokens({ reservedLength: 4, seqLength: 16, batchSize: 1, seed: 7 });
       console.log(cpuBackend(), sampledIndices.data.join());`,
    );
    // gptSampleTokens on the reference backend, same arguments.
    expect(run("node", "sample.js").trim()).toBe("wasm 2,3,8,9");
  });

  it("has types for what it exports", () => {
    writeFileSync(
      join(project, "types.ts"),
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
      run(
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

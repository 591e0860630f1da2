import { copyFileSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { useCPUBackend } from "../../src/backends/cpu.ts";
import * as lib from "../../src/index.ts";
import { type Project, packedProject } from "../suites/packed.ts";
import { digest } from "./digest.js";
import { folder, installed, installRuntimes } from "./install.js";

/** What digest.js gave on the plain reference. Only another sampling rule, or other calls, may change it. */
const EXPECTED = readFileSync(join(folder, "digest.txt"), "utf8").trim();

const PRINT = `import * as lib from "random-ltd";
import { digest } from "./digest.js";
console.log(lib.cpuBackend() + " " + digest(lib));
`;

/** One answer everywhere, from the packed tarball. */
describe("the same bits", () => {
  let project: Project;
  const load = (name: string) => createRequire(join(folder, "package.json"))(name);
  beforeAll(() => {
    installRuntimes();
    project = packedProject();
    copyFileSync(join(folder, "digest.js"), join(project.folder, "digest.js"));
    writeFileSync(join(project.folder, "print.js"), PRINT);
  }, 300_000);
  afterAll(() => project?.remove());

  /** print.js and all it imports as one script, the .wasm left to the caller. */
  async function bundle(condition: string, contents: string, format: "esm" | "iife"): Promise<string> {
    const { outputFiles } = await build({
      stdin: { contents, resolveDir: project.folder },
      bundle: true,
      write: false,
      format,
      conditions: [condition],
      plugins: [
        {
          name: "static-wasm",
          setup({ onResolve, onLoad }) {
            onResolve({ filter: /core\.wasm/ }, ({ path }) =>
              format === "esm" ? { path: "./core.wasm", external: true } : { path, namespace: "given-wasm" },
            );
            onLoad({ filter: /.*/, namespace: "given-wasm" }, () => ({
              contents: "export default globalThis.givenWasm",
            }));
          },
        },
      ],
    });
    return outputFiles[0].text;
  }

  it("on the plain reference", () => {
    useCPUBackend("reference");
    try {
      expect(digest(lib)).toBe(EXPECTED);
    } finally {
      useCPUBackend(undefined);
    }
  });

  it("in the Node that runs the tests", () => {
    expect(project.run(process.execPath, "print.js").trim()).toBe(`wasm ${EXPECTED}`);
  });

  it.skipIf(process.platform !== "linux" || process.arch !== "x64")("in Node 26 (Linux x64 only)", () => {
    expect(project.run(installed("node26/bin/node"), "print.js").trim()).toBe(`wasm ${EXPECTED}`);
  });

  it("in Deno", () => {
    // No permission beyond reading what it runs.
    const printed = project.run(installed(".bin/deno"), "run", "--node-modules-dir=manual", "print.js");
    expect(printed.trim()).toBe(`wasm ${EXPECTED}`);
  });

  it("in Bun", () => {
    const bun = installed("@oven/bun-linux-x64/bin/bun", ".bin/bun");
    expect(project.run(bun, "print.js").trim()).toBe(`wasm ${EXPECTED}`);
  });

  it("in workerd, from a static import", async () => {
    const worker = await bundle(
      "workerd",
      `import * as lib from "random-ltd";
       import { digest } from "./digest.js";
       export default { fetch: () => new Response(lib.cpuBackend() + " " + digest(lib)) };`,
      "esm",
    );
    const { Miniflare } = load("miniflare");
    const miniflare = new Miniflare({
      compatibilityDate: "2026-04-01",
      modules: [
        { type: "ESModule", path: "worker.js", contents: worker },
        {
          type: "CompiledWasm",
          path: "core.wasm",
          contents: readFileSync(join(project.folder, "node_modules/random-ltd/dist/core.wasm")),
        },
      ],
    });
    try {
      const response = await miniflare.dispatchFetch("http://localhost/");
      expect(await response.text()).toBe(`wasm ${EXPECTED}`);
    } finally {
      await miniflare.dispose();
    }
  });

  it("in edge-runtime with code generation off", async () => {
    const script = await bundle(
      "edge-light",
      `${PRINT.replace("console.log", "globalThis.printed = ")}`,
      "iife",
    );
    const { EdgeRuntime } = load("edge-runtime");
    const wasm = readFileSync(join(project.folder, "node_modules/random-ltd/dist/core.wasm"));
    const runtime = new EdgeRuntime({
      codeGeneration: { strings: false, wasm: false },
      extend: (context: Record<string, unknown>) =>
        Object.assign(context, { givenWasm: new WebAssembly.Module(wasm) }),
    });
    runtime.evaluate(script);
    expect(runtime.context.printed).toBe(`wasm ${EXPECTED}`);
  });

  it("with types that every kind of resolution finds", () => {
    const tarball = readdirSync(project.folder).find((name) => name.endsWith(".tgz"))!;
    // Throws where the tool exits with a failure.
    const report = project.run(installed(".bin/attw"), "--profile", "esm-only", tarball);
    expect(report).toContain("random-ltd/core.wasm");
  });

  it("in an esbuild bundle", async () => {
    await build({
      entryPoints: [join(project.folder, "print.js")],
      bundle: true,
      minify: true,
      format: "esm",
      outfile: join(project.folder, "bundled.mjs"),
    });
    expect(project.run(process.execPath, "bundled.mjs").trim()).toBe(`wasm ${EXPECTED}`);
  });

  it("in a Vite build", async () => {
    const vite = await import(installed("vite/dist/node/index.js"));
    await vite.build({
      root: project.folder,
      logLevel: "error",
      build: { lib: { entry: "print.js", formats: ["es"], fileName: "built" }, outDir: "vite-out" },
    });
    expect(project.run(process.execPath, "vite-out/built.js").trim()).toBe(`wasm ${EXPECTED}`);
  });
});

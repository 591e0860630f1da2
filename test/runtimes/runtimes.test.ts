import { copyFileSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import * as esbuild from "esbuild";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { folder, installed, installRuntimes } from "../../scripts/runtimes.js";
import { swiftShaderFolder } from "../../scripts/swiftshader.js";
import { useCPUBackend } from "../../src/backends/cpu-backend.ts";
import * as lib from "../../src/index.ts";
import { whyNoDawn } from "../gpu/dawn.ts";
import { type Project, packedProject } from "../suites/packed.ts";
import { BUNDLERS, bundled, json, load, packaged } from "./bundlers.ts";
import { digest, inMemory, placedDigest } from "./digest.js";
import { EXPECTED, FEW, openRecord } from "./record.ts";

/** What runtimes run: each prints what it saw. The second may be given a WebGPU. */
const SCRIPTS = {
  "cpu.js": `import * as lib from "random-ltd";
import { onCPU } from "./answer.js";
console.log(JSON.stringify(onCPU(lib)));
`,
  "webgpu.js": `import * as lib from "random-ltd";
import { onWebGPU } from "./answer.js";
console.log(JSON.stringify(await onWebGPU(lib, globalThis.gpu)));
`,
  // An entry with a path of its own, which not every tool finds by the package's exports.
  "sampling.js": `import { cpuBackend, gptSampleTokens } from "random-ltd/webgpu";
const { sampledIndices } = gptSampleTokens({ reservedLength: 4, seqLength: 16, batchSize: 1, seed: 7 });
console.log(cpuBackend(), sampledIndices.data.join());
`,
};

/** Runs such a script with the WebGPU of the package whose path comes first. */
const WITH_DAWN = `const [, , dawn, script] = process.argv;
// Held: Dawn crashes where its instance is collected before its devices.
globalThis.gpu = (await import(dawn)).create([]);
await import(script);
process.exit();
`;

/** Both at once, where no script can be run. */
const BOTH = `import * as lib from "random-ltd";
import { onCPU, onWebGPU } from "./answer.js";
const answer = async () => ({ ...onCPU(lib), ...(await onWebGPU(lib)) });
`;

const files = Object.keys(SCRIPTS);

/** npm's `webgpu`, for runtimes without a WebGPU of their own. */
const dawn = {
  path: resolve("node_modules/webgpu/index.js"),
  version: json("package.json").devDependencies.webgpu.replace(/\.\d+$/, ""),
};

/** Variables by which a process finds SwiftShader. */
function swiftShader(): string[] {
  const lies = swiftShaderFolder();
  return [`LD_LIBRARY_PATH=${lies}`, `VK_ICD_FILENAMES=${lies}/vk_swiftshader_icd.json`];
}

/** A runtime that is started as a process. */
interface Started {
  readonly name: string;
  readonly command: () => string[];
  /** The folder of its scripts in the project. */
  readonly scripts?: string;
  readonly ownWebGPU?: true;
  /** What bundles them into it. */
  readonly bundler?: string;
  /** The version that counts, if not what the runtime itself reports. */
  readonly version?: () => string | undefined;
  readonly whyNot?: string;
}

const thisNode = () => [process.execPath];
const bin = (...paths: string[]) => [installed(...paths)];
const [major] = process.versions.node.split(".");
const linux = process.platform === "linux" && process.arch === "x64";

/** The oldest Node that the library is for: its row is of the Node that runs the tests, where that is one. */
const FLOOR = "Node 20";

const STARTED: readonly Started[] = [
  // Its patch differs from machine to machine, so it has no version in the record.
  { name: `Node ${major}`, command: thisNode, version: () => undefined },
  ...(FLOOR === `Node ${major}`
    ? []
    : [{ name: FLOOR, command: thisNode, whyNot: "another runs the tests" }]),
  ...["22", "24", "26"].map((pinned) => ({
    name: `Node ${pinned}`,
    command: () => bin(`node${pinned}/bin/node`),
    whyNot: linux ? undefined : "Linux on x64 only",
  })),
  // No permission beyond reading what it runs.
  { name: "Deno", command: () => [...bin(".bin/deno"), "run", "--node-modules-dir=manual"], ownWebGPU: true },
  { name: "Bun", command: () => bin("@oven/bun-linux-x64/bin/bun", ".bin/bun") },
  ...Object.entries(BUNDLERS).map(([name, { version }]) => ({
    name: `Node, bundled by ${name}`,
    command: thisNode,
    scripts: `${name.toLowerCase()}/`,
    version,
    bundler: name,
  })),
];

const record = openRecord("runtimes", [
  ...new Set([FLOOR, ...STARTED.slice(1).map(({ name }) => name), "workerd", "edge-runtime", "QuickJS"]),
]);

/** One answer everywhere, from the packed tarball. */
describe("the same bits", () => {
  let project: Project;
  beforeAll(async () => {
    installRuntimes();
    project = packedProject();
    for (const file of ["digest.js", "answer.js"]) {
      copyFileSync(join(folder, file), join(project.folder, file));
    }
    const scripts = { ...SCRIPTS, "with-dawn.js": WITH_DAWN };
    for (const [file, text] of Object.entries(scripts)) writeFileSync(join(project.folder, file), text);
  }, 300_000);
  afterAll(() => project?.remove());

  /** A script and all it imports as one, the .wasm left to the caller. */
  async function bundle(condition: string, contents: string, format: "esm" | "iife"): Promise<string> {
    const { outputFiles } = await esbuild.build({
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

  // All of its calls on the CPU are made by pages, in chromium.test.ts.
  it("on the plain reference", async () => {
    useCPUBackend("reference");
    try {
      const { few, webgpu } = EXPECTED;
      expect({ few: digest(lib, FEW), webgpu: await placedDigest(lib, inMemory(lib)) }).toEqual({
        few,
        webgpu,
      });
    } finally {
      useCPUBackend(undefined);
    }
  });

  for (const { name, command, scripts = "", ownWebGPU, version, whyNot = "", bundler } of STARTED) {
    const ready = async () => bundler && bundled(bundler, project.folder, files);
    /** What a process prints, with the version that counts. */
    const seen = (file: string, ...args: string[]) => {
      const { version: own, ...half } = JSON.parse(project.run(file, ...args));
      const counts = version ? version() : own;
      return counts === undefined ? half : { ...half, version: counts };
    };

    it.skipIf(whyNot)(`in ${name}, on the CPU ${whyNot}`, async () => {
      await ready();
      const [file, ...args] = command();
      record.hold(name, seen(file, ...args, `${scripts}cpu.js`));
    });

    const noGPU = whyNot || whyNoDawn();
    it.skipIf(noGPU)(`in ${name}, on GPU tensors ${noGPU ?? ""}`, async () => {
      await ready();
      const webgpu = `./${scripts}webgpu.js`;
      const script = ownWebGPU ? [webgpu] : ["with-dawn.js", dawn.path, webgpu];
      const half = seen("env", ...swiftShader(), ...command(), ...script);
      const from = ownWebGPU ? "its own" : `npm's \`webgpu\` ${dawn.version}`;
      record.hold(name, { ...half, webgpu: { from, ...half.webgpu } });
    });
  }

  it.each(Object.keys(BUNDLERS))("random-ltd/webgpu, bundled by %s", async (name) => {
    await bundled(name, project.folder, files);
    // gptSampleTokens on the reference backend, same arguments.
    expect(project.run(process.execPath, `${name.toLowerCase()}/sampling.js`)).toBe("wasm 2,3,8,9\n");
  });

  const noDawn = whyNoDawn();
  it.skipIf(noDawn)(`by random-ltd/webgpu, on GPU tensors ${noDawn ?? ""}`, () => {
    const small = SCRIPTS["webgpu.js"].replace('"random-ltd"', '"random-ltd/webgpu"');
    writeFileSync(join(project.folder, "small.js"), small);
    const run = ["env", ...swiftShader(), process.execPath, "with-dawn.js", dawn.path, "./small.js"] as const;
    const { webgpu } = JSON.parse(project.run(...run));
    expect(webgpu.digest).toBe(EXPECTED.webgpu);
  });

  /** What `answer` of a script gives in workerd, and in edge-runtime with code generation off. */
  const WORKERS: Record<string, (script: string) => Promise<any>> = {
    async workerd(script) {
      const worker = `${script}export default { fetch: async () => Response.json(await answer()) };`;
      const { Miniflare } = load("miniflare");
      const miniflare = new Miniflare({
        compatibilityDate: "2026-04-01",
        modules: [
          { type: "ESModule", path: "worker.js", contents: await bundle("workerd", worker, "esm") },
          { type: "CompiledWasm", path: "core.wasm", contents: core() },
        ],
      });
      try {
        return await (await miniflare.dispatchFetch("http://localhost/")).json();
      } finally {
        await miniflare.dispose();
      }
    },
    async "edge-runtime"(script) {
      const { EdgeRuntime } = load("edge-runtime");
      const runtime = new EdgeRuntime({
        codeGeneration: { strings: false, wasm: false },
        extend: (context: Record<string, unknown>) =>
          Object.assign(context, { givenWasm: new WebAssembly.Module(core()) }),
      });
      runtime.evaluate(await bundle("edge-light", `${script}globalThis.seen = answer();`, "iife"));
      return await runtime.context.seen;
    },
  };
  const core = () => readFileSync(join(project.folder, "node_modules/random-ltd/dist/core.wasm"));

  describe.each(Object.keys(WORKERS))("in %s", (name) => {
    it("from a static import", async () => {
      record.hold(name, { ...(await WORKERS[name](BOTH)), version: packaged(name) });
    });

    it("by random-ltd/webgpu, which moves nothing on the CPU", async () => {
      const sample = { reservedLength: 4, seqLength: 16, batchSize: 1, seed: 7 };
      const seen = await WORKERS[name](`import * as lib from "random-ltd/webgpu";
const answer = async () => {
  const { sampledIndices } = lib.gptSampleTokens(${JSON.stringify(sample)});
  try {
    lib.GatherTokens.forward(lib.tensor(new Float32Array(32), [1, 16, 2]), lib.layerOf(sampledIndices, 0));
  } catch (error) {
    return { backend: lib.cpuBackend(), indices: [...sampledIndices.data], refused: error.message };
  }
};
`);
      expect(seen).toEqual({
        backend: "wasm",
        indices: [...lib.gptSampleTokens(sample).sampledIndices.data],
        refused: '"activations" expected a GPU tensor with random-ltd/webgpu, got a CPU tensor',
      });
    });
  });

  it("in QuickJS, an interpreter without WebAssembly and console, in a few calls", async () => {
    const { newQuickJSWASMModuleFromVariant } = await import(
      installed("quickjs-emscripten-core/dist/index.mjs")
    );
    const variant = await import(installed("@jitl/quickjs-wasmfile-release-sync/dist/index.mjs"));
    const script = `import * as lib from "random-ltd";
import { onCPU, onWebGPU } from "./answer.js";
const { cpu } = onCPU(lib, ${FEW});
onWebGPU(lib).then(({ webgpu }) => (globalThis.seen = JSON.stringify({ cpu, webgpu })));
`;
    const bundled = await bundle("default", script, "iife");
    const context = (await newQuickJSWASMModuleFromVariant(variant.default)).newContext();
    try {
      context.unwrapResult(context.evalCode(bundled)).dispose();
      context.unwrapResult(context.runtime.executePendingJobs());
      const seen = context.getProp(context.global, "seen").consume(context.getString);
      record.hold("QuickJS", { ...JSON.parse(seen), version: packaged("quickjs-emscripten-core") });
    } finally {
      context.dispose();
    }
  });

  it("each of them with its row in the record", () => record.holdNames());

  it("with types that every kind of resolution finds", () => {
    const tarball = readdirSync(project.folder).find((name) => name.endsWith(".tgz"))!;
    // Throws where the tool exits with a failure.
    const report = project.run(installed(".bin/attw"), "--profile", "esm-only", tarball);
    expect(report).toContain("random-ltd/core.wasm");
  });
});

import { copyFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Browser, chromium } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { folder, installed, installRuntimes } from "../../scripts/runtimes.js";
import { chromiumLaunch, whyNot } from "../../scripts/swiftshader.js";
import { type Project, packedProject } from "../suites/packed.ts";
import { EXPECTED, FEW, openRecord } from "./record.ts";
import { PAGE_SCRIPT, type Served, serve } from "./serve.ts";

/** The same script on a page and in a worker. */
const SCRIPT = `${PAGE_SCRIPT}const seen = JSON.stringify({ ...onCPU(lib), ...(await onWebGPU(lib)) });
if (globalThis.document) document.title = seen;
else postMessage(seen);
`;

const WORKER_PAGE = `new Worker("/script.js", { type: "module" }).onmessage = ({ data }) => (document.title = data);`;

/** Content-Security-Policies that pages are served with. */
const POLICIES: Record<string, string> = {
  "/strict.html": "default-src 'none'; script-src 'self'",
  "/wasm.html": "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'",
};

/** A page that has its tokens on the GPU, of which the table says nothing. */
const SMALL = `import * as lib from "/node_modules/random-ltd/dist/webgpu.js";
import { onWebGPU } from "/answer.js";
document.title = JSON.stringify(await onWebGPU(lib));
`;

/** The package as one file, as a script tag or a CDN has it: a few calls on the CPU, all on the GPU. */
const ONE_FILE = `import * as lib from "/node_modules/random-ltd/dist/random-ltd.min.js";
import { onCPU, onWebGPU } from "/answer.js";
document.title = JSON.stringify({ ...onCPU(lib, ${FEW}), ...(await onWebGPU(lib)) });
`;

/** What pages may lack, taken from this one, and how many sentences it is told. */
const LACKING: Record<string, { take: string; warnings: readonly RegExp[] }> = {
  WebAssembly: {
    take: "delete globalThis.WebAssembly;",
    warnings: [/^random-ltd runs without WebAssembly, many times slower: there is no WebAssembly$/],
  },
  "WebAssembly and a console": {
    take: "delete globalThis.WebAssembly; delete globalThis.console;",
    warnings: [],
  },
  "SIMD in WebAssembly": {
    take: `const { CompileError } = WebAssembly;
WebAssembly.Module = function () {
  throw new CompileError("Wasm SIMD unsupported");
};`,
    warnings: [/^random-ltd runs without WebAssembly, many times slower: Wasm SIMD unsupported$/],
  },
  WebGPU: { take: 'Object.defineProperty(navigator, "gpu", { value: undefined });', warnings: [] },
};

/** Samples, moves a token and asks for a GPU. */
const LACKING_SCRIPT = `
const lib = await import("/node_modules/random-ltd/dist/index.js");
const { sampledIndices } = lib.gptSampleTokens({ reservedLength: 4, seqLength: 16, batchSize: 1, seed: 7 });
const states = lib.tensor(Float32Array.from({ length: 16 }, (_, i) => i), [1, 16, 1]);
const retained = lib.GatherTokens.forward(states, lib.layerOf(sampledIndices, 0));
let gpu = "a device";
try {
  (await lib.requestGPUDevice()).destroy();
} catch (error) {
  gpu = error.message;
}
document.title = JSON.stringify({ retained: [...retained.data], gpu });
`;

/** The pages, and what their rows are called. */
const PAGES = {
  plain: "Chromium, a page",
  worker: "Chromium, a module worker",
  wasm: "Chromium, a page whose policy has `wasm-unsafe-eval`",
  strict: "Chromium, a page whose policy lacks `wasm-unsafe-eval`",
  // Before version 115 a page's main thread compiled no more than 4 KB at once.
  old: "Chromium 114, a page",
};
const record = openRecord("chromium", Object.values(PAGES));

const reason = whyNot();
if (reason !== undefined && process.env.CI) throw new Error(`no Chromium in CI: ${reason}`);

describe.skipIf(reason !== undefined)(`the same bits in Chromium, without a bundler ${reason ?? ""}`, () => {
  let project: Project;
  let served: Served;
  let browser: Browser;

  beforeAll(async () => {
    installRuntimes();
    project = packedProject();
    const write = (name: string, contents: string) => writeFileSync(join(project.folder, name), contents);
    for (const file of ["digest.js", "answer.js"]) {
      copyFileSync(join(folder, file), join(project.folder, file));
    }
    write("script.js", SCRIPT);
    write("worker-page.js", WORKER_PAGE);
    write("small.js", SMALL);
    write("lacking.html", '<!doctype html><script type="module" src="/lacking.js"></script>');
    write("one-file.js", ONE_FILE);
    for (const name of ["small", "one-file"]) {
      write(`${name}.html`, `<!doctype html><script type="module" src="/${name}.js"></script>`);
    }
    for (const name of ["plain", "strict", "wasm"]) {
      write(`${name}.html`, '<!doctype html><script type="module" src="/script.js"></script>');
    }
    write("worker.html", '<!doctype html><script type="module" src="/worker-page.js"></script>');
    served = await serve(project.folder, POLICIES);
    browser = await chromium.launch(chromiumLaunch());
  });
  afterAll(async () => {
    await browser?.close();
    served?.close();
    project?.remove();
  });

  /** Holds what a page writes into its title to the record, and returns what it warned of. */
  async function open(name: keyof typeof PAGES | "small" | "one-file", browser: Browser): Promise<string[]> {
    const page = await browser.newPage();
    const warnings: string[] = [];
    const errors: string[] = [];
    page.on("console", (message) => message.type() === "warning" && warnings.push(message.text()));
    page.on("pageerror", (error) => errors.push(String(error)));
    await page.goto(`${served.origin}/${name === "old" ? "plain" : name}.html`, { waitUntil: "commit" });
    // A function to wait for would be evaluated, which policies forbid.
    await page.waitForSelector("title", { state: "attached", timeout: 100_000 });
    const seen = JSON.parse(await page.title());
    await page.close();
    expect(errors).toEqual([]);
    if (name === "small" || name === "one-file") {
      expect(seen.webgpu.digest).toBe(EXPECTED.webgpu);
      if (name === "one-file")
        expect(seen.cpu).toEqual({ backend: "wasm", digest: EXPECTED.few, calls: FEW });
    } else {
      record.hold(PAGES[name], {
        ...seen,
        webgpu: seen.webgpu.none ? seen.webgpu : { from: "its own", ...seen.webgpu },
      });
    }
    return warnings;
  }

  it.each(["plain", "worker", "wasm"] as const)("%s: in WebAssembly", async (name) => {
    expect(await open(name, browser)).toEqual([]);
  });

  it("strict: a policy without wasm-unsafe-eval gets the plain reference, and is told", async () => {
    const warnings = await open("strict", browser);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/^random-ltd runs without WebAssembly/);
  });

  it.each([
    "small",
    "one-file",
  ] as const)("%s: random-ltd/webgpu, and all of it in one file", async (name) => {
    expect(await open(name, browser)).toEqual([]);
  });

  it("old: a core that may not be compiled at once gives way to the plain reference, and the page is told", async () => {
    const old = await chromium.launch(chromiumLaunch(join(installed("chromium114/package.json"), "..")));
    try {
      const warnings = await open("old", old);
      expect(warnings.filter((text) => text.startsWith("random-ltd runs without WebAssembly"))).toHaveLength(
        1,
      );
    } finally {
      await old.close();
    }
  });

  it.each(Object.keys(LACKING))("a page without %s gets right answers, and is told", async (lacked) => {
    const { take, warnings } = LACKING[lacked];
    writeFileSync(join(project.folder, "lacking.js"), take + LACKING_SCRIPT);
    const page = await browser.newPage();
    const told: string[] = [];
    page.on("console", (message) => told.push(message.text()));
    page.on("pageerror", (error) => told.push(String(error)));
    await page.goto(`${served.origin}/lacking.html`);
    await page.waitForSelector("title", { state: "attached", timeout: 100_000 });
    const { retained, gpu } = JSON.parse(await page.title());
    await page.close();
    // gptSampleTokens on the reference backend, same arguments.
    expect(retained).toEqual([2, 3, 8, 9]);
    expect(gpu).toMatch(lacked === "WebGPU" ? /WebGPU|navigator\.gpu/ : /^a device$/);
    expect(told).toHaveLength(warnings.length);
    for (const [i, text] of told.entries()) expect(text).toMatch(warnings[i]);
  });

  it("each of them with its row in the record", () => record.holdNames());
});

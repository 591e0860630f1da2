import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join } from "node:path";
import { type Browser, chromium } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { folder } from "../../scripts/runtimes.js";
import { chromiumLaunch, whyNot } from "../../scripts/swiftshader.js";
import { type Project, packedProject } from "../suites/packed.ts";
import { EXPECTED, openRecord } from "./record.ts";

const TYPES: Record<string, string> = { ".js": "text/javascript", ".html": "text/html" };

/** The same script on a page and in a worker: no bundler, no import map, the package's own file. */
const SCRIPT = `import * as lib from "/node_modules/random-ltd/dist/index.js";
import { onCPU, onWebGPU } from "/answer.js";
const seen = JSON.stringify({ ...onCPU(lib), ...(await onWebGPU(lib)) });
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

/** The pages, and what their rows are called. */
const PAGES = {
  plain: "Chromium, a page",
  worker: "Chromium, a module worker",
  wasm: "Chromium, a page whose policy has `wasm-unsafe-eval`",
  strict: "Chromium, a page whose policy lacks `wasm-unsafe-eval`",
};
const record = openRecord("chromium", Object.values(PAGES));

const reason = whyNot();
if (reason !== undefined && process.env.CI) throw new Error(`no Chromium in CI: ${reason}`);

describe.skipIf(reason !== undefined)(`the same bits in Chromium, without a bundler ${reason ?? ""}`, () => {
  let project: Project;
  let server: Server;
  let browser: Browser;

  beforeAll(async () => {
    project = packedProject();
    const write = (name: string, contents: string) => writeFileSync(join(project.folder, name), contents);
    for (const file of ["digest.js", "answer.js"]) {
      copyFileSync(join(folder, file), join(project.folder, file));
    }
    write("script.js", SCRIPT);
    write("worker-page.js", WORKER_PAGE);
    write("small.js", SMALL);
    write("small.html", '<!doctype html><script type="module" src="/small.js"></script>');
    for (const name of ["plain", "strict", "wasm"]) {
      write(`${name}.html`, '<!doctype html><script type="module" src="/script.js"></script>');
    }
    write("worker.html", '<!doctype html><script type="module" src="/worker-page.js"></script>');
    server = createServer(({ url = "/" }, response) => {
      try {
        const body = readFileSync(join(project.folder, url));
        response.setHeader("Content-Type", TYPES[extname(url)] ?? "application/octet-stream");
        if (url in POLICIES) response.setHeader("Content-Security-Policy", POLICIES[url]);
        response.end(body);
      } catch {
        response.writeHead(404).end();
      }
    });
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
    browser = await chromium.launch(chromiumLaunch());
  });
  afterAll(async () => {
    await browser?.close();
    server?.close();
    project?.remove();
  });

  /** Holds what a page writes into its title to the record, and returns what it warned of. */
  async function open(name: keyof typeof PAGES | "small"): Promise<string[]> {
    const page = await browser.newPage();
    const warnings: string[] = [];
    const errors: string[] = [];
    page.on("console", (message) => message.type() === "warning" && warnings.push(message.text()));
    page.on("pageerror", (error) => errors.push(String(error)));
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/${name}.html`);
    // A function to wait for would be evaluated, which policies forbid.
    await page.waitForSelector("title", { state: "attached", timeout: 100_000 });
    const seen = JSON.parse(await page.title());
    await page.close();
    expect(errors).toEqual([]);
    if (name === "small") expect(seen.webgpu.digest).toBe(EXPECTED.webgpu);
    else
      record.hold(PAGES[name], {
        ...seen,
        webgpu: { from: "its own", ...seen.webgpu },
      });
    return warnings;
  }

  it.each(["plain", "worker", "wasm"] as const)("%s: in WebAssembly", async (name) => {
    expect(await open(name)).toEqual([]);
  });

  it("strict: a policy without wasm-unsafe-eval gets the plain reference, and is told", async () => {
    const warnings = await open("strict");
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/^random-ltd runs without WebAssembly/);
  });

  it("small: by random-ltd/webgpu", async () => {
    expect(await open("small")).toEqual([]);
  });

  it("each of them with its row in the record", () => record.holdNames());
});

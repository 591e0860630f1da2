import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join } from "node:path";
import { type Browser, chromium } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { chromiumLaunch, whyNot } from "../../scripts/swiftshader.js";
import { type Project, packedProject } from "../suites/packed.ts";
import { folder } from "./install.js";

const EXPECTED = readFileSync(join(folder, "digest.txt"), "utf8").trim();

const TYPES: Record<string, string> = { ".js": "text/javascript", ".html": "text/html" };

/** The same script on a page and in a worker: no bundler, no import map, the package's own file. */
const SCRIPT = `import * as lib from "/node_modules/random-ltd/dist/index.js";
import { digest } from "/digest.js";
const answer = lib.cpuBackend() + " " + digest(lib);
if (globalThis.document) document.title = answer;
else postMessage(answer);
`;

const WORKER_PAGE = `new Worker("/script.js", { type: "module" }).onmessage = ({ data }) => (document.title = data);`;

/** Content-Security-Policies that pages are served with. */
const POLICIES: Record<string, string> = {
  "/strict.html": "default-src 'none'; script-src 'self'",
  "/wasm.html": "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'",
};

const reason = whyNot();
if (reason !== undefined && process.env.CI) throw new Error(`no Chromium in CI: ${reason}`);

describe.skipIf(reason !== undefined)(`the same bits in Chromium, without a bundler ${reason ?? ""}`, () => {
  let project: Project;
  let server: Server;
  let browser: Browser;

  beforeAll(async () => {
    project = packedProject();
    const write = (name: string, contents: string) => writeFileSync(join(project.folder, name), contents);
    copyFileSync(join(folder, "digest.js"), join(project.folder, "digest.js"));
    write("script.js", SCRIPT);
    write("worker-page.js", WORKER_PAGE);
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

  /** What a page writes into its title, and what it warned of. */
  async function open(name: string) {
    const page = await browser.newPage();
    const warnings: string[] = [];
    const errors: string[] = [];
    page.on("console", (message) => message.type() === "warning" && warnings.push(message.text()));
    page.on("pageerror", (error) => errors.push(String(error)));
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/${name}.html`);
    await page.waitForFunction("document.title !== ''", undefined, { timeout: 100_000 });
    const answer = await page.title();
    await page.close();
    return { answer, warnings, errors };
  }

  it.each(["plain", "wasm", "worker"])("%s: in WebAssembly", async (name) => {
    expect(await open(name)).toEqual({ answer: `wasm ${EXPECTED}`, warnings: [], errors: [] });
  });

  it("strict: a policy without wasm-unsafe-eval gets the plain reference, and is told", async () => {
    const { answer, warnings, errors } = await open("strict");
    expect(answer).toBe(`reference ${EXPECTED}`);
    expect(errors).toEqual([]);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/^random-ltd runs without WebAssembly/);
  });
});

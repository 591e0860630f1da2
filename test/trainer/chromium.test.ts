/** The same run in Node and in a browser's worker: on WASM to the bit, on WebGPU within a thousandth. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { build } from "esbuild";
import { type Browser, chromium } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { chromiumLaunch, whyNot } from "../../scripts/swiftshader.js";
import { sameBits } from "../../trainer/same-bits.ts";
import { type TenSteps, tenSteps } from "./ten-steps.ts";

/** The worker takes a device's name and answers with what ten steps came to. */
const WORKER = `import { sameBits } from "../../trainer/same-bits.ts";
import { tenSteps } from "./ten-steps.ts";
sameBits();
self.onmessage = async ({ data }) => {
  try {
    postMessage(JSON.stringify(await tenSteps(data)));
  } catch (error) {
    postMessage(JSON.stringify({ error: String(error.stack ?? error) }));
  }
};`;

const PAGE = `<!doctype html><script type="module">
const worker = new Worker("/worker.js", { type: "module" });
worker.onmessage = ({ data }) => (document.title = data);
worker.onerror = ({ message }) => (document.title = JSON.stringify({ error: message }));
worker.postMessage(location.hash.slice(1));
</script>`;

const reason = whyNot();
if (reason !== undefined && process.env.CI) throw new Error(`no Chromium in CI: ${reason}`);

describe.skipIf(reason !== undefined)(`the trainer in a worker of Chromium ${reason ?? ""}`, () => {
  let server: Server;
  let browser: Browser;
  let inNode: TenSteps[];

  beforeAll(async () => {
    const { outputFiles } = await build({
      stdin: { contents: WORKER, resolveDir: import.meta.dirname, loader: "ts" },
      bundle: true,
      write: false,
      format: "esm",
      platform: "browser",
      target: "es2022",
    });
    server = createServer(({ url }, response) => {
      const script = url === "/worker.js";
      response.setHeader("Content-Type", script ? "text/javascript" : "text/html");
      response.end(script ? outputFiles[0].contents : PAGE);
    });
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
    browser = await chromium.launch(chromiumLaunch());
    sameBits();
    inNode = await tenSteps("wasm");
  });
  afterAll(async () => {
    await browser?.close();
    server?.close();
  });

  async function inWorker(device: string): Promise<TenSteps[]> {
    const page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/#${device}`);
    await page.waitForSelector("title", { state: "attached", timeout: 280_000 });
    const seen = JSON.parse(await page.title());
    await page.close();
    expect(seen).not.toHaveProperty("error");
    return seen;
  }

  test("on WASM: every loss and every weight is the same", { timeout: 300_000 }, async () => {
    expect(inNode.map(({ kind }) => kind)).toEqual(["follower", "gpt", "vit"]);
    expect(await inWorker("wasm")).toEqual(inNode);
  });

  test("on WebGPU: within a thousandth after ten steps", { timeout: 300_000 }, async () => {
    const seen = await inWorker("webgpu");
    for (const [i, { kind, losses, heldOut }] of inNode.entries()) {
      expect(seen[i].kind).toBe(kind);
      for (const [step, loss] of losses.entries())
        expect(Math.abs(seen[i].losses[step] - loss)).toBeLessThan(1e-3);
      expect(Math.abs(seen[i].heldOut - heldOut)).toBeLessThan(1e-3);
    }
  });
});

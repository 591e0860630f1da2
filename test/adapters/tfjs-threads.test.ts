/** TF.js's wasm backend with threads, on a page that may have them: its memory is shared, and rows move within that. */
import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { build } from "esbuild";
import { type Browser, chromium } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { chromiumLaunch, whyNot } from "../../scripts/swiftshader.js";
import { folder, installTF } from "../../scripts/tfjs/load.js";

const reason = whyNot();
if (reason !== undefined && process.env.CI) throw new Error(`no Chromium in CI: ${reason}`);

/** The operations on the cpu and on the wasm backend, whose answers go into the title. */
const SCRIPT = `
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import { GatherTokens, ScatterTokens } from "./src/adapters/tfjs.ts";
import { heapIn } from "./src/adapters/tfjs/heap-rows.ts";

setWasmPaths("/");
async function answers(backend) {
  await tf.setBackend(backend);
  return [3, 200].map((channels) => {
    const numbers = (n) => Float32Array.from({ length: n * channels }, (_, i) => i % 251);
    const [x, y] = [tf.tensor(numbers(16), [2, 8, channels]), tf.tensor(numbers(8), [2, 4, channels])];
    const indices = tf.tensor([0, 3, 4, 7, 1, 2, 5, 6], [2, 4], "int32");
    const grads = ScatterTokens.backward(x, indices);
    return [
      GatherTokens.forward(x, indices),
      GatherTokens.backward(y, indices, { seqLength: 8 }),
      ScatterTokens.forward(x, y, indices),
      grads.allActivationsGrad,
      grads.layerActivationsGrad,
    ].map((t) => [...t.dataSync()]);
  });
}
const [expected, actual] = [await answers("cpu"), await answers("wasm")].map((all) => JSON.stringify(all));
const { wasm } = tf.backend();
document.title = JSON.stringify({
  shared: wasm.HEAPU8.buffer instanceof SharedArrayBuffer,
  within: heapIn(wasm) !== undefined,
  alike: expected === actual,
  numbers: expected.length,
});
`;

describe.skipIf(reason !== undefined)(`in Chromium ${reason ?? ""}`, () => {
  let server: Server;
  let browser: Browser;

  beforeAll(async () => {
    await installTF();
    const { outputFiles } = await build({
      stdin: { contents: SCRIPT, resolveDir: "." },
      nodePaths: [`${folder}node_modules`],
      bundle: true,
      write: false,
      format: "esm",
      platform: "browser",
      logLevel: "error",
    });
    const files: Record<string, [string, string | Uint8Array]> = {
      "/": ["text/html", '<!doctype html><script type="module" src="/script.js"></script>'],
      "/script.js": ["text/javascript", outputFiles[0].text],
    };
    server = createServer(({ url = "/" }, response) => {
      const wasm = /^\/[\w-]+\.wasm$/.test(url);
      const [type, body] = wasm
        ? ["application/wasm", readFileSync(`${folder}node_modules/@tensorflow/tfjs-backend-wasm/dist${url}`)]
        : (files[url] ?? ["text/plain", ""]);
      // What a page must say to have threads.
      response.setHeader("Cross-Origin-Opener-Policy", "same-origin");
      response.setHeader("Cross-Origin-Embedder-Policy", "require-corp");
      response.setHeader("Content-Type", type);
      response.end(body);
    });
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
    browser = await chromium.launch(chromiumLaunch());
  });
  afterAll(async () => {
    await browser?.close();
    server?.close();
  });

  test("rows move within memory that threads share", async () => {
    const page = await browser.newPage();
    const errors: string[] = [];
    page.on("pageerror", (error) => errors.push(String(error)));
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    await page.waitForFunction(() => document.title !== "").catch((error) => errors.push(String(error)));
    expect(errors).toEqual([]);
    const { numbers, ...found } = JSON.parse(await page.title());
    expect(found).toEqual({ shared: true, within: true, alike: true });
    expect(numbers).toBeGreaterThan(1000);
  });
});

/** The built page in a real browser: served from a deep path, with everything recorded that it should not do. */
import { existsSync, readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join } from "node:path";
import { type Browser, type BrowserContextOptions, chromium, type Locator, type Page } from "playwright-core";
import { build } from "vite";
import { chromiumLaunch } from "../../scripts/swiftshader.js";

const root = process.cwd();
export const folder: string = join(root, "build/studio");

const TYPES: Record<string, string> = { ".js": "text/javascript", ".html": "text/html", ".css": "text/css" };

/** Where the page lies on the server: it must work from any path. */
const PATH = "/some/deep/path/";

/** The page's server and a browser. */
export interface Site {
  readonly url: string;
  readonly browser: Browser;
  close(): Promise<void>;
}

/** Builds the page and serves it. */
export async function openSite(): Promise<Site> {
  await build({ configFile: join(root, "studio/vite.config.ts"), logLevel: "warn" });
  const server: Server = createServer(({ url = "/" }, response) => {
    const path = new URL(url, "http://localhost").pathname;
    const file = join(folder, path.slice(PATH.length) || "index.html");
    if (!path.startsWith(PATH) || !existsSync(file)) return response.writeHead(404).end();
    response.setHeader("Content-Type", TYPES[extname(file)] ?? "application/octet-stream");
    response.end(readFileSync(file));
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}${PATH}`;
  const launch = chromiumLaunch();
  // `gc` in pages and workers, so that what memory a race holds can be told from what waits to be collected.
  const browser = await chromium.launch({
    ...launch,
    args: [...(launch.args ?? []), "--js-flags=--expose-gc"],
  });
  return {
    url,
    browser,
    async close() {
      await browser.close();
      server.close();
    },
  };
}

/** A page, and everything about it that should not be: messages, errors, requests to other hosts, policy violations. */
export interface Visit {
  readonly page: Page;
  readonly faults: string[];
  close(): Promise<void>;
}

/** Opens the page at an address. */
export async function visit(
  site: Site,
  address = "",
  options: BrowserContextOptions = {},
  before: (page: Page) => Promise<unknown> = async () => undefined,
): Promise<Visit> {
  const context = await site.browser.newContext({
    viewport: { width: 1280, height: 900 },
    ...options,
  });
  const page = await context.newPage();
  page.setDefaultTimeout(120_000); // a busy machine is slow
  const faults: string[] = [];
  page.on("console", (message) => faults.push(`${message.type()}: ${message.text()}`));
  page.on("pageerror", (error) => faults.push(`error: ${error.message}`));
  page.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(site.url) && !/^(data|blob):/.test(url)) faults.push(`request: ${url}`);
  });
  await before(page);
  await page.goto(site.url + address);
  await page.locator("h1").waitFor();
  return { page, faults, close: () => context.close() };
}

/** The button that starts a race. */
export const startButton = (page: Page): Locator => page.getByRole("button", { name: "Start", exact: true });

/** Puts a script before all others of the worker that trains: for `visit`, to take or give what a browser has. */
export function putBeforeWorker(script: string) {
  return (page: Page): Promise<unknown> =>
    page.route("**/worker-*.js", async (route) => {
      const response = await route.fetch();
      await route.fulfill({ response, body: `${script};${await response.text()}` });
    });
}

/** Keeps the devices of a worker where `loseDevice` finds them. */
export const KEEP_DEVICES = `{
  const { requestDevice } = GPUAdapter.prototype;
  GPUAdapter.prototype.requestDevice = async function (...args) {
    return (globalThis.lastDevice = await requestDevice.apply(this, args));
  };
}`;

/** Starts a race on WebGPU, pauses it so that it is saved, goes on, and takes its device away. */
export async function loseDevice(page: Page): Promise<void> {
  await startButton(page).click();
  await page.locator(".state.running").waitFor({ timeout: 300_000 });
  await page.getByRole("button", { name: "Pause", exact: true }).click();
  await page.locator(".state.paused").waitFor();
  await page.getByRole("button", { name: "Go on", exact: true }).first().click();
  await page.workers()[0].evaluate(() => (globalThis as any).lastDevice.destroy());
  await page.locator(".notice").waitFor();
}

/** Presses Start and waits until the race is over. */
export async function race(page: Page, timeout = 500_000): Promise<void> {
  await startButton(page).click();
  await page.locator(".state.done").waitFor({ timeout });
}

/** The kept races, as the browser's database has them. */
export function keptRaces(page: Page): Promise<any[]> {
  return page.evaluate(
    () =>
      new Promise<any[]>((resolve, reject) => {
        const opening = indexedDB.open("random-ltd-studio");
        opening.onerror = () => reject(opening.error);
        opening.onsuccess = () => {
          const all = opening.result.transaction("races").objectStore("races").getAll();
          all.onsuccess = () => resolve(all.result);
        };
      }),
  );
}

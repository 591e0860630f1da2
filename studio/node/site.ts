/** The built page in a real browser: served from a deep path, with everything recorded that it should not do. */
import { existsSync, readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join } from "node:path";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
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
  const browser = await chromium.launch(chromiumLaunch());
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
    locale: "en-US", // uPlot throws at import where the language is "en-US@posix"
    ...options,
  });
  const page = await context.newPage();
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

/** Presses Start and waits until the race is over. */
export async function race(page: Page, timeout = 500_000): Promise<void> {
  await page.getByRole("button", { name: "Start", exact: true }).first().click();
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

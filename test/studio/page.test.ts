/** The built page in Chromium: what it loads, that it trains, repeats, goes on, exports, and survives refusals. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { whyNot } from "../../scripts/swiftshader.js";
import { keptRaces, openSite, race, type Site, type Visit, visit } from "../../studio/node/site.ts";

const reason = whyNot();
if (reason !== undefined && process.env.CI) throw new Error(`no Chromium in CI: ${reason}`);

/** A small race of a few steps on the CPU, the same at every run. */
const SMALL = "seconds=5&steps=10&layers=3&channels=16&batch=16&backend=wasm&lanes=full.ltd";

describe.skipIf(reason !== undefined)(`the page ${reason ?? ""}`, () => {
  let site: Site;
  const open: Visit[] = [];
  const at = async (...options: Parameters<typeof visit> extends [Site, ...infer R] ? R : never) => {
    const one = await visit(site, ...options);
    open.push(one);
    return one;
  };
  beforeAll(async () => {
    site = await openSite();
  });
  afterAll(() => site?.close());
  // A race goes on in a page that is left open, and slows the next one.
  afterEach(async () => {
    for (const { close } of open.splice(0)) await close();
  });

  test("loads from a deep path: no other host, no message, no violation of its policy", async () => {
    const { page, faults } = await at();
    await page.getByText("Recorded", { exact: false }).first().waitFor();
    await page.waitForTimeout(500);
    expect(faults).toEqual([]);
  });

  test.each([
    "arrows",
    "digits",
    "text",
  ])("%s trains ten steps on WASM and WebGPU: losses fall and agree", async (task) => {
    const lossesOn = async (backend: string) => {
      const { page, faults, close } = await at(
        // A software GPU takes seconds to compile for each length, and its time grows with the rows.
        `?task=${task}&${SMALL.replace("wasm", backend).replace("batch=16", "batch=4")}&rate=8000&growth=constant`,
      );
      await race(page);
      expect(await page.locator(".machine b").innerText()).toContain(
        backend === "wasm" ? "WebAssembly" : "WebGPU",
      );
      expect(faults.filter((fault) => !fault.startsWith("warning"))).toEqual([]);
      const [kept] = await keptRaces(page);
      await close();
      return kept.series.map((one: any) => one.steps.loss) as number[][];
    };
    const [onCPU, onGPU] = [await lossesOn("wasm"), await lossesOn("webgpu")];
    for (const [lane, losses] of onCPU.entries()) {
      expect(losses).toHaveLength(10);
      expect(losses.at(-1)!).toBeLessThan(losses[0]);
      losses.forEach((loss, i) => {
        expect(Math.abs(loss - onGPU[lane][i])).toBeLessThan(1e-3);
      });
    }
  });

  test("a race that a reload cuts goes on to the straight run's losses, bit for bit on WASM", async () => {
    const address = `?task=arrows&${SMALL.replace("steps=10", "steps=30")}`;
    const straight = await at(address);
    await race(straight.page);
    const [whole] = await keptRaces(straight.page);

    const cut = await at(address);
    await cut.page.getByRole("button", { name: "Start", exact: true }).first().click();
    await cut.page.locator(".state.running").waitFor();
    await cut.page.getByRole("button", { name: "Pause" }).first().click();
    await cut.page.locator(".state.paused").waitFor();
    await cut.page.reload();
    await cut.page.getByRole("button", { name: "Go on" }).first().click();
    await cut.page.locator(".state.done").waitFor({ timeout: 240_000 });
    const [resumed] = await keptRaces(cut.page);
    for (const [i, one] of whole.series.entries()) {
      expect(resumed.series[i].steps.loss).toEqual(one.steps.loss);
      expect(resumed.series[i].held.map((e: any) => e.loss)).toEqual(one.held.map((e: any) => e.loss));
    }
    expect(resumed.fingerprint).toBe(whole.fingerprint);
  });

  test("exports a race and takes it back; charts as SVG and PNG", async () => {
    const { page } = await at(`?task=arrows&${SMALL}`);
    await race(page);
    const [kept] = await keptRaces(page);
    const file = await downloaded(page, "Export");
    expect(JSON.parse(file.toString()).race.series).toEqual(kept.series);
    await page
      .locator("input[type=file]")
      .setInputFiles({ name: "race.json", mimeType: "application/json", buffer: file });
    await expect.poll(async () => (await keptRaces(page)).length).toBe(2);
    for (const one of await keptRaces(page)) expect(one.series).toEqual(kept.series);
    const svg = (await downloaded(page, "Save SVG")).toString();
    for (const name of ["all tokens", "random-LTD"])
      expect(svg).toMatch(new RegExp(`<path d="M[^"]+"[^>]*><title>${name}</title>`));
    const png = await downloaded(page, "Save PNG");
    expect(png.subarray(1, 4).toString()).toBe("PNG");
    expect(await coloursOf(page, png)).toBeGreaterThan(20);
  });

  test("the fingerprint is the one that Node prints, in two browser contexts", async () => {
    const address = "?task=digits&seed=99";
    const shown = async () => (await at(address)).page.locator("#runs code").innerText();
    const printed = execFileSync("node", ["scripts/run.js", "studio/node/fingerprint.ts", address], {
      encoding: "utf8",
    });
    expect([await shown(), await shown()]).toEqual([printed.trim(), printed.trim()]);
  });

  test("pause answers within two steps, and the clock stands meanwhile", async () => {
    const { page } = await at(`?task=arrows&${SMALL.replace("steps=10", "steps=4000")}`);
    await page.getByRole("button", { name: "Start", exact: true }).first().click();
    await page.locator(".state.running").waitFor();
    await page.getByRole("button", { name: "Pause" }).first().click();
    await page.locator(".state.paused").waitFor();
    const before = await page.locator("#race .state").innerText();
    await page.waitForTimeout(1500);
    expect(await page.locator("#race .state").innerText()).toBe(before);
    await page.getByRole("button", { name: "Go on" }).first().click();
    await page.locator(".state.running").waitFor();
    await page.getByRole("button", { name: "Stop" }).click();
    await page.locator(".state.done").waitFor();
    const [kept] = await keptRaces(page);
    expect(kept.done).toBe(false);
    const used = kept.series.map((one: any) => one.steps.seconds.at(-1));
    const longest = Math.max(...kept.series.flatMap((one: any) => one.steps.ms)) / 1000;
    expect(Math.abs(used[0] - used[1])).toBeLessThanOrEqual(longest + 1e-9);
  });

  test.each([
    "?task=chess",
    "?layers=99",
    "?seed=-1",
    "?k=33",
    "?lanes=x",
    "?channels=7",
    "?seconds=NaN",
    "?rate=1e400",
    `?steps=${"9".repeat(400)}`,
    "?%E0%A4%A&until=%00",
  ])("a bad address, %s, is survived", async (address) => {
    const { page, faults, close } = await at(address);
    await page.getByRole("button", { name: "Start", exact: true }).first().waitFor();
    expect(faults).toEqual([]);
    await close();
  });

  describe("what the browser refuses", () => {
    const start = async (page: Page) =>
      page.getByRole("button", { name: "Start", exact: true }).first().click();

    test("no storage: the race runs, and a sentence says that nothing is kept", async () => {
      const { page } = await at(`?task=arrows&${SMALL}`, {}, (page) =>
        page.addInitScript(() => Object.defineProperty(globalThis, "indexedDB", { get: () => undefined })),
      );
      await race(page);
      await page.getByText("This browser keeps nothing for this page").waitFor();
    });

    test("no data: a sentence, and Start again", async () => {
      const { page } = await at(`?task=digits&${SMALL}`, {}, (page) =>
        page.route("**/digits.dat", (route) => route.fulfill({ status: 503 })),
      );
      await start(page);
      await page.getByText("could not be loaded").waitFor();
      await page.getByRole("button", { name: "Start", exact: true }).first().waitFor();
    });

    test("no WebGPU: WebAssembly, and why", async () => {
      const { page } = await at(`?task=arrows&${SMALL.replace("wasm", "auto")}`, {}, (page) =>
        page.route("**/worker-*.js", async (route) => {
          const response = await route.fetch();
          const hide = "Object.defineProperty(navigator, 'gpu', { get: () => undefined });";
          await route.fulfill({ response, body: hide + (await response.text()) });
        }),
      );
      await race(page);
      await page.getByText("offers no WebGPU adapter").waitFor();
    });

    test("no WebAssembly: a sentence", async () => {
      const { page } = await at(`?task=arrows&${SMALL}`, {}, (page) =>
        page.route("**/worker-*.js", async (route) => {
          const response = await route.fetch();
          await route.fulfill({ response, body: `delete globalThis.WebAssembly;${await response.text()}` });
        }),
      );
      await start(page);
      await page.locator(".notice").waitFor();
      await page.locator(".state.failed").waitFor();
    });
  });
});

async function downloaded(page: Page, button: string): Promise<Buffer> {
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("button", { name: button, exact: true }).first().click(),
  ]);
  return readFileSync(await download.path());
}

/** How many colours a picture has: a blank one has one. */
function coloursOf(page: Page, png: Buffer): Promise<number> {
  return page.evaluate(async (base64) => {
    const image = new Image();
    image.src = `data:image/png;base64,${base64}`;
    await image.decode();
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [image.width, image.height];
    const context = canvas.getContext("2d")!;
    context.drawImage(image, 0, 0);
    return new Set(new Uint32Array(context.getImageData(0, 0, image.width, image.height).data.buffer)).size;
  }, png.toString("base64"));
}

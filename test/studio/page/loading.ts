/** What the page loads and how it stands before a race: nothing from elsewhere, small, within its width, by keys alone. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { folder, keptRaces, type Site } from "../../../studio/node/site.ts";
import { button, expectAccessible, opener, SMALL } from "./visits.ts";

const BAD_ADDRESSES = [
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
];

const KB = 1024;
const packedSize = (file: string) => gzipSync(readFileSync(join(folder, file)), { level: 9 }).length;

export function loading(site: () => Site): void {
  const at = opener(site);

  test("loads from a deep path: no other host, no message, no violation of its policy", async () => {
    const { page, faults } = await at();
    await page.getByText("Recorded").first().waitFor();
    await page.locator("#runs").scrollIntoViewIfNeeded();
    await page.locator("#runs code").waitFor();
    expect(faults).toEqual([]);
    await expectAccessible(page);
  });

  test("ten bad addresses are survived, each with a note", async () => {
    const { page, faults } = await at();
    for (const address of BAD_ADDRESSES) {
      await page.goto(site().url + address);
      await button(page, "Start").waitFor();
      await page.getByText("Not all of the address could be used").waitFor();
    }
    expect(faults).toEqual([]);
  });

  test("nothing overflows at five widths", async () => {
    const { page } = await at();
    await page.getByText("Recorded").first().waitFor();
    await page.locator("#can").scrollIntoViewIfNeeded();
    for (const width of [320, 375, 640, 1024, 1920]) {
      await page.setViewportSize({ width, height: 800 });
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      expect(wide, `at ${width} pixels`).toBeLessThanOrEqual(width);
    }
  });

  test("no motion for those who want none", async () => {
    const { page } = await at(`?task=arrows&${SMALL.replace("steps=10", "steps=4000")}`, {
      reducedMotion: "reduce",
    });
    await button(page, "Start").click();
    await page.locator(".state.running").waitFor();
    expect(await page.evaluate(() => document.getAnimations().length)).toBe(0);
  });

  test("the dialog is for everyone, and its words are judged by the address's own rules", async () => {
    const { page } = await at(`?task=arrows&${SMALL}`);
    await button(page, "Settings").click();
    await page.getByRole("dialog").waitFor();
    await expectAccessible(page);
    await page.getByLabel("K at the start").fill("33");
    await page.getByRole("dialog").getByText("in steps of 4").waitFor();
    expect(await page.getByRole("button", { name: "Use these" }).isDisabled()).toBe(true);
    await page.getByLabel("K at the start").fill("36");
    await page.getByRole("button", { name: "Use these" }).click();
    expect(new URL(page.url()).searchParams.get("k")).toBe("36");
  });

  test("by keys alone: settings, a race, the reading of a chart", async () => {
    const { page } = await at(`?task=arrows&${SMALL}`);
    const press = async (key: string, until: () => Promise<boolean>) => {
      for (let i = 0; i < 80; i++) {
        await page.keyboard.press(key);
        if (await until()) return;
      }
      throw new Error(`${key} never got there`);
    };
    const focused = (words: string) => async () =>
      (await page.evaluate(() => document.activeElement?.textContent ?? "")).trim() === words;
    await press("Tab", focused("Settings"));
    await page.keyboard.press("Enter");
    await page.getByRole("dialog").waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await press("Shift+Tab", focused("Start"));
    await page.keyboard.press("Enter");
    await page.locator(".state.done").waitFor();
    await press("Tab", () =>
      page.evaluate(() => document.activeElement?.classList.contains("plot") ?? false),
    );
    const before = await page.locator(".readout").innerText();
    await page.keyboard.press("ArrowLeft");
    await page.keyboard.press("ArrowLeft");
    expect(await page.locator(".readout").innerText()).not.toBe(before);
    expect(await keptRaces(page)).toHaveLength(1);
  });

  describe("sizes, gzip", () => {
    test("what the page loads before Start: 60 KB, and beside it the recorded race, 12 KB", async () => {
      const loaded = new Set<string>();
      const { page } = await at("", { viewport: { width: 1280, height: 800 } }, async (page) =>
        page.on("request", (request) => loaded.add(request.url().slice(site().url.length))),
      );
      await page.getByText("Recorded").first().waitFor();
      const code = [...loaded].filter((file) => /\.(js|css)$/.test(file));
      const [recorded, rest] = [/arrows/, /^(?!.*arrows)/].map((kind) =>
        ["index.html", ...code].filter((file) => kind.test(file)).reduce((sum, f) => sum + packedSize(f), 0),
      );
      expect(rest).toBeLessThan(60 * KB);
      expect(recorded).toBeGreaterThan(0);
      expect(recorded).toBeLessThan(12 * KB);
    });

    test("the worker 110 KB, the data of a task 1 MB", () => {
      const worker = readdirSync(join(folder, "assets")).find((file) => /^worker.*\.js$/.test(file))!;
      expect(packedSize(join("assets", worker))).toBeLessThan(110 * KB);
      for (const data of ["digits.dat", "text.dat"]) {
        expect(readFileSync(join(folder, data)).length).toBeLessThan(KB * KB);
      }
    });
  });
}

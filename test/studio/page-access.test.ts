/** The page for everyone: axe in its states, light and dark, two widths; no overflow at five; the keyboard alone. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { whyNot } from "../../scripts/swiftshader.js";
import { keptRaces, openSite, race, type Site, visit } from "../../studio/node/site.ts";

const reason = whyNot();
if (reason !== undefined && process.env.CI) throw new Error(`no Chromium in CI: ${reason}`);

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const SMALL = "?task=arrows&seconds=5&steps=6&layers=3&channels=16&batch=16&backend=wasm&lanes=full.route";

/** What axe finds, each with where it is. */
async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  return page.evaluate(async () => {
    const { violations } = await (globalThis as any).axe.run(document, { resultTypes: ["violations"] });
    return violations.map(
      ({ id, nodes }: any) =>
        `${id}: ${nodes
          .map(({ html }: any) => html)
          .join(" ")
          .slice(0, 300)}`,
    );
  });
}

describe.skipIf(reason !== undefined)(`for everyone ${reason ?? ""}`, () => {
  let site: Site;
  beforeAll(async () => {
    site = await openSite();
  });
  afterAll(() => site?.close());

  describe.each([360, 1280])("%s pixels wide", (width) => {
    test.each([
      "light",
      "dark",
    ] as const)("%s: axe finds nothing, idle, in the dialog, done and failed", async (colorScheme) => {
      const { page, close } = await visit(site, SMALL, { colorScheme, viewport: { width, height: 800 } });
      expect(await violations(page)).toEqual([]);
      if (width > 640) {
        await page.getByRole("button", { name: "Settings", exact: true }).first().click();
        await page.getByRole("dialog").waitFor();
        expect(await violations(page)).toEqual([]);
        await page.getByRole("button", { name: "Cancel" }).click();
      }
      if (width > 640) await race(page);
      else {
        await page.locator(".dock").getByRole("button", { name: "Start" }).click();
        await page.locator(".state.done").waitFor({ timeout: 240_000 });
      }
      await page.locator("details.data summary").first().click();
      expect(await violations(page)).toEqual([]);
      await close();
    });
  });

  test.each([320, 375, 640, 1024, 1920])("nothing overflows at %s pixels", async (width) => {
    const { page, close } = await visit(site, "", { viewport: { width, height: 800 } });
    await page.getByText("Recorded").first().waitFor();
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    expect(wide).toBeLessThanOrEqual(width);
    await close();
  });

  test("by keys alone: settings, a race, the reading of a chart, a token", async () => {
    const { page, close } = await visit(site, SMALL);
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
    await page.locator(".state.done").waitFor({ timeout: 240_000 });
    await press("Tab", () =>
      page.evaluate(() => document.activeElement?.classList.contains("plot") ?? false),
    );
    const before = await page.locator(".readout").innerText();
    await page.keyboard.press("ArrowLeft");
    await page.keyboard.press("ArrowLeft");
    expect(await page.locator(".readout").innerText()).not.toBe(before);
    expect(await keptRaces(page)).toHaveLength(1);
    await close();
  });

  test("no motion for those who want none", async () => {
    const { page, close } = await visit(site, "", { reducedMotion: "reduce" });
    const animated = await page.evaluate(() => document.getAnimations().length);
    expect(animated).toBe(0);
    await close();
  });
});

/** Races that stay: over a reload, as files, as pictures, and their fingerprint. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { keptRaces, race, type Site } from "../../../studio/node/site.ts";
import { button, eventually, expectAccessible, opener, SMALL } from "./visits.ts";

export function keeping(site: () => Site): void {
  const at = opener(site);

  test("a race that a reload cuts goes on to the straight run's losses, bit for bit on WASM", async () => {
    const address = `?task=arrows&${SMALL.replace("steps=10", "steps=16")}`;
    const straight = await at(address);
    await race(straight.page);
    const [whole] = await keptRaces(straight.page);

    const cut = await at(address);
    await button(cut.page, "Start").click();
    await cut.page.locator(".state.running").waitFor();
    await button(cut.page, "Pause").click();
    await cut.page.locator(".state.paused").waitFor();
    await cut.page.reload();
    await button(cut.page, "Go on").click();
    await cut.page.locator(".state.done").waitFor();
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
    await eventually(async () => (await keptRaces(page)).length).toBe(2);
    for (const one of await keptRaces(page)) expect(one.series).toEqual(kept.series);
    const svg = (await downloaded(page, "Save SVG")).toString();
    for (const name of ["all tokens", "random-LTD"])
      expect(svg).toMatch(new RegExp(`<path d="M[^"]+"[^>]*><title>${name}</title>`));
    await page.locator("details.data summary").first().click();
    await expectAccessible(page);
    const png = await downloaded(page, "Save PNG");
    expect(png.subarray(1, 4).toString()).toBe("PNG");
    expect(await coloursOf(page, png)).toBeGreaterThan(20);
  });

  test("the fingerprint is the one that Node prints, in two browser contexts", async () => {
    const address = "?task=digits&seed=99";
    const shown = async () => {
      const { page } = await at(address);
      await page.locator("#runs").scrollIntoViewIfNeeded();
      return page.locator("#runs code").innerText();
    };
    const printed = execFileSync("node", ["scripts/run.js", "studio/node/fingerprint.ts", address], {
      encoding: "utf8",
    });
    expect([await shown(), await shown()]).toEqual([printed.trim(), printed.trim()]);
  });
}

async function downloaded(page: Page, name: string): Promise<Buffer> {
  const [download] = await Promise.all([page.waitForEvent("download"), button(page, name).click()]);
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

/** What the suites of the page share: visits that are closed after each test, buttons, axe. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Locator, Page } from "playwright-core";
import { afterEach, expect } from "vitest";
import { type Site, type Visit, visit } from "../../../studio/node/site.ts";

/** A small race of a few steps on the CPU, the same at every run. */
export const SMALL = "seconds=5&steps=10&layers=3&channels=16&batch=4&backend=wasm&lanes=full.ltd";

/** The widths and colours that the page is looked at in. */
const LOOKS = [360, 1280].flatMap((width) => [
  { width, colorScheme: "light" as const },
  { width, colorScheme: "dark" as const },
]);

type Options = Parameters<typeof visit> extends [Site, ...infer Rest] ? Rest : never;

/** Opens pages that are closed after the test: a race goes on in a page that is left open, and slows the next one. */
export function opener(site: () => Site) {
  const open: Visit[] = [];
  afterEach(async () => {
    for (const { close } of open.splice(0)) await close();
  });
  return async (...options: Options): Promise<Visit> => {
    const one = await visit(site(), ...options);
    open.push(one);
    return one;
  };
}

/** The button of that name which is shown. */
export const button = (page: Page, name: string): Locator =>
  page.getByRole("button", { name, exact: true }).first();

/** Expects of something that changes, read again and again for as long as a busy machine may need. */
export const eventually = <T>(read: () => T | Promise<T>) =>
  expect.poll(read, { timeout: 120_000, interval: 30 });

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Holds that axe finds nothing at 360 and 1280 pixels, light and dark. */
export async function expectAccessible(page: Page): Promise<void> {
  await page.evaluate(axe);
  for (const { width, colorScheme } of LOOKS) {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize({ width, height: 800 });
    const found: string[] = await page.evaluate(async () => {
      const { violations } = await (globalThis as any).axe.run(document, { resultTypes: ["violations"] });
      return violations.map(({ id, nodes }: any) => `${id}: ${nodes.map(({ html }: any) => html).join(" ")}`);
    });
    expect(
      found.map((one) => one.slice(0, 400)),
      `${width} pixels, ${colorScheme}`,
    ).toEqual([]);
  }
}

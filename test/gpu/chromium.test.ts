/** The suites of the operations in Chromium over SwiftShader. */
import { chromium } from "playwright-core";
import { expect } from "vitest";
import { chromiumLaunch } from "../../scripts/swiftshader.js";
import { suitesElsewhere } from "./elsewhere.ts";
import type { Suites } from "./suites.ts";

await suitesElsewhere("Chromium", async (bundle) => {
  const browser = await chromium.launch(chromiumLaunch());
  try {
    const page = await browser.newPage();
    const errors: string[] = [];
    page.on("pageerror", (error) => errors.push(error.message));
    // Nothing leaves the machine; localhost is a secure context, which WebGPU asks for.
    await page.route("**/*", (route) => route.fulfill({ contentType: "text/html", body: "<!doctype html>" }));
    await page.goto("http://localhost/");
    await page.addScriptTag({ content: bundle });
    const outcomes = await page.evaluate(() => (globalThis as unknown as { suites: Suites }).suites.run());
    expect(errors).toEqual([]);
    return outcomes;
  } finally {
    await browser.close();
  }
});

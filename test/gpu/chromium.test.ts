/** The suites of the operations in Chromium over SwiftShader. */
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { chromium } from "playwright-core";
import { describe, expect, test } from "vitest";
import { chromiumLaunch } from "../../scripts/swiftshader.js";
import { whyNoDawn } from "./dawn.ts";
import type { Outcome } from "./page-vitest.ts";

const reason = whyNoDawn();
const here = (file: string) => fileURLToPath(new URL(file, import.meta.url));

describe.skipIf(reason)(`Chromium${reason ? ` (not here: ${reason})` : ""}`, () => {
  test("the suites of the operations", { timeout: 600_000 }, async () => {
    const { outputFiles } = await build({
      entryPoints: [here("page.ts")],
      alias: { vitest: here("page-vitest.ts") },
      bundle: true,
      write: false,
      format: "iife",
      target: "es2022",
    });
    const browser = await chromium.launch(chromiumLaunch());
    try {
      const page = await browser.newPage();
      const errors: string[] = [];
      page.on("pageerror", (error) => errors.push(error.message));
      // Nothing leaves the machine; localhost is a secure context, which WebGPU asks for.
      await page.route("**/*", (route) =>
        route.fulfill({ contentType: "text/html", body: "<!doctype html>" }),
      );
      await page.goto("http://localhost/");
      await page.addScriptTag({ content: outputFiles[0].text });
      const outcomes = await page.evaluate(() => (globalThis as any).runSuites() as Promise<Outcome[]>);
      expect(errors).toEqual([]);
      expect(outcomes.filter(({ error }) => error !== undefined)).toEqual([]);
      expect(outcomes.length).toBeGreaterThan(100);
    } finally {
      await browser.close();
    }
  });
});

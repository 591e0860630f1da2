/** dist/random-ltd.min.js: the package as one file, for script tags and CDNs. test/runtimes opens it in a page, too. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test } from "vitest";
import * as lib from "../src/index.ts";
import { digest } from "./runtimes/digest.js";

const file = "dist/random-ltd.min.js";

test("it has all of random-ltd, and gives the same answers", async () => {
  const one: typeof lib = await import(pathToFileURL(resolve(file)).href);
  expect(Object.keys(one).sort()).toEqual(Object.keys(lib).sort());
  expect(one.GatherTokens).not.toBe(lib.GatherTokens);
  expect(one.cpuBackend()).toBe("wasm");
  expect(digest(one, 300)).toBe(digest(lib, 300));
});

test("it imports nothing, and is what CDNs serve", () => {
  const text = readFileSync(file, "utf8");
  expect(text).not.toMatch(/\bimport\b\s*["'{*(]|\bfrom\s*["']/);
  expect(text).toContain("@compute"); // a control: its shaders are inside
  const { unpkg, jsdelivr } = JSON.parse(readFileSync("package.json", "utf8"));
  expect([unpkg, jsdelivr]).toEqual([`./${file}`, `./${file}`]);
});

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { coreText } from "../src/wasm/core-bytes.ts";
import { bytesOfText } from "../src/wasm/text.ts";

test("the core in the package is the one that was built, as text that needs no escapes", () => {
  expect(Buffer.from(bytesOfText(coreText)).equals(readFileSync("build/core.wasm"))).toBe(true);
  expect(coreText).toMatch(/^[#-[\]-~]+$/);
});

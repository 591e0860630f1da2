import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { coreText } from "../src/core/core-bytes.ts";
import { samplingText } from "../src/core/sampling-bytes.ts";
import { bytesOfText } from "../src/core/text.ts";

test.each([
  ["core", coreText],
  ["sampling", samplingText],
])("the %s in the package is the one that was built, as text that needs no escapes", (name, text) => {
  expect(Buffer.from(bytesOfText(text)).equals(readFileSync(`build/${name}.wasm`))).toBe(true);
  expect(text).toMatch(/^[ !#-[\]-~]+$/);
});

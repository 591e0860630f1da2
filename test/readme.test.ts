import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { whyNoDawn } from "./gpu/dawn.ts";

/** Each `js` block of a document, and the `text` block that follows it at once: what it prints. */
function examples(document: string) {
  const blocks = document.matchAll(/```js\n([\s\S]*?)```\n(?:\n```text\n([\s\S]*?)```\n)?/g);
  return [...blocks].map(([, code, printed]) => ({ code, printed: printed ?? "" }));
}

describe("the README's examples", () => {
  const noGPU = whyNoDawn();
  const found = examples(readFileSync("README.md", "utf8"));

  it("are found", () => {
    expect(found.length).toBeGreaterThan(1);
  });

  it.each(found.map((example, i) => ({ ...example, i })))("example $i prints what it says", ({
    code,
    printed,
    i,
  }, context) => {
    mkdirSync("out/readme", { recursive: true });
    const file = `out/readme/example-${i}.mjs`;
    writeFileSync(file, code);
    const gpu = code.includes("requestGPUDevice") ? ["--import", "./test/suites/with-gpu.js"] : [];
    if (gpu.length > 0 && noGPU) return context.skip(noGPU);
    expect(execFileSync(process.execPath, [...gpu, file], { encoding: "utf8" })).toBe(printed);
  });
});

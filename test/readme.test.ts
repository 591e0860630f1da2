import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

/** Each `js` block of a document, and the `text` block that follows it at once: what it prints. */
function examples(document: string) {
  const blocks = document.matchAll(/```js\n([\s\S]*?)```\n(?:\n```text\n([\s\S]*?)```\n)?/g);
  return [...blocks].map(([, code, printed]) => ({ code, printed: printed ?? "" }));
}

describe("the README's examples", () => {
  const found = examples(readFileSync("README.md", "utf8"));

  it("are found", () => {
    expect(found.length).toBeGreaterThan(1);
  });

  it.each(found.map((example, i) => ({ ...example, i })))("example $i prints what it says", ({
    code,
    printed,
    i,
  }) => {
    mkdirSync("out/readme", { recursive: true });
    const file = `out/readme/example-${i}.mjs`;
    writeFileSync(file, code);
    expect(execFileSync(process.execPath, [file], { encoding: "utf8" })).toBe(printed);
  });
});

import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { whyNoDawn } from "./gpu/dawn.ts";
import { readme, training } from "./suites/examples.ts";

/** Each `js` block of a document, and the `text` block that follows it at once: what it prints. */
function examples(document: string) {
  const blocks = document.matchAll(/```js\n([\s\S]*?)```\n(?:\n```text\n([\s\S]*?)```\n)?/g);
  return [...blocks].map(([, code, printed], i) => ({ code, printed: printed ?? "", i }));
}

describe("the README's examples", () => {
  const found = examples(readme.replace(training, "")); // each of those has a test of its own
  const onGPU = found.filter(({ code }) => code.includes("requestGPUDevice"));
  const onCPU = found.filter((example) => !onGPU.includes(example));

  /** Runs an example as a file of its own, with more options of Node. */
  function run({ code, i }: { code: string; i: number }, ...options: string[]): string {
    mkdirSync("out/readme", { recursive: true });
    const file = `out/readme/example-${i}.mjs`;
    writeFileSync(file, code);
    return execFileSync(process.execPath, [...options, file], { encoding: "utf8" });
  }

  it("are found", () => {
    expect(onCPU.length).toBeGreaterThan(1);
    expect(onGPU.length).toBeGreaterThan(0);
  });

  it.each(onCPU)("example $i prints what it says", (example) => {
    expect(run(example)).toBe(example.printed);
  });

  const reason = whyNoDawn();
  it.skipIf(reason).each(onGPU)(`example $i prints what it says, on a GPU ${reason ?? ""}`, (example) => {
    expect(run(example, "--import", "./test/suites/with-gpu.js")).toBe(example.printed);
  });
});

/** docs/training.md, "What runs along the sequence": each example runs as it stands, on what comes before it. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";

const page = readFileSync(new URL("../docs/training.md", import.meta.url), "utf8");
const section = /^## What runs along the sequence\n[\s\S]*?(?=^## )/m.exec(page)![0];
const [common, ...parts] = section.split(/^### /m);
const codeOf = (text: string) => /```js\n([\s\S]*?)```/.exec(text)![1];
const examples = parts.map((part) => {
  const [, name, code, printed] = /^(.+)\n[\s\S]*?```js\n([\s\S]*?)```\n\n```text\n([\s\S]*?)```/.exec(part)!;
  return { name, code, printed };
});

describe("what runs along the sequence, by example", () => {
  test("all are found", () => {
    expect(examples.map(({ name }) => name)).toEqual([
      "Packed documents",
      "T5's position bias",
      "Gemma's two masks",
      "Qwen's three axes",
      "Megatron's rotary table",
      "Tables without the prefix",
      "Two streams, and what layers hand on",
    ]);
    expect(section.match(/```js/g)).toHaveLength(examples.length + 1);
  });

  test.each(examples)("$name prints what it says", ({ name, code, printed }) => {
    mkdirSync("out/recipes", { recursive: true });
    const file = `out/recipes/${name.replace(/\W+/g, "-")}.mjs`;
    writeFileSync(file, codeOf(common) + code);
    expect(execFileSync(process.execPath, [file], { encoding: "utf8" })).toBe(printed);
  });
});

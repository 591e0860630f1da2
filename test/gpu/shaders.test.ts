/** The text of the shaders: how it comes about, what TypeScript says of it, and that compilers take all of it. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { everyText, numbered, refusals } from "../../scripts/shader-texts.js";
import { readShaders, sectionsOf, shortened } from "../../scripts/wgsl.js";
import { FIELDS, wordsOf } from "../../src/backends/webgpu/params.ts";
import { codeOf, programOf } from "../../src/backends/webgpu/programs.ts";
import { everyShader } from "../../src/backends/webgpu/shader-choice.ts";
import { wgsl } from "../../src/backends/webgpu/shaders.ts";
import { describeOnDawn } from "./on-dawn.ts";

describe("the sections of a file", () => {
  test("begin at their labels", () => {
    const text = "// All.\n//! a = b\nfn b() {}\n//! a = c\nfn c() {}\n//! always\nfn d() {}\n";
    expect(sectionsOf(text, "x.wgsl")).toEqual([
      ["", "// All.\n"],
      ["a = b", "//! a = b\nfn b() {}\n"],
      ["a = c", "//! a = c\nfn c() {}\n"],
      ["", "//! always\nfn d() {}\n"],
    ]);
  });

  test.each([
    ["//! a\n", "is no"],
    ["//! a = b c\n", "is no"],
    ["//! a = b\n//! a = b\n", "twice"],
    ["//! a = b\n//! c = d\n//! a = e\n", "side by side"],
  ])("are refused as %j", (text, words) => {
    expect(() => sectionsOf(text, "x.wgsl")).toThrow(words);
  });

  test("are what src runs with, word for word", () => {
    expect(wgsl).toEqual(readShaders());
    expect(Object.keys(wgsl)).toEqual(["main", "masks", "rows"]);
  });

  test("are each in some shader, and a shader has one answer to a question", () => {
    const used = new Set<string>();
    for (const { file, sections } of everyShader()) {
      expect(["rows", "masks"]).toContain(file);
      const questions = sections.map((label) => label.split(" = ")[0]);
      expect(new Set(questions).size).toBe(questions.length);
      for (const label of sections) used.add(label);
    }
    const labels = Object.values(wgsl).flatMap((sections) => sections.map(([label]) => label));
    expect([...used].sort()).toEqual(labels.filter((label) => label !== "").sort());
  });
});

describe("the fields of Params", () => {
  test.each(["rows", "masks"] as const)("are those of gpu/%s.wgsl, in its order, all u32", (file) => {
    const text = readFileSync(`gpu/${file}.wgsl`, "utf8");
    const [, body, ...more] = text.split(/struct Params \{\n|\n\}\n(?=[\s\S]*)/);
    expect(more.length).toBeGreaterThan(0);
    const declared = body.split("\n").map((line) => /^ {2}(\w+): (\w+),/.exec(line)!.slice(1, 3));
    expect(declared).toEqual(FIELDS[file].split(" ").map((field) => [field, "u32"]));
    // So the offset of each is four times its place, and every place has its word.
    const values = Object.fromEntries(declared.map(([field], i) => [field, 100 + i]));
    expect(wordsOf(file, values)).toEqual(declared.map((_, i) => 100 + i));
    expect(wordsOf(file, {})).toEqual(declared.map(() => 0));
    // A slot of the pool holds them.
    expect(4 * declared.length).toBeLessThanOrEqual(256);
    // And the shaders read each of them.
    for (const [field] of declared) {
      expect(
        text.includes(`p.${field}`) || readFileSync("gpu/main.wgsl", "utf8").includes(`p.${field}`),
        field,
      ).toBe(true);
    }
  });
});

describe("texts", () => {
  const gather = everyShader()[0];

  test("of an unknown section, or one of another file, are refused", () => {
    const sections = [...gather.sections, "work = quads" as const];
    expect(() => codeOf({ ...gather, sections }, new Map())).toThrow("gpu/rows.wgsl has no work = quads");
  });

  test("are changed where buffers are shared, and nowhere else", () => {
    const plain = codeOf(gather, new Map());
    const writable = codeOf(gather, new Map([["src", "src"]]));
    expect(writable).toBe(plain.replace("<storage, read> src", "<storage, read_write> src"));
    const within = codeOf(gather, new Map([["src", "dst"]]));
    expect(within).not.toContain("> src:");
    expect(within).toContain("return dst[at];");
    expect(within).toContain("dst[b,k,:] = src[b,s,:]"); // a comment
    expect(() => codeOf(gather, new Map([["dst", "dst"]]))).toThrow("gpu/rows.wgsl has no");
    expect(() => codeOf(gather, new Map([["nothing" as "src", "dst"]]))).toThrow("gpu/rows.wgsl has no");
  });

  test("are told apart by their keys", async () => {
    for (const short of [false, true]) {
      const texts = await everyText(short);
      expect(new Set(texts.map(({ key }) => key)).size).toBe(texts.length);
      expect(new Set(texts.map(({ code }) => code)).size).toBe(texts.length);
    }
    expect(programOf(gather).key).toBe(programOf(gather, new Map()).key);
    expect(programOf(gather).code()).toBe(codeOf(gather, new Map()));
  });

  test("are shortened for the package to their names, without comments", () => {
    const text = (shaders: ReturnType<typeof readShaders>) =>
      Object.values(shaders)
        .flat()
        .map(([, each]) => each)
        .join("");
    const short = text(shortened(readShaders()));
    expect(short.length).toBeLessThan(text(readShaders()).length / 3);
    for (const gone of ["//", "row_among_all", "element_bytes", "Params", "  "])
      expect(short).not.toContain(gone);
    for (const kept of ["fn main", "override lanes", ">src:", ">idx:", ">dst:", ">map:", ">base:"]) {
      expect(short).toContain(kept);
    }
    const nameless = readShaders();
    nameless.rows = nameless.rows.map(([label, each]) => [label, each.replaceAll("base", "bass")]);
    expect(() => shortened(nameless)).toThrow('no shader has the name "base"');
    const taken = readShaders();
    taken.rows[0][1] += "fn taken() -> u32 { return a; }\n";
    expect(() => shortened(taken)).toThrow('the short name "a" is another word');
  });
});

let device: GPUDevice;
const take = (opened: GPUDevice) => {
  device = opened;
};

describeOnDawn("a compiler", take, () => {
  test.each([
    ["as it is written", false],
    ["as the package has it", true],
  ])("takes every shader, %s, however buffers are shared", { timeout: 300_000 }, async (_name, short) => {
    const texts = await everyText(short);
    expect(texts.length).toBeGreaterThan(80);
    expect(await refusals(device, texts)).toEqual([]);
  });

  test("refuses another, with its numbered text", async () => {
    const [{ key, code }] = await everyText(false);
    const wrong = code.replace("return src[at];", "return sauce[at];");
    const [message, ...more] = await refusals(device, [{ key, code: wrong }]);
    expect(more).toEqual([]);
    expect(message).toContain("sauce");
    expect(message).toContain(numbered(wrong));
  });
});

/** The mutants of AssemblyScript and WGSL that `npm run mutation` makes, and the list of those that change nothing. */
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { type Mutant, mutantsOf, mutated, place } from "../scripts/mutation/operators.ts";
import { readEquivalents, reasonOf, rowsOf, scoreOf } from "../scripts/mutation/score.ts";

const changes = (text: string) => mutantsOf("a.ts", text).map(({ from, to }) => `${from} -> ${to}`);

describe("mutants of a line", () => {
  test.each([
    ["x = a + b;", ["+ -> -", "x = a + b; -> ;"]],
    ["const x = <u32>a * 8u;", ["* -> /", "8u -> 9u", "8u -> 7u"]],
    ["if (a <= b) return;", ["<= -> <", "(a <= b) -> (false)", "(a <= b) -> (true)"]],
    ["while (a && f(b)) {", ["&& -> ||", "(a && f(b)) -> (false)"]],
    ["for (let i = 0; i < n; ++i) {", ["< -> <=", "++ -> --", "0 -> 1"]],
    ["return select(a, g(b, c), d);", ["select(a, g(b, c), d) -> select(g(b, c), a, d)"]],
    ["let b = i8x16.min_u(c, true);", ["min_u -> max_u", "true -> false"]],
    ["store(word, bits, mask);", ["store(word, bits, mask); -> ;"]],
    ["const MASK: u32 = 0xff;", ["0xff -> 0xfe"]],
    ["// a + b", []],
    ['throw "a + b";', []],
    ["/* a + b", []],
    ['import { a } from "b";', []],
  ])("%s", (line, expected) => {
    expect(changes(`${line}${line.startsWith("/*") ? " */" : ""}`)).toEqual(expected);
  });

  test("change that place alone, and are told from each other", () => {
    for (const file of ["assembly/select.ts", "gpu/rows.wgsl"]) {
      const text = readFileSync(file, "utf8");
      const mutants = mutantsOf(file, text);
      expect(mutants.length).toBeGreaterThan(100);
      expect(new Set(mutants.map(({ key }) => key)).size).toBe(mutants.length);
      for (const mutant of mutants) {
        const [before, after] = [text.split("\n"), mutated(text, mutant).split("\n")];
        const differing = before.flatMap((line, i) => (line === after[i] ? [] : [i + 1]));
        expect(differing, mutant.key).toEqual([mutant.line]);
      }
    }
  });

  test("keep their keys where lines move, and their places in the sample", () => {
    const keys = (mutants: Mutant[]) => mutants.map(({ key }) => key);
    const line = "x = a + 2;\n";
    expect(keys(mutantsOf("a.ts", `\n${line}`))).toEqual(keys(mutantsOf("a.ts", line)));
    const [first, second] = [mutantsOf("a.ts", line), mutantsOf("a.ts", line + line)];
    expect(keys(second).slice(0, first.length)).toEqual(keys(first));
    expect(place(1, "a")).toBe(place(1, "a"));
    expect(place(1, "a")).not.toBe(place(2, "a"));
  });
});

describe("the list of equivalents", () => {
  const list = readEquivalents();
  test.each(list.map((entry) => [`${entry.file}: ${entry.text}`, entry] as const))("%s", (_, entry) => {
    expect(existsSync(entry.file)).toBe(true);
    const lines = readFileSync(entry.file, "utf8").split("\n");
    expect(lines.map((line) => line.trim())).toContain(entry.text);
    expect(entry.reason.length).toBeGreaterThan(20);
  });

  test("names a mutant by its line, and by its change where that is given", () => {
    const entry = { file: "a.ts", text: "x = 1;", change: "1 -> 2", column: 4, reason: "none" };
    expect(reasonOf("a.ts\tx = 1;\t4\t1 -> 2", [entry])).toBe("none");
    expect(reasonOf("a.ts\tx = 1;\t4\t1 -> 2\t2", [entry])).toBe("none");
    expect(reasonOf("a.ts\tx = 1;\t4\t1 -> 0", [entry])).toBeUndefined();
    expect(reasonOf("b.ts\tx = 1;\t4\t1 -> 2", [entry])).toBeUndefined();
    expect(reasonOf("a.ts\tx = 1;\t4\t1 -> 0", [{ ...entry, change: undefined }])).toBe("none");
  });
});

test("the score leaves out what no test can tell and what is no mutant", () => {
  const statuses = ["killed", "killed", "timeout", "survived", "survived", "same", "invalid"] as const;
  const results = statuses.map((status, i) => ({
    ...{ key: `gpu/a.wgsl\tx${i}\t0\t1 -> 2`, file: "gpu/a.wgsl", line: i },
    ...{ status, digest: "" },
  }));
  const equivalents = [{ file: "gpu/a.wgsl", text: "x4", reason: "" }];
  const [row, ...others] = rowsOf(results, new Map([["gpu", 99]]), equivalents);
  expect(others).toEqual([]);
  expect(row).toEqual({
    ...{ folder: "gpu", mutants: 99, sampled: 7, killed: 2, timeouts: 1, survived: 1 },
    ...{ equivalent: 2, invalid: 1 },
  });
  expect(scoreOf(row)).toBe(3 / 4);
});

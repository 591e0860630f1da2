/**
 * Mutants of AssemblyScript and WGSL, by text: one small change each, a line at a time, outside of comments and strings.
 * The kinds of change are those of Offutt et al. ("An experimental determination of sufficient mutant operators",
 * TOSEM 5, 1996), and removed statements and conditions.
 */
import { createHash } from "node:crypto";

export interface Mutant {
  /** Path in the repository. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** What stands there and what takes its place; the line's text without the blanks around it. */
  readonly from: string;
  readonly to: string;
  readonly text: string;
  /** Where `from` begins in `text`. */
  readonly column: number;
  /** File, text, column and change, tabs between: the same after lines move. A number where lines are alike. */
  readonly key: string;
}

const pairs = (...list: readonly (readonly [string, string])[]) =>
  new Map(list.flatMap(([a, b]) => [[a, b] as const, [b, a] as const]));

/** Between blanks: the code is formatted, so that what is generic or unary has none. */
const BETWEEN = new Map([
  ...pairs(
    ["+", "-"],
    ["*", "/"],
    ["<<", ">>"],
    ["&", "|"],
    ["&&", "||"],
    ["==", "!="],
    ["<", "<="],
    [">", ">="],
  ),
  ...pairs(["+=", "-="], ["|=", "&="]),
  ["%", "/"],
  ["^", "&"],
  ["<<=", ">>="],
  [">>=", "<<="],
]);

/** Names of functions, whole words after a dot or before a parenthesis. */
const NAMES = pairs(
  ["min", "max"],
  ["min_u", "max_u"],
  ["add", "sub"],
  ["or", "and"],
  ["extmul_low_i32x4_u", "extmul_high_i32x4_u"],
  ["extend_low_i16x8_u", "extend_high_i16x8_u"],
  ["popcnt", "ctz"],
);

/** The same text with blanks for comments, strings and decorators; `inside` is whether a block comment goes on. */
function bare(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\/|\/\/.*|"[^"\n]*"/g, (skipped) => skipped.replace(/[^\n]/g, " "));
}

/** Where the parenthesis that opens at `at` closes, or -1 if that is on another line. */
function closing(line: string, at: number): number {
  for (let i = at, depth = 0; i < line.length; i++) {
    if (line[i] === "(") depth++;
    else if (line[i] === ")" && --depth === 0) return i;
  }
  return -1;
}

type Change = readonly [column: number, from: string, to: string];

function* changesOf(line: string): Generator<Change> {
  for (const { index, 0: found } of line.matchAll(/(?<= )(?:[-+*/%&|^<>=!]=?|<<=?|>>=?|&&|\|\|)(?= )/g)) {
    const to = BETWEEN.get(found);
    if (to !== undefined) yield [index, found, to];
  }
  for (const { index, 0: found } of line.matchAll(/\+\+|--/g))
    yield [index, found, found === "++" ? "--" : "++"];
  for (const { index, 0: found } of line.matchAll(/\b\w+(?=[(<])/g)) {
    const to = NAMES.get(found);
    if (to !== undefined) yield [index, found, to];
  }
  for (const { index, 0: found } of line.matchAll(/\b(?:true|false)\b/g))
    yield [index, found, found === "true" ? "false" : "true"];
  for (const { index, 0: found, 1: digits, 2: suffix } of line.matchAll(
    /(?<![\w.])(0x[\da-f]+|\d+)(u?)(?![\w.])/g,
  )) {
    const value = BigInt(digits);
    const shown = (v: bigint) => (digits.startsWith("0x") ? `0x${v.toString(16)}` : String(v)) + suffix;
    if (shown(value + 1n).length <= found.length || !digits.startsWith("0x"))
      yield [index, found, shown(value + 1n)];
    if (value > 0n) yield [index, found, shown(value - 1n)];
  }
  for (const { index, 0: head } of line.matchAll(/\b(?:if|while) (?=\()/g)) {
    const start = index + head.length;
    const end = closing(line, start);
    if (end < 0) continue;
    const condition = line.slice(start, end + 1);
    yield [start, condition, "(false)"];
    if (head.startsWith("if")) yield [start, condition, "(true)"];
  }
  for (const { index, 0: head } of line.matchAll(/\bselect\(/g)) {
    const end = closing(line, index + head.length - 1);
    const [first, second, ...rest] = split(line.slice(index + head.length, end));
    if (end >= 0 && rest.length === 1)
      yield [index, line.slice(index, end + 1), `select(${second}, ${first}, ${rest[0]})`];
  }
  const whole =
    /^\s*((?!(?:let|const|var|return|export|import|override|alias|struct|type|fn|function|@)\b)[\w.[\]+-]+(?:\([^;]*\)|\s[-+|&^*<>]*=\s[^;]*|\+\+|--)?;)\s*$/.exec(
      line,
    );
  if (whole) yield [line.indexOf(whole[1]), whole[1], ";"];
  const returned = /^\s*(return;)\s*$/.exec(line);
  if (returned) yield [line.indexOf(returned[1]), returned[1], ";"];
}

/** Arguments, by the commas that stand in no parentheses. */
function split(list: string): string[] {
  const parts = [""];
  let depth = 0;
  for (const letter of list) {
    if (letter === "(" || letter === "[") depth++;
    else if (letter === ")" || letter === "]") depth--;
    if (letter === "," && depth === 0) parts.push("");
    else parts[parts.length - 1] += letter;
  }
  return parts.map((part) => part.trim());
}

/** Every mutant of a file. */
export function mutantsOf(file: string, text: string): Mutant[] {
  const seen = new Map<string, number>();
  const original = text.split("\n");
  return bare(text)
    .split("\n")
    .flatMap((code, i) => {
      if (/^\s*(?:import|export \{|export \*|type|struct|@(?!compute))/.test(code)) return [];
      const line = original[i];
      const indent = line.length - line.trimStart().length;
      return [...changesOf(code)].map(([at, from, to]) => {
        const change = { file, line: i + 1, from, to, text: line.trim(), column: at - indent };
        const name = [file, change.text, change.column, `${from} -> ${to}`].join("\t");
        const times = (seen.get(name) ?? 0) + 1;
        seen.set(name, times);
        return { ...change, key: times === 1 ? name : `${name}\t${times}` };
      });
    });
}

/** The file's text with the change. */
export function mutated(text: string, { line, from, to, column }: Mutant): string {
  const lines = text.split("\n");
  const own = lines[line - 1];
  const at = own.length - own.trimStart().length + column;
  if (own.slice(at, at + from.length) !== from) throw new Error(`line ${line} has no "${from}" at ${column}`);
  lines[line - 1] = own.slice(0, at) + to + own.slice(at + from.length);
  return lines.join("\n");
}

/** Where a seed puts a mutant: the sample of n are the n least. */
export function place(seed: number, key: string): string {
  return createHash("sha256").update(`${seed}\0${key}`).digest("hex");
}

/** Imports run one way: adapters, routing, operations, backends, then the core, tensors and checks. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("../src", import.meta.url));

/** From the bottom up. A file may import what lies in its own room or in a lower one. */
const ROOMS: readonly (readonly [string, RegExp])[] = [
  ["the platform's types", /^platform\.ts$/],
  ["types", /^types\.ts$/],
  ["checks", /^check\.ts$/],
  ["tensors", /^tensor\.ts$/],
  ["the core", /^core\//],
  ["checks of tensors", /^(arguments|indices)\.ts$/],
  ["backends", /^backends\/\w+\//],
  ["the choice of a backend", /^backends\/(cpu|cpu-backend)\.ts$/],
  ["operations", /^(sampling|tokens|masks|sort|positions)\.ts$/],
  ["routing", /^routing\//],
  ["adapters", /^adapters\//],
  ["the entry", /^index\.ts$/],
  ["the entry for the GPU", /^webgpu\.ts$/],
];

/** Rooms that don't need each other: neither may import the other. */
const APART: readonly (readonly [string, string])[] = [["tensors", "the core"]];

const roomOf = (file: string) => ROOMS.findIndex(([, files]) => files.test(file));

/**
 * What a file imports: of this package by its path in src/, of others by name. Without `types` only what it imports when it
 * runs, as types are erased.
 */
function importsOf(file: string, source: string, types = false): string[] {
  const found: string[] = [];
  const statements = /^(?:import|export)\s+(type\s)?(?:([^;"]*?)\sfrom\s+)?"([^"]+)"/gm;
  for (const [, type, names, path] of source.matchAll(statements)) {
    const each = names?.match(/^\{([\s\S]*)\}$/)?.[1].split(",");
    const onlyTypes = each?.every((name) => name.trim() === "" || /^\s*type\s/.test(name)) ?? false;
    if (types || (!type && !onlyTypes)) found.push(path);
  }
  for (const [, path] of source.matchAll(/\bimport\(\s*"([^"]+)"\s*\)/g)) found.push(path);
  return found.map((path) => (path.startsWith(".") ? normalize(join(dirname(file), path)) : path));
}

const files = readdirSync(root, { recursive: true, encoding: "utf8" })
  .map((file) => file.replaceAll("\\", "/"))
  .filter((file) => file.endsWith(".ts") && !file.endsWith(".d.ts"));
const sources = new Map(files.map((file) => [file, readFileSync(join(root, file), "utf8")]));
const graph = new Map(files.map((file) => [file, importsOf(file, sources.get(file)!)]));
const withTypes = new Map(files.map((file) => [file, importsOf(file, sources.get(file)!, true)]));

/** Everything that is loaded with a file, itself included; with types, too, by `withTypes`. */
function reach(file: string, seen = new Set<string>(), by = graph): Set<string> {
  if (seen.has(file)) return seen;
  seen.add(file);
  for (const next of by.get(file) ?? []) reach(next, seen, by);
  return seen;
}

test("how import lines are read", () => {
  const source = [
    'import type { A } from "./a.ts";',
    'import { type B, type C } from "./b.ts";',
    'import { type D, e } from "../d.ts";',
    'import {\n  f,\n  type G,\n} from "./f.ts";',
    'import * as h from "h";',
    'import "./i.ts";',
    'export { j } from "./j.ts";',
    'export type { K } from "./k.ts";',
    'const l = await import("./l.ts");',
  ].join("\n");
  expect(importsOf("room/x.ts", source)).toEqual([
    "d.ts",
    "room/f.ts",
    "h",
    "room/i.ts",
    "room/j.ts",
    "room/l.ts",
  ]);
  expect(importsOf("room/x.ts", source, true)).toEqual(
    expect.arrayContaining(["room/a.ts", "room/b.ts", "room/k.ts"]),
  );
});

test("the files are found, and every one has a room", () => {
  expect(files.length).toBeGreaterThan(20);
  expect(files.filter((file) => roomOf(file) < 0)).toEqual([]);
  expect(graph.get("sampling.ts")).toContain("backends/cpu.ts");
});

describe.each(files)("%s", (file) => {
  const own = graph.get(file)!.filter((path) => !/^[a-z@#][^.]*$/.test(path));

  test("imports files that are there, from its own room or a lower one", () => {
    expect(own.filter((path) => !graph.has(path) && !/\.(wasm|wgsl)(\?\w+)?$/.test(path))).toEqual([]);
    const upward = own.filter((path) => graph.has(path) && roomOf(path) > roomOf(file));
    expect(upward).toEqual([]);
    for (const [a, b] of APART) {
      const other = { [a]: b, [b]: a }[ROOMS[roomOf(file)][0]];
      expect(own.filter((path) => graph.has(path) && ROOMS[roomOf(path)][0] === other)).toEqual([]);
    }
  });

  test("is not reached by its own imports, types included", () => {
    const imports = withTypes.get(file)!;
    expect(imports.filter((path) => reach(path, new Set(), withTypes).has(file))).toEqual([]);
  });

  test("can be read at one sitting", () => {
    expect(sources.get(file)!.split("\n").length).toBeLessThanOrEqual(350);
  });
});

test("no backend imports another", () => {
  const backendOf = (file: string) => /^backends\/(\w+)\//.exec(file)?.[1];
  const backends = files.filter(backendOf);
  expect(new Set(backends.map(backendOf)).size).toBeGreaterThan(1);
  for (const file of backends) {
    const others = [...reach(file)].filter((path) => backendOf(path) && backendOf(path) !== backendOf(file));
    expect(others, file).toEqual([]);
  }
});

test("code on CPU tensors loads no shader, and only adapters know other packages", () => {
  for (const file of files.filter((file) =>
    /^(sampling|tokens|masks|sort|tensor)\.ts$|^routing\//.test(file),
  )) {
    expect(
      [...reach(file)].filter((path) => path.startsWith("backends/webgpu/")),
      file,
    ).toEqual([]);
  }
  for (const [file, imports] of graph) {
    if (file.startsWith("adapters/")) continue;
    expect(
      imports.filter((path) => path !== "#core-module" && !/\.(ts|wasm|wgsl)(\?\w+)?$/.test(path)),
      file,
    ).toEqual([]);
  }
});

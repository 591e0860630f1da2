/** The types as users have them, by the built declarations, under each TypeScript that is served. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(resolve("out-types-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What this TypeScript says about a file of test/types. */
function check(
  typescript: string,
  file: string,
  options: { lib: string[]; types: string[]; skipLibCheck?: boolean },
): string {
  const paths = { "random-ltd": [resolve("dist/index.d.ts")], "random-ltd/*": [resolve("dist/*.d.ts")] };
  const strict = { strict: true, exactOptionalPropertyTypes: true, noEmit: true };
  const compilerOptions = { target: "es2022", module: "nodenext", ...strict, ...options, paths };
  const config = join(folder, "tsconfig.json");
  writeFileSync(config, JSON.stringify({ compilerOptions, files: [resolve("test/types", file)] }));
  const tsc = `node_modules/${typescript}/bin/tsc`;
  const { stdout, stderr } = spawnSync(process.execPath, [tsc, "-p", config], { encoding: "utf8" });
  return stdout + stderr;
}

const DOM = ["es2023", "dom"];

// TypeScript 6 has WebGPU in its DOM library; 5.9 has it from @webgpu/types.
test.each([
  ["typescript", []],
  ["typescript-5.9", ["@webgpu/types"]],
])("uses and misuses, by %s", (typescript, types) => {
  expect(check(typescript, "uses.ts", { lib: DOM, types })).toBe("");
});

test.each([
  ["typescript", []],
  ["typescript-5.9", ["@webgpu/types"]],
])("a Float16Array, by %s", (typescript, types) => {
  expect(check(typescript, "float16.ts", { lib: [...DOM, "esnext.float16"], types })).toBe("");
});

// Without the DOM library and without @webgpu/types, the declarations themselves included.
test.each(["typescript", "typescript-5.9"])("without the DOM library, by %s", (typescript) => {
  const options = { lib: ["es2023"], types: ["node"] };
  expect(check(typescript, "uses.ts", options)).toBe("");
  expect(check(typescript, "without-dom.ts", options)).toBe("");
});

test("without the DOM library, @webgpu/types are what a project has", () => {
  const options = { lib: ["es2023"], types: ["node", "@webgpu/types"] };
  expect(check("typescript", "with-webgpu.ts", { ...options, skipLibCheck: true })).toBe("");
});

test("a control: a wrong file is told", () => {
  expect(check("typescript", "wrong.ts", { lib: DOM, types: [] })).toContain("TS2322");
});

/**
 * The built package after @babel/preset-env as it comes, without targets: what a Jest or webpack project that transforms
 * node_modules makes of it (babel/babel #17190, react-native #33987: a power of BigInts became Math.pow, which throws).
 */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { transformFileSync, transformSync } from "@babel/core";
import { afterAll, beforeAll, expect, test } from "vitest";
import * as lib from "../src/index.ts";
import { digest } from "./runtimes/digest.js";

const OPTIONS = {
  presets: [["@babel/preset-env", { modules: false }]],
  sourceType: "module",
  babelrc: false,
  configFile: false,
  compact: false,
} as const;

// Within the package, so that optional peers are found.
const folder = resolve("build/babel");
const load = (file: string): Promise<typeof lib> => import(pathToFileURL(join(folder, file)).href);

beforeAll(() => {
  mkdirSync(folder, { recursive: true });
  for (const file of readdirSync("dist").filter((name) => name.endsWith(".js"))) {
    writeFileSync(join(folder, file), transformFileSync(join("dist", file), OPTIONS as object)!.code!);
  }
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("the preset is the one that breaks powers of BigInts", () => {
  const { code } = transformSync("export const n = 2n ** 64n;", OPTIONS as object)!;
  expect(code).toContain("Math.pow");
});

test("random-ltd loads and answers as before", async () => {
  const old = await load("index.js");
  expect(Object.keys(old).sort()).toEqual(Object.keys(lib).sort());
  expect(old.GatherTokens).not.toBe(lib.GatherTokens);
  expect(digest(old, 300)).toBe(digest(lib, 300));
  const lengths = ({ RandomLTDScheduler }: typeof lib) => {
    const scheduler = new RandomLTDScheduler(
      {
        total_layer_num: 4,
        random_ltd_layer_num: 2,
        global_batch_size: 2,
        random_ltd_schedule: {
          min_value: 10,
          max_value: 300,
          schedule_type: "fixed_root",
          schedule_config: { require_steps: 50, seq_per_step: 8, root_degree: 3 },
        },
      },
      { seed: 0xffff_ffff_ffff_ffffn },
    );
    return [scheduler.getSeqValues(), scheduler.getTotalLayerTokens(60), scheduler.stateDict()];
  };
  expect(lengths(old)).toEqual(lengths(lib));
});

test.each(["webgpu.js", "jax.js"])("%s loads", async (file) => {
  expect(Object.keys(await load(file)).length).toBeGreaterThan(3);
});

import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";
import { generate } from "./scripts/generate.js";
import { bundle } from "./scripts/tfjs/load.js";
import { unit, WHOLE } from "./test/unit.ts";

// So that tests started by whatever command run what the sources say. It takes moments where nothing has changed.
await generate();

/** The slowest files, from four minutes to half a minute on two cores, the slowest first. */
const SLOW = [
  "studio/page",
  "runtimes/runtimes",
  "gpu/dawn",
  "interop/proof",
  "gpu/windows",
  "runtimes/chromium",
  "types",
  "tokens",
  "ties",
  "runtimes/debian",
].map((name) => `/test/${name}.test.ts`);

/** Starts the slowest files first, so that none of them runs on alone at the end. */
class SlowFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification) => {
      const found = SLOW.findIndex((name) => moduleId.endsWith(name));
      return found < 0 ? SLOW.length : found;
    };
    return (await super.sort(files)).sort((a, b) => place(a) - place(b));
  }
}

export default defineConfig({
  // Installed when a test of the adapter runs: see scripts/tfjs/load.js.
  resolve: { alias: { "@tensorflow/tfjs-core": bundle } },
  test: {
    // Vitest leaves one processor free: half the time of a machine with two. Three files at once there take no less.
    maxWorkers: "100%",
    sequence: { sequencer: SlowFirst },
    testTimeout: 300_000,
    hookTimeout: 300_000,
    reporters: process.env.CI ? ["default", ["json", { outputFile: "test-results.json" }]] : ["default"],
    projects: [
      { extends: true, test: { name: "unit", ...unit } },
      {
        extends: true,
        test: { name: "whole", include: WHOLE.map((files) => files.replace(/\*\*$/, "**/*.test.ts")) },
      },
    ],
  },
});

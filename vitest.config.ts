import { defineConfig } from "vitest/config";
import { bundle } from "./test/adapters/tfjs/load.js";

export default defineConfig({
  // Installed when a test of the adapter runs: see test/adapters/tfjs/load.js.
  resolve: { alias: { "@tensorflow/tfjs-core": bundle } },
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 120_000,
    hookTimeout: 300_000,
    reporters: process.env.CI ? ["default", ["json", { outputFile: "test-results.json" }]] : ["default"],
  },
});

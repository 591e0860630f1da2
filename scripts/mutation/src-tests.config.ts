/** The tests that mutants of src/ meet: those without a GPU, another runtime or a build, which take seconds. */
import { defineConfig } from "vitest/config";
import { unit } from "../../vitest.config.ts";

export default defineConfig({
  test: {
    testTimeout: 300_000,
    hookTimeout: 300_000,
    include: unit.include,
    // What reads the sources or compiles them finds other text there than it looks for.
    exclude: [...unit.exclude, "test/{core-exports,fuzz,imports,keys,pages}.test.ts", "test/studio/**"],
  },
});

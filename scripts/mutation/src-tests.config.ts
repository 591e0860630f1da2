/** The tests that mutants of src/ meet: those without a GPU, another runtime or a build, which take seconds. */
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";
import { unit } from "../../test/unit.ts";

/** Files that take longest, by names: what the others notice need not wait for them. */
const LAST = ["holes", "sort", "masks", "sampled-masks", "raise-to-kept", "sampling", "tokens"];

const place = ({ moduleId }: TestSpecification) =>
  LAST.findIndex((name) => moduleId.endsWith(`/test/${name}.test.ts`));

class QuickFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return files.sort((a, b) => place(a) - place(b) || (a.moduleId < b.moduleId ? -1 : 1));
  }
}

/** Where StrykerJS looks up the running test at each step that it counts, which takes most of the time. */
const LOOKED_UP = "c = cov.perTest[ns.currentTestId] = cov.perTest[ns.currentTestId] || {};";
const ONCE =
  "if (ns.currentTestId !== cover.id) { cover.id = ns.currentTestId; cover.own = cov.perTest[cover.id] ||= {}; } c = cover.own;";

/** For a part of src/ that has its own. */
const own = process.env.MUTATION_TESTS?.split(" ").filter(Boolean) ?? [];

export default defineConfig({
  plugins: [
    {
      name: "count quickly",
      enforce: "pre",
      transform: (code, id) => (/\/src\/.*\.ts$/.test(id) ? code.replace(LOOKED_UP, ONCE) : undefined),
    },
  ],
  test: {
    testTimeout: 300_000,
    hookTimeout: 300_000,
    include: own.length > 0 ? own : unit.include,
    // What reads the sources or compiles them finds other text there than it looks for. The core itself is no mutant.
    exclude: [
      ...unit.exclude,
      "test/{core-bytes,core-exports,fuzz,imports,keys,mixed,mutants,pages}.test.ts",
      "test/studio/**",
    ],
    setupFiles: ["scripts/mutation/quick-tests.ts"],
    isolate: false, // each file would load all of src/ again
    sequence: { sequencer: QuickFirst },
  },
});

/** What the tests of mutants of src/ have before each file. */
import { beforeEach, type TestContext } from "vitest";

/** Left out: sizes that take seconds. Each expression that may be changed counts how often it runs, which takes longer. */
const SLOW = [
  "reference at a size where work is cut",
  "two blocks of rows",
  "[BS] \\d{5}",
  "the core against the reference",
  "S = \\d{5}",
  "no list of candidates",
  "needs python3",
  "random shapes of (?!float32)",
];
const OF_THE_REFERENCE = ["wasm", "rows of \\d\\d+ bytes", "the same memory", "530000"];
const left = new RegExp([...SLOW, ...(process.env.MUTATION_TESTS ? OF_THE_REFERENCE : [])].join("|"));

function nameOf({ name, suite }: TestContext["task"]): string {
  const names = [name];
  for (let at = suite; at; at = at.suite) names.unshift(at.name);
  return names.join(" ");
}

beforeEach(({ task, skip }) => skip(left.test(nameOf(task)), "takes seconds"));

// Files share one thread, and after each StrykerJS sends all that it has counted: from each, what is its own.
const { __stryker__ } = globalThis as { __stryker__?: { mutantCoverage?: object } };
if (__stryker__?.mutantCoverage) Object.assign(__stryker__.mutantCoverage, { static: {}, perTest: {} });

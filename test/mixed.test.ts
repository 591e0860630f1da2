/** Calls of every kind one after another: none leaves anything behind in the core that another would see. */
import { afterEach, expect, test } from "vitest";
import { useCPUBackend } from "../src/backends/cpu-backend.ts";
import type { CPUBackendName } from "../src/index.ts";
import { bytesOf, expectBytes, randomSource } from "./suites/data.ts";
import { round } from "./suites/round.ts";

afterEach(() => useCPUBackend(undefined));

test.each([
  [40, 1500],
  [400, 120],
])("calls of mixed sizes, S up to %i, %i rounds: the core's results are the reference's", (longest, rounds) => {
  for (let seed = 0; seed < rounds; seed++) {
    const resultsOn = (name: CPUBackendName) => {
      useCPUBackend(name);
      return round(randomSource(seed), longest);
    };
    const [actual, expected] = [resultsOn("wasm"), resultsOn("reference")];
    expect(actual.map(({ shape, dtype }) => [shape, dtype])).toEqual(
      expected.map(({ shape, dtype }) => [shape, dtype]),
    );
    for (let i = 0; i < actual.length; i++) {
      expectBytes(bytesOf(actual[i]), bytesOf(expected[i]), `result ${i} of round ${seed}`);
    }
  }
});

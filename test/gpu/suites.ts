/** The suites of the operations on a page: bundled with page-vitest.ts in the place of Vitest. */
import { requestGPUDevice } from "../../src/index.ts";
import { masksSuite } from "../suites/masks.ts";
import { tokensSuite } from "../suites/tokens.ts";
import { gpuHarness } from "./harness.ts";
import { hear } from "./hear.ts";
import { type Outcome, runAll } from "./page-vitest.ts";

const open = async () => hear(await requestGPUDevice());

(globalThis as { runSuites?: () => Promise<Outcome[]> }).runSuites = () => {
  // Large sizes, which ask the same of any implementation, are Dawn's in Node: they take half of the time.
  tokensSuite(gpuHarness("Chromium", open), { large: false });
  masksSuite(gpuHarness("Chromium", open), { large: false });
  return runAll();
};

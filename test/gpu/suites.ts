/** The suites of the operations where there is no Vitest: bundled with vitest-elsewhere.ts in its place. */
import { requestGPUDevice } from "../../src/index.ts";
import { masksSuite } from "../suites/masks.ts";
import { tokensSuite } from "../suites/tokens.ts";
import { gpuHarness } from "./harness.ts";
import { hear } from "./hear.ts";
import { hearSuite } from "./hear-suite.ts";
import { names, type Outcome, runAll } from "./vitest-elsewhere.ts";

/** What the bundle leaves in the global `suites`. */
export interface Suites {
  /** Every test, in the order in which they run. */
  names(): string[];
  run(): Promise<Outcome[]>;
}

const open = async () => hear(await requestGPUDevice());

hearSuite("elsewhere", open);
// Large sizes, which ask the same of any implementation, are Dawn's in Node: they take half of the time.
tokensSuite(gpuHarness("elsewhere", open), { large: false });
masksSuite(gpuHarness("elsewhere", open), { large: false });
(globalThis as { suites?: Suites }).suites = { names, run: runAll };

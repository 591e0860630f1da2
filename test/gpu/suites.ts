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
// The same shaders as on Dawn in Node, by another compiler: large sizes and most random cases would ask the same again.
tokensSuite(gpuHarness("elsewhere", open), { large: "none", few: true });
masksSuite(gpuHarness("elsewhere", open), { large: "none", few: true });
(globalThis as { suites?: Suites }).suites = { names, run: runAll };

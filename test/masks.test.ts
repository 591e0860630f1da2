import { cpuHarness } from "./suites/cpu.ts";
import { masksSuite } from "./suites/masks.ts";

masksSuite(cpuHarness("wasm"));
masksSuite(cpuHarness("reference"), { large: "none" });

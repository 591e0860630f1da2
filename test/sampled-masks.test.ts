import { CPU_BACKENDS } from "./suites/cpu.ts";
import { sampledMasksSuite } from "./suites/sampled-masks.ts";

for (const name of CPU_BACKENDS) sampledMasksSuite(name);

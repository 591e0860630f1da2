import { useCPUBackend } from "../../src/backends/cpu-backend.ts";
import { type CPUTensor, type FrameworkOps, tensorOps } from "../../src/index.ts";
import { alongSuite } from "../suites/along.ts";
import { CPU_BACKENDS } from "../suites/cpu.ts";

for (const name of CPU_BACKENDS) {
  alongSuite<CPUTensor>({
    name: `the CPU, ${name}`,
    ops: tensorOps as unknown as FrameworkOps<CPUTensor>,
    open: async () => useCPUBackend(name),
    close: async () => useCPUBackend(undefined),
    put: (t) => t,
    get: async (t) => t,
    boundaries: true,
    looksInto: true,
  });
}

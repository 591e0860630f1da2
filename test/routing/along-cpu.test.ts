import { useCPUBackend } from "../../src/backends/cpu-backend.ts";
import { type CPUTensor, type FrameworkOps, tensorOps } from "../../src/index.ts";
import { alongSuite, type TensorKind } from "../suites/along.ts";
import { CPU_BACKENDS } from "../suites/cpu.ts";
import { routesSuite } from "../suites/routes.ts";

for (const name of CPU_BACKENDS) {
  const kind: TensorKind<CPUTensor> = {
    name: `the CPU, ${name}`,
    ops: tensorOps as unknown as FrameworkOps<CPUTensor>,
    open: async () => useCPUBackend(name),
    close: async () => useCPUBackend(undefined),
    put: (t) => t,
    get: async (t) => t,
    boundaries: true,
    looksInto: true,
  };
  alongSuite(kind);
  routesSuite(kind);
}

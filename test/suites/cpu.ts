import { useCPUBackend } from "../../src/backends/cpu-backend.ts";
import type { CPUBackendName, CPUTensor, DType } from "../../src/index.ts";
import type { Harness } from "./harness.ts";

/** Every dtype of the contract. */
export const DTYPES: readonly DType[] = [
  "float32",
  "float16",
  "bfloat16",
  "float64",
  "int32",
  "uint32",
  "uint8",
];

/** The CPU backends of this runtime. */
export const CPU_BACKENDS: readonly CPUBackendName[] = ["wasm", "reference"];

/** Tensors in CPU memory, operations on one of the CPU backends. */
export function cpuHarness(name: CPUBackendName): Harness {
  return {
    name,
    dtypes: DTYPES,
    open: async () => useCPUBackend(name),
    close: async () => useCPUBackend(undefined),
    put: (t) => t,
    get: async (t) => t as CPUTensor,
  };
}

/**
 * In the place of cpu.ts in the entry random-ltd/webgpu: sampling and sorting. Tokens and masks are the GPU's there, and
 * what moves them on the CPU is left out. scripts/build.js puts it there.
 */

import { wrongType } from "../check.ts";
import type { CPUTensor, SamplingBackend, SortingBackend } from "../types.ts";
import { cpuBackend } from "./cpu-backend.ts";
import { referenceSampling } from "./reference/sampling.ts";
import { referenceSorting } from "./reference/sort.ts";
import { wasmSampling } from "./wasm/sampling.ts";

/** Sampling, where this runtime does it. */
export function samplingBackend(): SamplingBackend {
  return cpuBackend() === "wasm" ? wasmSampling : referenceSampling;
}

/** Sorting, by the reference: the core of this entry does not. */
export function sortingBackend(): SortingBackend {
  return referenceSorting;
}

/** Refuses a tensor of the CPU, under the name of the caller's argument. */
export function maskBackend(name: string, t: CPUTensor): never {
  wrongType(name, "a GPU tensor with random-ltd/webgpu", t, "a CPU tensor");
}

export { maskBackend as checkSliceable, maskBackend as isSliceable, maskBackend as tokenBackend };

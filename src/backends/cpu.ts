/** What runs on the CPU: the WASM core, or the plain reference where WebAssembly is forbidden or lacks SIMD. */

import type { CPUMasks, CPUTokens, SamplingBackend, SortingBackend } from "../types.ts";
import { cpuBackend } from "./cpu-backend.ts";
import { referenceMasks } from "./reference/masks.ts";
import { referenceSampling } from "./reference/sampling.ts";
import { referenceSorting } from "./reference/sort.ts";
import { referenceTokens } from "./reference/tokens.ts";
import { wasmMasks } from "./wasm/masks.ts";
import { wasmSampling } from "./wasm/sampling.ts";
import { wasmSorting } from "./wasm/sort.ts";
import { wasmTokens } from "./wasm/tokens.ts";

/** Sampling, where this runtime does it. */
export function samplingBackend(): SamplingBackend {
  return cpuBackend() === "wasm" ? wasmSampling : referenceSampling;
}

/** Sorting, where this runtime does it. */
export function sortingBackend(): SortingBackend {
  return cpuBackend() === "wasm" ? wasmSorting : referenceSorting;
}

/** Masks, where this runtime does them. */
export const cpuMasks: CPUMasks = () => (cpuBackend() === "wasm" ? wasmMasks : referenceMasks);

/** Rows of tokens, where this runtime does them. */
export const cpuTokens: CPUTokens = () => (cpuBackend() === "wasm" ? wasmTokens : referenceTokens);

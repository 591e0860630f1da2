/**
 * Which CPU backend runs: the WASM core, or the plain reference where WebAssembly is forbidden or lacks SIMD.
 */

import type { CPUTensor } from "../tensor.ts";
import { whyNoWasm } from "../wasm/core.ts";
import type { CPUMaskOperations, SamplingBackend, SortingBackend, TokenOperations } from "./backend.ts";
import { referenceMasks } from "./reference/masks.ts";
import { referenceSampling } from "./reference/sampling.ts";
import { referenceSorting } from "./reference/sort.ts";
import { referenceTokens } from "./reference/tokens.ts";
import { wasmMasks } from "./wasm/masks.ts";
import { wasmSampling } from "./wasm/sampling.ts";
import { wasmSorting } from "./wasm/sort.ts";
import { wasmTokens } from "./wasm/tokens.ts";

/** The names of the CPU backends. */
export type CPUBackendName = "wasm" | "reference";

let chosen: CPUBackendName | undefined;

/**
 * Which CPU backend this runtime has: "wasm", or "reference" (the same bits, many times slower) where WebAssembly is
 * forbidden, as on a page whose Content-Security-Policy lacks `wasm-unsafe-eval`, or knows no SIMD. The first operation
 * that falls back says so by `console.warn`.
 *
 * @example
 * if (cpuBackend() === "reference") console.warn("WebAssembly is not available here");
 */
export function cpuBackend(): CPUBackendName {
  chosen ??= choose();
  return chosen;
}

function choose(): CPUBackendName {
  const reason = whyNoWasm();
  if (reason === undefined) return "wasm";
  console.warn(`random-ltd runs without WebAssembly, many times slower: ${reason}`);
  return "reference";
}

/** Sets the backend, for tests that run the same suite on each; undefined goes back to what the runtime has. */
export function useCPUBackend(name: CPUBackendName | undefined): void {
  chosen = name;
}

/** Sampling, where this runtime does it. */
export function samplingBackend(): SamplingBackend {
  return cpuBackend() === "wasm" ? wasmSampling : referenceSampling;
}

/** Sorting, where this runtime does it. */
export function sortingBackend(): SortingBackend {
  return cpuBackend() === "wasm" ? wasmSorting : referenceSorting;
}

/** Masks, where this runtime does them. */
export function maskBackend(): CPUMaskOperations {
  return cpuBackend() === "wasm" ? wasmMasks : referenceMasks;
}

/** Rows of tokens, where this runtime does them. */
export function tokenBackend(): TokenOperations<CPUTensor> {
  return cpuBackend() === "wasm" ? wasmTokens : referenceTokens;
}

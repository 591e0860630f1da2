/** Which CPU backend runs: WebAssembly, or the plain reference where that is not available. */
import { isCoreStarted, whyNoWasm } from "../core/core.ts";

/** The names of the CPU backends. */
export type CPUBackendName = "wasm" | "reference";

let chosen: CPUBackendName | undefined;
/** Whether the reference serves only until a core is loaded. */
let waiting = false;

/**
 * Which CPU backend this runtime has: "wasm", or "reference" (the same bits, many times slower) where WebAssembly is
 * forbidden, as on a page whose Content-Security-Policy lacks `wasm-unsafe-eval`, or knows no SIMD. The first operation
 * that falls back says so by `console.warn`. In `random-ltd/webgpu` it is about sampling alone.
 *
 * @example
 * if (cpuBackend() === "reference") console.warn("WebAssembly is not available here");
 */
export function cpuBackend(): CPUBackendName {
  if (waiting && isCoreStarted()) useCPUBackend(undefined);
  chosen ??= choose();
  return chosen;
}

function choose(): CPUBackendName {
  const reason = whyNoWasm();
  if (reason === undefined) return "wasm";
  // Some engines have no console.
  globalThis.console?.warn?.(`random-ltd runs without WebAssembly, many times slower: ${reason}`);
  waiting = true;
  return "reference";
}

/** Sets the backend, for tests that run the same suite on each. With undefined the runtime decides again. */
export function useCPUBackend(name: CPUBackendName | undefined): void {
  chosen = name;
  waiting = false;
}

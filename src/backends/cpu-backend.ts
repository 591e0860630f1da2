/** Whether WebAssembly runs here, or the plain reference has to. */
import { isCoreStarted, whyNoWasm } from "../core/core.ts";

/** The names of the CPU backends. */
export type CPUBackendName = "wasm" | "reference";

let chosen: CPUBackendName | undefined;
/** Whether the reference serves only until a core is loaded. */
let waiting = false;

/**
 * Which CPU backend this runtime has: "wasm", or "reference" (the same bits, many times slower) where WebAssembly is
 * forbidden, as on a page whose Content-Security-Policy lacks `wasm-unsafe-eval`, or knows no SIMD. The first operation
 * that falls back says so by `console.warn`. Of `random-ltd/webgpu` it tells how sampling runs.
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

/** Sets the backend, for tests that run the same suite on each; undefined goes back to what the runtime has. */
export function useCPUBackend(name: CPUBackendName | undefined): void {
  chosen = name;
  waiting = false;
}

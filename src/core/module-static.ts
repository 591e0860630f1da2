// In the place of module.ts where code generation is forbidden and a .wasm file is imported as a module that is compiled
// already: the export conditions "workerd" and "edge-light". scripts/build.js says which specifier each wants.
import core from "core.wasm";

/** The core, as the runtime compiled it at deployment. */
export function coreModule(): WebAssembly.Module {
  return core;
}

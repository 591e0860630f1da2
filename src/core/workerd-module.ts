// Where code generation is forbidden and a .wasm file is imported as a module that is compiled already: workerd.
import core from "../core.wasm";

/** The core, as the runtime compiled it at deployment. */
export function coreModule(): WebAssembly.Module {
  return core;
}

/** The same, as `loadCore` asks for it. */
export async function compileCore(): Promise<WebAssembly.Module> {
  return core;
}

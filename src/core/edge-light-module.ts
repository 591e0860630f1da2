// As for workerd, with the specifier that Vercel's edge runtime wants.
import core from "../core.wasm?module";

/** The core, as the runtime compiled it at deployment. */
export function coreModule(): WebAssembly.Module {
  return core;
}

/** The same, as `loadCore` asks for it. */
export async function compileCore(): Promise<WebAssembly.Module> {
  return core;
}

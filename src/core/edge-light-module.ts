// As for workerd, with the specifier that Vercel's edge runtime wants.
import core from "../core.wasm?module";

/** The core, as the runtime compiled it at deployment. */
export function coreModule(): WebAssembly.Module {
  return core;
}

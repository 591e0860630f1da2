import { coreHex } from "./core-bytes.ts";
import { fromHex } from "./hex.ts";

/** The core, compiled from bytes that are part of the package: synchronous, which browsers allow for one so small. */
export function coreModule(): WebAssembly.Module {
  return new WebAssembly.Module(fromHex(coreHex));
}

import { coreText } from "./core-bytes.ts";
import { bytesOfText } from "./text.ts";

/** The core, compiled from bytes that are part of the package: synchronous, which browsers allow for one so small. */
export function coreModule(): WebAssembly.Module {
  return new WebAssembly.Module(bytesOfText(coreText));
}

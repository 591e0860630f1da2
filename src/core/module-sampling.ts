// In the place of module.ts in the entry random-ltd/webgpu, which needs no more of the core. scripts/build.js puts it there.
import { samplingText } from "./sampling-bytes.ts";
import { bytesOfText } from "./text.ts";

/** What samples, compiled from bytes that are part of the package. */
export function coreModule(): WebAssembly.Module {
  return new WebAssembly.Module(bytesOfText(samplingText));
}

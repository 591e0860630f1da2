// For random-ltd/webgpu, of the core what samples: the rest of it moves tokens and masks on the CPU. package.json's
// `imports` choose this file where scripts/build.js bundles that entry.
import { samplingText } from "./sampling-bytes.ts";
import { bytesOfText } from "./text.ts";

/** The core, compiled from bytes that are part of the package. */
export function coreModule(): WebAssembly.Module {
  return new WebAssembly.Module(bytesOfText(samplingText));
}

/** The same, without holding up the page: what Chromium below 115 wants on its main thread. */
export function compileCore(): Promise<WebAssembly.Module> {
  return WebAssembly.compile(bytesOfText(samplingText));
}

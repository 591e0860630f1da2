import { coreText } from "./core-bytes.ts";
import { bytesOfText } from "./text.ts";

/** The core, compiled from bytes that are part of the package: synchronous, which most browsers allow for one so small. */
export function coreModule(): WebAssembly.Module {
  return new WebAssembly.Module(bytesOfText(coreText));
}

/** The same, without holding up the page: what Chromium below 115 wants on its main thread. */
export function compileCore(): Promise<WebAssembly.Module> {
  return WebAssembly.compile(bytesOfText(coreText));
}

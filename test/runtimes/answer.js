/** What a runtime tells of itself and of the library in it: the halves of a row of the README's table. */
/** @import * as Library from "../../src/index.ts" */
import { digest, onDevice, placedDigest } from "./digest.js";

/** As the runtime itself reports it, where it does. Deno and Bun have Node's `process` too. */
function version() {
  const { Deno, Bun, process, navigator } = globalThis;
  const [, browser] = /(?:Chrome|Firefox)\/([\d.]+)/.exec(navigator?.userAgent) ?? [];
  return Deno?.version.deno ?? Bun?.version ?? process?.versions?.node ?? browser;
}

/**
 * @param {typeof Library} lib The package's exports.
 * @param {number} [calls] How many, where they are fewer than elsewhere.
 */
export function onCPU(lib, calls) {
  const few = calls === undefined ? undefined : { calls };
  return { version: version(), cpu: { backend: lib.cpuBackend(), digest: digest(lib, calls), ...few } };
}

/**
 * @param {typeof Library} lib The package's exports.
 * @param {GPU | undefined} gpu Where the runtime has none of its own: what npm's `webgpu` made.
 */
export async function onWebGPU(lib, gpu = globalThis.navigator?.gpu) {
  const none = !gpu ? "no `navigator.gpu`" : (await gpu.requestAdapter()) ? undefined : "no adapter";
  if (none) return { version: version(), webgpu: { none } };
  const device = await lib.requestGPUDevice({ gpu });
  device.pushErrorScope("validation");
  const bits = await placedDigest(lib, onDevice(lib, device));
  const error = await device.popErrorScope();
  if (error) throw new Error(error.message);
  const { architecture, description } = device.adapterInfo;
  device.destroy();
  return { version: version(), webgpu: { adapter: architecture || description, digest: bits } };
}

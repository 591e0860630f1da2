/** Dawn in Node over SwiftShader. */
import { loadSwiftShader, whyNot } from "../../scripts/swiftshader.js";
import { type HeardDevice, hear } from "./hear.ts";

/** Held for the life of the process: Dawn crashes where its instance is collected before its devices. */
const held: unknown[] = [];

/** Why this machine runs no WebGPU tests, or undefined where it does. In CI there is no such reason. */
export function whyNoDawn(): string | undefined {
  const reason = whyNot();
  if (reason !== undefined && process.env.CI) throw new Error(`no WebGPU in CI: ${reason}`);
  return reason;
}

let loaded: Promise<GPU> | undefined;

/** `navigator.gpu`, as it were. */
export function dawn(): Promise<GPU> {
  loaded ??= (async () => {
    loadSwiftShader();
    const { create } = await import("webgpu");
    const gpu: GPU = create([]);
    held.push(gpu);
    return gpu;
  })();
  return loaded;
}

/** A new device, every call to which runs inside error scopes. */
export async function openDevice(): Promise<HeardDevice> {
  const gpu = await dawn();
  const adapter = await gpu.requestAdapter();
  if (adapter === null) throw new Error("SwiftShader gave no adapter");
  const device = await adapter.requestDevice();
  held.push(adapter, device);
  return hear(device);
}

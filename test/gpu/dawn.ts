/** Dawn in Node over SwiftShader. */
import { loadSwiftShader, whyNot } from "../../scripts/swiftshader.js";

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

/** A device whose errors are all heard. */
export interface HeardDevice {
  readonly device: GPUDevice;
  /** Throws the errors that the device has reported since. */
  check(): Promise<void>;
  /** Throws them a last time, and ends the device. */
  close(): Promise<void>;
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

const SCOPES = ["validation", "out-of-memory", "internal"] as const;

/** Puts error scopes around everything that a device is asked for. */
export function hear(device: GPUDevice): HeardDevice {
  const uncaptured: string[] = [];
  device.addEventListener("uncapturederror", (event) => uncaptured.push(event.error.message));
  const push = () => {
    for (const filter of SCOPES) device.pushErrorScope(filter);
  };
  const pop = async () => {
    const errors = await Promise.all(SCOPES.map(() => device.popErrorScope()));
    const messages = [...errors.flatMap((error) => (error === null ? [] : [error.message])), ...uncaptured];
    uncaptured.length = 0;
    if (messages.length > 0) throw new Error(messages.join("\n"));
  };
  push();
  return {
    device,
    async check() {
      const popped = pop();
      push();
      await popped;
    },
    async close() {
      await pop();
      device.destroy();
    },
  };
}

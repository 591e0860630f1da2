import { checkObject, wrongType, wrongValue } from "../../check.ts";
import { type Files, programOf, type Variant } from "./kernels.ts";
import { compileAhead } from "./pipelines.ts";
import { filesOf, type How } from "./rows.ts";
import { checkNotLost, stateOf } from "./state.ts";

/** Options of {@link requestGPUDevice}. */
export interface RequestGPUDeviceOptions {
  /** Where adapters come from; `navigator.gpu` unless another is given, as in Node. */
  gpu?: GPU;
  /** Handed to `requestAdapter`. */
  powerPreference?: GPUPowerPreference;
  /** Features wanted where the adapter has them, such as "timestamp-query". */
  features?: readonly GPUFeatureName[];
}

/**
 * Requests a device with what the adapter can hold: the largest buffers and bindings, where a plain `requestDevice()`
 * gives 256 MiB and 128 MiB. Larger tensors than a binding are split either way; larger than a buffer can't be.
 *
 * @param options See {@link RequestGPUDeviceOptions}.
 * @throws TypeError where there is no WebGPU; RangeError where it has no adapter.
 * @example
 * const device = await requestGPUDevice();
 */
export async function requestGPUDevice(options: RequestGPUDeviceOptions = {}): Promise<GPUDevice> {
  checkObject("options", options);
  const { gpu = globalThis.navigator?.gpu, powerPreference, features = [] } = options;
  if (!gpu) wrongType("gpu", "a runtime with WebGPU, or a GPU", gpu, "none");
  const adapter = await gpu.requestAdapter({ powerPreference });
  if (adapter === null) wrongValue("gpu", "a GPU with an adapter", gpu, "none");
  const { maxBufferSize, maxStorageBufferBindingSize } = adapter.limits;
  return adapter.requestDevice({
    requiredLimits: { maxBufferSize, maxStorageBufferBindingSize },
    requiredFeatures: features.filter((feature) => adapter.features.has(feature)),
  });
}

/**
 * Compiles every shader of the library, but for tensors that share a GPUBuffer, for a device ahead of its first use,
 * without holding up the device. What is not prepared is compiled when it is first called.
 *
 * @param device The device to compile for.
 * @throws Error, by rejecting, where a shader does not compile: the compiler's words and the numbered source;
 *   RangeError where the device is lost.
 * @example
 * await prepareGPU(device);
 */
export async function prepareGPU(device: GPUDevice): Promise<void> {
  checkDevice(device);
  const state = stateOf(device);
  await null; // a device that was lost before the library knew it says so now
  checkNotLost(state);
  await compileAhead(state, usualVariants().map(programOf));
  checkNotLost(state);
}

/** Every shader as it is where each of its buffers has a binding of its own. */
function usualVariants(): Variant[] {
  const hows: How[] = [
    { from: "index", retain: "src" },
    { from: "corner", retain: "src" },
    { from: "map", retain: "src", rest: "base" },
    { from: "map", retain: "src", rest: "zero" },
    { from: "map", retain: "zero", rest: "base" },
    { from: "named", retain: "src" },
    { from: "named", retain: "zero" },
    { from: "named", retain: "add" },
  ];
  const rows = hows.flatMap((how) =>
    // Nothing is added by bytes.
    (how.retain === "add" ? [16, 4] : [16, 4, 1]).map((unit) => ({
      files: filesOf(how, unit),
      unitBytes: Math.max(unit, 4),
    })),
  );
  const mask = (unitBytes: number, elementBytes: number, ...work: Files): Variant => ({
    files: ["masks", ...work],
    unitBytes,
    elementBytes,
  });
  return [
    ...rows,
    { files: ["rows", "to_named", "invert"], unitBytes: 4 },
    mask(16, 4, "quads"),
    mask(4, 4, "words"),
    ...[1, 2].flatMap((size) => [mask(4, size, "store", "parts"), mask(4, size, "store", "odd")]),
  ];
}

/** A GPUDevice, told by what it does: tags don't survive every runtime. */
export function checkDevice(device: unknown): asserts device is GPUDevice {
  if (typeof device !== "object" || device === null || !("queue" in device) || !("createBuffer" in device)) {
    wrongType("device", "a GPUDevice", device);
  }
}

/** What the library keeps for a device: only what the device's own end takes along. */
import { wrongValue } from "../../check.ts";
import { MAX_BINDING } from "./windows.ts";

/** Bits of GPUBufferUsage: the global that names them is missing where WebGPU is a module, as in Node. */
export const USAGE = {
  MAP_READ: 0x0001,
  COPY_SRC: 0x0004,
  COPY_DST: 0x0008,
  UNIFORM: 0x0040,
  STORAGE: 0x0080,
} as const;

/** A buffer that the library uses again. */
export interface PooledBuffer {
  readonly buffer: GPUBuffer;
  /** Whether a caller's encoder has recorded it: it is then never destroyed, only let go. */
  recorded: boolean;
}

/** Parameters of dispatches, 256 bytes apart; `slots` finds those that were written before. */
interface ParameterPool {
  readonly slabs: PooledBuffer[];
  readonly slots: Map<string, { slab: PooledBuffer; offset: number }>;
  /** Free places in the last slab. */
  free: number;
}

/** What the library keeps for a device. */
export interface DeviceState {
  readonly device: GPUDevice;
  /** The largest binding, in bytes. */
  bindingLimit: number;
  /** Whether lanes are a processor's. */
  readonly software: boolean;
  lost: GPUDeviceLostInfo | undefined;
  /** By their programs' keys. */
  readonly pipelines: Map<string, GPUComputePipeline>;
  /** Why a shader did not compile at its first use, until somebody is told. */
  failure: string | undefined;
  readonly parameters: ParameterPool;
  /** Uploaded indices of calls that an encoder records: they go with the encoder. */
  readonly arenas: WeakMap<GPUCommandEncoder, { buffer: GPUBuffer; used: number }>;
  /** What one call's GPU work reads and writes, and "upload", the indices of calls that submit themselves. */
  readonly scratch: Map<string, PooledBuffer>;
}

const states: WeakMap<GPUDevice, DeviceState> = /* @__PURE__ */ new WeakMap();

/** The state of a device, made when it is first asked for. */
export function stateOf(device: GPUDevice): DeviceState {
  let state = states.get(device);
  if (state === undefined) {
    const made: DeviceState = {
      device,
      bindingLimit: Math.min(device.limits.maxStorageBufferBindingSize, MAX_BINDING),
      software: isSoftware(device),
      lost: undefined,
      pipelines: new Map(),
      failure: undefined,
      parameters: { slabs: [], slots: new Map(), free: 0 },
      arenas: new WeakMap(),
      scratch: new Map(),
    };
    void device.lost.then((info) => {
      made.lost = info;
    });
    states.set(device, made);
    state = made;
  }
  return state;
}

/** Throws, with the device's own reason, where it is lost. */
export function checkNotLost({ lost, device }: DeviceState): void {
  if (lost === undefined) return;
  const words = `one lost (${lost.reason ?? "unknown"}): ${lost.message}`;
  wrongValue("device", "a device that is not lost", device, words);
}

function isSoftware(device: GPUDevice): boolean {
  const info = device.adapterInfo as (GPUAdapterInfo & { isFallbackAdapter?: boolean }) | undefined;
  return (
    info?.isFallbackAdapter === true ||
    /swiftshader|llvmpipe|lavapipe/i.test(`${info?.architecture} ${info?.description}`)
  );
}

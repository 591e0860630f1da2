/** What the library keeps for a device: only what the device's own end takes along. */
import { MAX_BINDING } from "./binding-windows.ts";

/** Bits of GPUBufferUsage: the global that names them is missing where WebGPU is a module, as in Node. */
export const USAGE = {
  MAP_READ: 0x0001,
  COPY_SRC: 0x0004,
  COPY_DST: 0x0008,
  UNIFORM: 0x0040,
  STORAGE: 0x0080,
} as const;

/** What a plan has to know of a device. */
export interface PlanLimits {
  /** The largest binding, in bytes. */
  bindingBytes: number;
  /** Lanes of a workgroup, a power of two. */
  lanes: number;
  /** Workgroups along a dimension of a dispatch. */
  workgroups: number;
  /** Whether lanes are a processor's. */
  software: boolean;
}

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
  readonly limits: PlanLimits;
  lost: GPUDeviceLostInfo | undefined;
  /** By their programs' keys. */
  readonly pipelines: Map<string, GPUComputePipeline>;
  /** Pipelines that the device has not yet said it could make. */
  readonly unsettled: Set<Promise<void>>;
  /** Why work of the library failed; gone at the first call after somebody was told. */
  failure: { readonly reason: string; told: boolean } | undefined;
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
      limits: planLimits(device),
      lost: undefined,
      pipelines: new Map(),
      unsettled: new Set(),
      failure: undefined,
      parameters: { slabs: [], slots: new Map(), free: 0 },
      arenas: new WeakMap(),
      scratch: new Map(),
    };
    void device.lost.then((info) => {
      made.lost = info;
    });
    // What the device refuses of the library's own (a buffer that was destroyed, memory that was not there) leaves zeros.
    device.addEventListener?.("uncapturederror", ({ error: { message } }) => {
      if (message.includes(LABEL)) made.failure ??= { reason: message, told: false };
    });
    states.set(device, made);
    state = made;
  }
  return state;
}

/** With what the label of everything begins that the library makes on a device. */
export const LABEL = "random-ltd";

function planLimits({ limits, adapterInfo }: GPUDevice): PlanLimits {
  const lanes = Math.min(256, limits.maxComputeInvocationsPerWorkgroup, limits.maxComputeWorkgroupSizeX);
  return {
    bindingBytes: Math.min(limits.maxStorageBufferBindingSize, MAX_BINDING),
    lanes: 2 ** Math.floor(Math.log2(lanes)),
    workgroups: limits.maxComputeWorkgroupsPerDimension,
    software: isSoftware(adapterInfo),
  };
}

function isSoftware(info: (GPUAdapterInfo & { isFallbackAdapter?: boolean }) | undefined): boolean {
  return (
    info?.isFallbackAdapter === true ||
    /swiftshader|llvmpipe|lavapipe/i.test(`${info?.architecture} ${info?.description}`)
  );
}

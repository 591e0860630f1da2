/** What the library keeps for a device. All of it goes when the device goes. */
import { MAX_BINDING } from "./binding-windows.ts";

/** Bits of GPUBufferUsage. The global with these names is missing where WebGPU is a module, as in Node. */
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
  /** Whether the device is software, which runs lanes on the CPU. */
  software: boolean;
}

/** A buffer that the library uses again. */
export interface PooledBuffer {
  readonly buffer: GPUBuffer;
  /** Whether a caller's encoder has recorded it. It is then never destroyed, only dropped. */
  recorded: boolean;
}

/** Parameters of dispatches, 256 bytes apart. `slots` finds those that have been written already. */
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
  /** Pipelines by the keys of their programs. */
  readonly pipelines: Map<string, GPUComputePipeline>;
  /** Pipelines that the device has not confirmed yet. */
  readonly unsettled: Set<Promise<void>>;
  /** Why work of the library failed. Cleared by the first call after the caller has been told. */
  failure: { readonly reason: string; told: boolean } | undefined;
  readonly parameters: ParameterPool;
  /** Uploaded indices of calls that are recorded into an encoder. They live as long as the encoder. */
  readonly arenas: WeakMap<GPUCommandEncoder, { buffer: GPUBuffer; used: number }>;
  /** Scratch for the GPU work of one call, and "upload": the indices of calls that submit their own work. */
  readonly scratch: Map<string, PooledBuffer>;
}

const states: WeakMap<GPUDevice, DeviceState> = /* @__PURE__ */ new WeakMap();

/** The state of a device, made when it is first asked for. */
export function stateOf(device: GPUDevice): DeviceState {
  const known = states.get(device);
  if (known) return known;
  const state: DeviceState = {
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
    state.lost = info;
  });
  // If the device refuses work of the library (a destroyed buffer, no memory left), results are zeros: the caller is
  // told.
  device.addEventListener?.("uncapturederror", ({ error: { message } }) => {
    if (message.includes(LABEL)) state.failure ??= { reason: message, told: false };
  });
  states.set(device, state);
  return state;
}

/** The beginning of every label of what the library makes on a device. */
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

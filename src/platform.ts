/**
 * The platform's types as this package's declarations name them. A project that knows WebGPU (by TypeScript's DOM
 * library or `@webgpu/types`) and WebAssembly has those very types here. Others, such as one for Node without the DOM
 * library, get what this package uses of them, so that its declarations compile there too.
 */

/** The instances of the global class `Name`, or `Otherwise` where the project declares none. */
type Global<Name extends string, Otherwise> = typeof globalThis extends {
  [N in Name]: { prototype: infer Instance };
}
  ? Instance
  : Otherwise;

/** The same for the classes of the namespace WebAssembly. */
type WASM<Name extends string, Otherwise> = typeof globalThis extends {
  WebAssembly: { [N in Name]: { prototype: infer Instance } };
}
  ? Instance
  : Otherwise;

/** A WebGPU buffer. */
export type GPUBuffer = Global<
  "GPUBuffer",
  { readonly size: number; readonly usage: number; readonly mapState: string; destroy(): void }
>;

/** A WebGPU device. */
export type GPUDevice = Global<
  "GPUDevice",
  {
    readonly limits: object;
    readonly lost: Promise<{ readonly reason: string; readonly message: string }>;
    readonly queue: object;
    createBuffer(descriptor: { size: number; usage: number }): GPUBuffer;
    destroy(): void;
  }
>;

/** Where the commands of a WebGPU device are recorded. */
export type GPUCommandEncoder = Global<
  "GPUCommandEncoder",
  { beginComputePass(descriptor?: object): object; finish(descriptor?: object): object }
>;

/** What adapters come from: `navigator.gpu`. */
export type GPU = Global<"GPU", { requestAdapter(options?: object): Promise<object | null> }>;

/** A compiled WebAssembly module. */
export type WASMModule = WASM<"Module", object>;

/** The memory of a WebAssembly instance. */
export type WASMMemory = WASM<"Memory", { readonly buffer: ArrayBuffer }>;

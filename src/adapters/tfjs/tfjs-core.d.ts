/**
 * What the adapter uses of `@tensorflow/tfjs-core` 4.22, as that package declares it: its 40 MB are not needed to build
 * this one. The published types refer to the package itself, and a test compiles them against it.
 */
declare module "@tensorflow/tfjs-core" {
  export type DataType = "float32" | "int32" | "bool" | "complex64" | "string";
  export type DataId = object;

  export interface TensorInfo {
    dataId: DataId;
    shape: number[];
    dtype: DataType;
  }

  export class Tensor implements TensorInfo {
    readonly id: number;
    dataId: DataId;
    readonly shape: number[];
    readonly dtype: DataType;
    readonly isDisposed: boolean;
    dataSync(): Float32Array | Int32Array | Uint8Array;
    dispose(): void;
  }

  export type NamedTensors = Record<string, Tensor>;
  export type NamedAttrMap = Record<string, unknown>;

  export interface KernelConfig {
    kernelName: string;
    backendName: string;
    kernelFunc(params: {
      inputs: Record<string, TensorInfo | undefined>;
      backend: object;
      attrs?: NamedAttrMap;
    }): TensorInfo | TensorInfo[];
  }

  export interface GradConfig {
    kernelName: string;
    inputsToSave?: string[];
    gradFunc(dy: Tensor | Tensor[], saved: Tensor[], attrs: NamedAttrMap): Record<string, () => Tensor>;
  }

  export function getKernel(kernelName: string, backendName: string): KernelConfig | undefined;
  export function registerKernel(config: KernelConfig): void;
  export function getGradient(kernelName: string): GradConfig | undefined;
  export function registerGradient(config: GradConfig): void;
  export function getBackend(): string;
  export function backend(): object;
  export function engine(): {
    runKernel<T extends Tensor | Tensor[]>(name: string, inputs: NamedTensors, attrs?: NamedAttrMap): T;
  };

  export function tidy<T>(fn: () => T): T;
  export function tensor(values: Int32Array, shape: number[], dtype: DataType): Tensor;
  export function zeros(shape: number[], dtype: DataType): Tensor;
  export function range(start: number, stop: number, step: number, dtype: "int32"): Tensor;
  export function fill(shape: number[], value: number, dtype: "int32"): Tensor;
  export function reshape(x: Tensor, shape: number[]): Tensor;
  export function slice(x: Tensor, begin: number[], size: number[]): Tensor;
  export function concat(tensors: Tensor[], axis: number): Tensor;
  export function gather(x: Tensor, indices: Tensor, axis: number): Tensor;
  export function scatterND(indices: Tensor, updates: Tensor, shape: number[]): Tensor;
  export function where(condition: Tensor, a: Tensor, b: Tensor): Tensor;
  export function greater(a: Tensor, b: Tensor): Tensor;
  export function less(a: Tensor, b: Tensor): Tensor;
  export function cast(x: Tensor, dtype: DataType): Tensor;
  export function add(a: Tensor, b: Tensor): Tensor;
  export function sub(a: Tensor, b: Tensor): Tensor;
  export function mul(a: Tensor, b: Tensor): Tensor;
  export function sum(x: Tensor, axis: number, keepDims?: boolean): Tensor;

  export namespace serialization {
    function registerClass(cls: unknown): void;
    const SerializationMap: {
      getMap(): { classNameMap: Record<string, [unknown, (cls: unknown, config: object) => object]> };
    };
  }
}

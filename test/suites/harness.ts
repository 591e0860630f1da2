import type { CPUTensor, DType, Tensor } from "../../src/index.ts";

/** A place where tensors live and operations run: what a shared suite takes as its parameter. */
export interface Harness {
  readonly name: string;
  /** The dtypes that it holds. */
  readonly dtypes: readonly DType[];
  /** Before the first test, and after the last. */
  open(): Promise<void>;
  close(): Promise<void>;
  /** The tensor where this harness keeps it. A CPU harness gives back the same one. */
  put(t: CPUTensor): Tensor;
  /** The tensor's contents; a GPU harness also throws here any error that the device has reported. */
  get(t: Tensor): Promise<CPUTensor>;
}

/** How much of a suite is run. */
export interface Extent {
  /** Large sizes: all of them where work is cut at half a megabyte, as the WASM core does, elsewhere every sixth or none. */
  readonly large?: "all" | "some" | "none";
  /** Fewer cases of each kind, where only the compiler of the shaders is another one. */
  readonly few?: boolean;
}

/** Whether the large size of this number is among those to run. */
export function isAmong(sizes: "all" | "some" | "none", number: number): boolean {
  return sizes === "all" || (sizes === "some" && number % 6 === 3);
}

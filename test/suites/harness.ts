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

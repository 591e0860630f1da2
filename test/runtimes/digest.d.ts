import type { CPUTensor, Tensor } from "../../src/index.ts";

type Library = typeof import("../../src/index.ts");

export interface Place {
  put(t: CPUTensor, byteOffset: number): Tensor;
  get(t: Tensor): CPUTensor | Promise<CPUTensor>;
  free(t: Tensor): void;
}

export function digest(lib: Library, calls?: number): string;
export function inMemory(lib: Library): Place;
export function onDevice(lib: Library, device: GPUDevice): Place;
export function placedDigest(lib: Library, place: Place, cases?: number): Promise<string>;

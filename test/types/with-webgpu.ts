/** A project that has WebGPU's types gets those, whole. */
import { type GPUTensor, requestGPUDevice } from "random-ltd";

declare const tensor: GPUTensor;
export const buffer: GPUBuffer = tensor.buffer;
export const device: GPUDevice = await requestGPUDevice({ features: ["timestamp-query"] });
export const group: GPUBindGroupLayout = tensor.device.createBindGroupLayout({ entries: [] });

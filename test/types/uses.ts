/** What type-checks, and what does not, under every TypeScript that test/types.test.ts runs. Never executed. */

import type { CPUTensor, GPUTensor, RandomLTDConfig, Tensor } from "random-ltd";
import * as lib from "random-ltd";
import * as gpu from "random-ltd/webgpu";

declare const onCPU: CPUTensor;
declare const onGPU: GPUTensor;
declare const either: Tensor | undefined;
const sizes = { reservedLength: 4, seqLength: 16, batchSize: 1, seed: 7n };

// The mask that comes back is of the type of the mask that went in.
export const none: null = lib.gptSampleTokens(sizes).newMask;
export const noneOfBert: null = lib.bertSampleTokens({ ...sizes, attnMask: undefined }).newMask;
export const cpuMask: CPUTensor = lib.gptSampleTokens({ ...sizes, attnMask: onCPU }).newMask;
export const gpuMask: GPUTensor = lib.bertSampleTokens({ ...sizes, attnMask: onGPU }).newMask;
export const perhaps: Tensor | null = lib.gptSampleTokens({ ...sizes, attnMask: either }).newMask;
export const indices: Int32Array = lib.gptSampleTokens(sizes).sampledIndices.data;

// Misspelt and missing options are errors.
// @ts-expect-error keepPrefx
lib.gptSampleTokens({ ...sizes, keepPrefx: 2 });
// @ts-expect-error paddingMsk
lib.bertSampleTokens({ ...sizes, attnMask: onCPU, paddingMsk: onCPU });
// @ts-expect-error only decoders have a maskMode
lib.bertSampleTokens({ ...sizes, maskMode: "slice" });
// @ts-expect-error a seed is required
lib.gptSampleTokens({ reservedLength: 4, seqLength: 16, batchSize: 1 });

// Options take undefined, with exactOptionalPropertyTypes too.
lib.gptSampleTokens({ ...sizes, keepMask: undefined, maskMode: undefined, encoder: undefined });
const { sampledIndices } = lib.gptSampleTokens(sizes);
const layer = lib.layerOf(sampledIndices, 0);
lib.GatherTokens.forward(onCPU, layer, { out: undefined, batchFirst: undefined });
// @ts-expect-error positions are int32
lib.GatherTokens.forward(onCPU, lib.tensor(new Float32Array(4), [1, 4]));

// What random-ltd/webgpu refuses when it runs, its types refuse before.
gpu.GatherTokens.forward(onGPU, layer);
gpu.gptSampleTokens({ ...sizes, attnMask: onGPU, maskMode: "gather" });
// @ts-expect-error states on the CPU
gpu.GatherTokens.forward(onCPU, layer);
// @ts-expect-error a mask on the CPU
gpu.gptSampleTokens({ ...sizes, attnMask: onCPU });
// @ts-expect-error a mask on the CPU
gpu.maskSlice(onCPU, 4);

// A configuration as JSON has it, and layers typed with arguments of their own.
const config = {
  total_layer_num: 2,
  random_ltd_layer_num: 1,
  random_ltd_layer_id: [0],
  model_mask_name: "mask",
  model_type: "decoder",
  hidden_state_order: "batch_seq_dim",
  global_batch_size: 8,
  random_ltd_schedule: {
    min_value: 16,
    max_value: 64,
    schedule_type: "fixed_linear",
    schedule_config: { require_steps: 100, seq_per_step: 16 },
  },
};
const scheduler = new lib.RandomLTDScheduler(config);
export const checked: RandomLTDConfig = scheduler.config;
const block = (hidden: CPUTensor, { mask }: { mask: CPUTensor }): CPUTensor => (mask ? hidden : hidden);
const wrapped = new lib.RandomLayerTokenDrop(block, scheduler, 0);
export const hidden: CPUTensor = wrapped.forward(onCPU, { mask: onCPU });
lib.convertToRandomLTD([block, block], scheduler, { alongSequence: ["position_ids"] }).forward(onCPU);
const gpuBlock = (states: GPUTensor): GPUTensor => states;
export const gpuHidden: GPUTensor = new gpu.RandomLayerTokenDrop(gpuBlock, scheduler, 0).forward(onGPU);
gpu.convertToRandomLTD([gpuBlock, gpuBlock], scheduler).forward(onGPU);
// @ts-expect-error a layer of the CPU's
new gpu.RandomLayerTokenDrop(block, scheduler, 0);
// @ts-expect-error layers of the CPU's
gpu.convertToRandomLTD([block, block], scheduler);

/** Every public function on tensors with arguments that it takes, by name: what tests of bad input spoil one by one. */
import {
  bertSampleTokens,
  type CPUTensor,
  GatherTokens,
  gptSampleTokens,
  layerOf,
  maskGather,
  maskSlice,
  retainedMask,
  ScatterTokens,
  tensor,
  tokenSort,
  tokensOfGroups,
} from "../../src/index.ts";
import type { Kind } from "./wrong-values.ts";

/** Arguments by name, right ones and wrong ones. */
export type Args = Record<string, any>;

export interface Call {
  readonly name: string;
  /** The arguments by name; fresh tensors each time. `undefined` stands for what is not given. */
  readonly args: () => Args;
  /** What each takes. */
  readonly kinds: Readonly<Record<string, readonly Kind[]>>;
  readonly call: (args: Args) => unknown;
}

const floats = (shape: readonly number[]): CPUTensor => {
  const n = shape.reduce((a, b) => a * b, 1);
  return tensor(
    Float32Array.from({ length: n }, (_, i) => i + 1),
    shape,
  );
};
const zeros = (shape: readonly number[]) => tensor(new Float32Array(shape.reduce((a, b) => a * b, 1)), shape);
const ones = (shape: readonly number[]) =>
  tensor(new Uint8Array(shape.reduce((a, b) => a * b, 1)).fill(1), shape);
const indices = (): CPUTensor => tensor(Int32Array.of(1, 4, 0, 3), [2, 2]);

const OPTIONAL = {
  integer: ["integer", "optional"],
  boolean: ["boolean", "optional"],
  tensor: ["tensor", "optional"],
  choice: ["choice", "optional"],
  object: ["object", "optional"],
  encoder: ["encoder", "optional"],
} as const;

const sampling = {
  args: () => ({
    reservedLength: 4,
    seqLength: 8,
    batchSize: 2,
    layers: 2,
    seed: 7,
    step: 1,
    batchOffset: 3,
    layerOffset: 5,
    keepPrefix: 1,
    raiseToKept: false,
    keepMask: tensor(Uint8Array.of(0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1), [2, 8]),
    paddingMask: ones([2, 8]),
    attnMask: zeros([2, 1, 8, 8]),
    encoder: undefined,
  }),
  kinds: {
    reservedLength: ["integer"],
    seqLength: ["integer"],
    batchSize: ["integer"],
    layers: OPTIONAL.integer,
    seed: ["seed"],
    step: OPTIONAL.integer,
    batchOffset: OPTIONAL.integer,
    layerOffset: OPTIONAL.integer,
    keepPrefix: OPTIONAL.integer,
    raiseToKept: OPTIONAL.boolean,
    keepMask: OPTIONAL.tensor,
    paddingMask: OPTIONAL.tensor,
    attnMask: OPTIONAL.tensor,
    encoder: OPTIONAL.encoder,
  },
} as const;

export const gpt: Call = {
  name: "gptSampleTokens",
  args: () => ({ ...sampling.args(), maskMode: "slice" }),
  kinds: { ...sampling.kinds, maskMode: OPTIONAL.choice },
  call: (options) => gptSampleTokens(options as any),
};

export const bert: Call = {
  ...sampling,
  name: "bertSampleTokens",
  call: (options) => bertSampleTokens(options as any),
};

export const gatherForward: Call = {
  name: "GatherTokens.forward",
  args: () => ({
    activations: floats([2, 5, 3]),
    sortedIndices: indices(),
    batchFirst: true,
    out: zeros([2, 2, 3]),
    encoder: undefined,
  }),
  kinds: {
    activations: ["tensor"],
    sortedIndices: ["tensor"],
    batchFirst: OPTIONAL.boolean,
    out: OPTIONAL.tensor,
    encoder: OPTIONAL.encoder,
  },
  call: ({ activations, sortedIndices, ...options }) =>
    GatherTokens.forward(activations, sortedIndices, options),
};

export const gatherBackward: Call = {
  name: "GatherTokens.backward",
  args: () => ({
    retainedGrad: floats([2, 2, 3]),
    sortedIndices: indices(),
    seqLength: 5,
    batchFirst: true,
    out: zeros([2, 5, 3]),
    encoder: undefined,
  }),
  kinds: {
    retainedGrad: ["tensor"],
    sortedIndices: ["tensor"],
    seqLength: ["integer"],
    batchFirst: OPTIONAL.boolean,
    out: OPTIONAL.tensor,
    encoder: OPTIONAL.encoder,
  },
  call: ({ retainedGrad, sortedIndices, ...options }) =>
    GatherTokens.backward(retainedGrad, sortedIndices, options as any),
};

export const accumulate: Call = {
  name: "GatherTokens.backward, accumulating",
  args: () => ({ ...gatherBackward.args(), out: undefined, accumulateInto: floats([2, 5, 3]) }),
  kinds: {
    retainedGrad: ["tensor"],
    sortedIndices: ["tensor"],
    seqLength: ["integer"],
    accumulateInto: OPTIONAL.tensor,
    encoder: OPTIONAL.encoder,
  },
  call: gatherBackward.call,
};

export const scatterForward: Call = {
  name: "ScatterTokens.forward",
  args: () => ({
    allActivations: floats([2, 5, 3]),
    layerActivations: zeros([2, 2, 3]),
    sortedIndices: indices(),
    batchFirst: true,
    inPlace: false,
    out: zeros([2, 5, 3]),
    encoder: undefined,
  }),
  kinds: {
    allActivations: ["tensor"],
    layerActivations: ["tensor"],
    sortedIndices: ["tensor"],
    batchFirst: OPTIONAL.boolean,
    inPlace: OPTIONAL.boolean,
    out: OPTIONAL.tensor,
    encoder: OPTIONAL.encoder,
  },
  call: ({ allActivations, layerActivations, sortedIndices, ...options }) =>
    ScatterTokens.forward(allActivations, layerActivations, sortedIndices, options),
};

export const scatterInPlace: Call = {
  ...scatterForward,
  name: "ScatterTokens.forward, in place",
  args: () => ({ ...scatterForward.args(), inPlace: true, out: undefined }),
  kinds: { layerActivations: ["tensor"], sortedIndices: ["tensor"], encoder: OPTIONAL.encoder },
};

export const scatterBackward: Call = {
  name: "ScatterTokens.backward",
  args: () => ({
    outGrad: floats([2, 5, 3]),
    sortedIndices: indices(),
    batchFirst: true,
    inPlace: false,
    out: { allActivationsGrad: zeros([2, 5, 3]), layerActivationsGrad: zeros([2, 2, 3]) },
    encoder: undefined,
  }),
  kinds: {
    outGrad: ["tensor"],
    sortedIndices: ["tensor"],
    batchFirst: OPTIONAL.boolean,
    inPlace: OPTIONAL.boolean,
    out: OPTIONAL.object,
    encoder: OPTIONAL.encoder,
  },
  call: ({ outGrad, sortedIndices, ...options }) => ScatterTokens.backward(outGrad, sortedIndices, options),
};

export const scatterBackwardInPlace: Call = {
  ...scatterBackward,
  name: "ScatterTokens.backward, in place",
  args: () => ({ ...scatterBackward.args(), inPlace: true, out: undefined }),
  kinds: { sortedIndices: ["tensor"], encoder: OPTIONAL.encoder },
};

export const gatherMask: Call = {
  name: "maskGather",
  args: () => ({
    mask: floats([2, 1, 5, 5]),
    sortedIndices: indices(),
    out: zeros([2, 1, 2, 2]),
    encoder: undefined,
  }),
  kinds: {
    mask: ["tensor"],
    sortedIndices: ["tensor"],
    out: OPTIONAL.tensor,
    encoder: OPTIONAL.encoder,
  },
  call: ({ mask, sortedIndices, ...options }) => maskGather(mask, sortedIndices, options),
};

export const sliceMask: Call = {
  name: "maskSlice",
  args: () => ({
    mask: floats([2, 1, 5, 5]),
    reservedLength: 2,
    out: zeros([2, 1, 2, 2]),
    encoder: undefined,
  }),
  kinds: {
    mask: ["tensor"],
    reservedLength: ["integer"],
    out: OPTIONAL.tensor,
    encoder: OPTIONAL.encoder,
  },
  call: ({ mask, reservedLength, ...options }) => maskSlice(mask, reservedLength, options),
};

export const sort: Call = {
  name: "tokenSort",
  args: () => ({ indices: tensor(Int32Array.of(3, 1, 0, 4), [2, 2]), seqLength: 5 }),
  kinds: { indices: ["tensor"], seqLength: ["integer"] },
  call: ({ indices, seqLength }) => tokenSort(indices, seqLength),
};

export const tokensOf: Call = {
  name: "tokensOfGroups",
  args: () => ({
    sampledGroups: tensor(Int32Array.of(0, 2, 1, 2), [2, 2]),
    groups: tensor(Int32Array.of(0, 1, 2, 2, 1, 0), [6]),
  }),
  kinds: { sampledGroups: ["tensor"], groups: ["tensor"] },
  call: ({ sampledGroups, groups }) => tokensOfGroups(sampledGroups, groups),
};

export const retained: Call = {
  name: "retainedMask",
  args: () => ({ sortedIndices: tensor(Int32Array.of(0, 2, 1, 4), [2, 2]), seqLength: 5 }),
  kinds: { sortedIndices: ["tensor"], seqLength: ["integer"] },
  call: ({ sortedIndices, seqLength }) => retainedMask(sortedIndices, seqLength),
};

export const make: Call = {
  name: "tensor",
  args: () => ({ data: new Uint16Array(6), shape: [2, 3], dtype: "bfloat16" }),
  kinds: { data: ["data"], shape: ["shape"], dtype: [] },
  call: ({ data, shape, dtype }) => tensor(data, shape, dtype),
};

export const layer: Call = {
  name: "layerOf",
  args: () => ({ sampledIndices: tensor(new Int32Array(12), [3, 2, 2]), l: 2 }),
  kinds: { sampledIndices: ["tensor"], l: ["integer"] },
  call: ({ sampledIndices, l }) => layerOf(sampledIndices, l),
};

export const CALLS: readonly Call[] = [
  gpt,
  bert,
  gatherForward,
  gatherBackward,
  accumulate,
  scatterForward,
  scatterInPlace,
  scatterBackward,
  scatterBackwardInPlace,
  gatherMask,
  sliceMask,
  sort,
  tokensOf,
  retained,
  make,
  layer,
];

/** Right calls of every public function on tensors, of random small sizes, and how to make them wrong. */
import {
  bertSampleTokens,
  type CPUTensor,
  type DType,
  GatherTokens,
  gptSampleTokens,
  layerOf,
  maskGather,
  maskSlice,
  ScatterTokens,
  tensor,
  tokenSort,
} from "../../src/index.ts";
import { pick, type Random } from "./values.ts";

/** A call's arguments by name. `undefined` stands for what is not given. */
export type Args = Record<string, any>;

export interface Made {
  readonly name: string;
  readonly args: Args;
  /** Those that the call may write, where it goes through. */
  readonly written: readonly string[];
  /** The rest go into the options. */
  call(args: Args): unknown;
}

/** The plainest array of each dtype. */
const ARRAYS = {
  float32: Float32Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  float64: Float64Array,
  int32: Int32Array,
  uint32: Uint32Array,
  uint8: Uint8Array,
} as const;

const DTYPES = Object.keys(ARRAYS) as DType[];
const upTo = (random: Random, most: number) => 1 + (random() % most);
const maybe = <T>(random: Random, make: () => T): T | undefined => (random() % 3 === 0 ? make() : undefined);

function filled(random: Random, shape: readonly number[], dtype: DType): CPUTensor {
  const n = shape.reduce((a, b) => a * b, 1);
  const { BYTES_PER_ELEMENT } = ARRAYS[dtype];
  const bytes = new Uint8Array(n * BYTES_PER_ELEMENT);
  for (let i = 0; i < bytes.length; i++) bytes[i] = random();
  return tensor(new ARRAYS[dtype](bytes.buffer, 0, n), shape, dtype);
}

/** Each row its own ascending positions below `seq`. */
function rows(random: Random, shape: readonly number[], seq: number): CPUTensor {
  const retained = shape[shape.length - 1];
  const n = shape.reduce((a, b) => a * b, 1);
  const data = new Int32Array(n);
  for (let at = 0, end = 0; at < n; ) {
    end += retained;
    for (let i = 0; at < end; i++) if (random() % (seq - i) < end - at) data[at++] = i;
  }
  return tensor(data, shape);
}

const booleans = (random: Random, shape: readonly number[], one: number) => {
  const t = tensor(new Uint8Array(shape.reduce((a, b) => a * b, 1)), shape);
  for (let i = 0; i < t.data.length; i++) t.data[i] = random() % one === 0 ? 1 : 0;
  return t;
};

function sizes(random: Random) {
  const [batch, seq] = [upTo(random, 3), upTo(random, random() % 8 === 0 ? 200 : 12)];
  const retained = upTo(random, seq);
  const channels = random() % 3 === 0 ? [] : random() % 16 === 0 ? [upTo(random, 500)] : [upTo(random, 5)];
  return { batch, seq, retained, channels, batchFirst: random() % 4 !== 0, dtype: pick(random, DTYPES) };
}

/** A tensor of tokens. */
function tokens(random: Random, s: ReturnType<typeof sizes>, n: number, dtype: DType = s.dtype): CPUTensor {
  const shape = [...(s.batchFirst ? [s.batch, n] : [n, s.batch]), ...s.channels];
  return filled(random, shape, dtype);
}

function sampling(random: Random): Args {
  const { batch, seq, retained } = sizes(random);
  const layers = upTo(random, 3);
  const query = random() % 3 === 0 ? 1 : seq;
  const shape = [random() % 2 ? 1 : batch, upTo(random, 2), query, seq];
  const keepPrefix = maybe(random, () => random() % (retained + 1));
  const keepMask = maybe(random, () => booleans(random, [batch, seq], 1000));
  const kept = (keepMask?.data ?? []) as ArrayLike<number>;
  const isTooMany = (keepPrefix ?? 0) + Array.from(kept).filter(Boolean).length > retained;
  return {
    reservedLength: retained,
    seqLength: seq,
    batchSize: batch,
    layers: random() % 2 ? layers : undefined,
    seed: random() % 2 ? random() : BigInt(random()) << 32n,
    step: maybe(random, random),
    batchOffset: maybe(random, () => 2 ** 32 - batch - (random() % 9)),
    layerOffset: maybe(random, () => random() >>> 3),
    keepPrefix,
    keepMask,
    paddingMask: maybe(random, () => booleans(random, [batch, seq], 2)),
    raiseToKept: isTooMany || maybe(random, () => true),
    attnMask: maybe(random, () => filled(random, shape, pick(random, DTYPES))),
    encoder: undefined,
  };
}

/** Where an argument takes the memory of another, the call is another one: tests by hand have those. */
const MAKERS: readonly ((random: Random) => Made)[] = [
  (random) => ({
    name: "gptSampleTokens",
    args: { ...sampling(random), maskMode: pick(random, ["gather", "slice-unchecked"]) },
    written: [],
    call: (options) => gptSampleTokens(options as never),
  }),
  (random) => ({
    name: "bertSampleTokens",
    args: sampling(random),
    written: [],
    call: (options) => bertSampleTokens(options as never),
  }),
  (random) => {
    const s = sizes(random);
    return {
      name: "GatherTokens.forward",
      args: {
        activations: tokens(random, s, s.seq),
        sortedIndices: rows(random, [s.batch, s.retained], s.seq),
        batchFirst: s.batchFirst,
        out: maybe(random, () => tokens(random, s, s.retained)),
        encoder: undefined,
      },
      written: ["out"],
      call: ({ activations, sortedIndices, ...options }) =>
        GatherTokens.forward(activations, sortedIndices, options),
    };
  },
  (random) => {
    const s = sizes(random);
    const dtype = pick(random, ["float32", "float64"] as const);
    const accumulate = random() % 2 === 0;
    return {
      name: "GatherTokens.backward",
      args: {
        retainedGrad: tokens(random, s, s.retained, dtype),
        sortedIndices: rows(random, [s.batch, s.retained], s.seq),
        seqLength: s.seq,
        batchFirst: s.batchFirst,
        out: accumulate ? undefined : maybe(random, () => tokens(random, s, s.seq, dtype)),
        accumulateInto: accumulate ? tokens(random, s, s.seq, dtype) : undefined,
        encoder: undefined,
      },
      written: ["out", "accumulateInto"],
      call: ({ retainedGrad, sortedIndices, ...options }) =>
        GatherTokens.backward(retainedGrad, sortedIndices, options as never),
    };
  },
  (random) => {
    const s = sizes(random);
    const inPlace = random() % 2 === 0;
    return {
      name: "ScatterTokens.forward",
      args: {
        allActivations: tokens(random, s, s.seq),
        layerActivations: tokens(random, s, s.retained),
        sortedIndices: rows(random, [s.batch, s.retained], s.seq),
        batchFirst: s.batchFirst,
        inPlace,
        out: inPlace ? undefined : maybe(random, () => tokens(random, s, s.seq)),
        encoder: undefined,
      },
      written: inPlace ? ["allActivations"] : ["out"],
      call: ({ allActivations, layerActivations, sortedIndices, ...options }) =>
        ScatterTokens.forward(allActivations, layerActivations, sortedIndices, options),
    };
  },
  (random) => {
    const s = sizes(random);
    const inPlace = random() % 2 === 0;
    return {
      name: "ScatterTokens.backward",
      args: {
        outGrad: tokens(random, s, s.seq),
        sortedIndices: rows(random, [s.batch, s.retained], s.seq),
        batchFirst: s.batchFirst,
        inPlace,
        out: maybe(random, () => ({ layerActivationsGrad: tokens(random, s, s.retained) })),
        encoder: undefined,
      },
      written: inPlace ? ["outGrad", "out"] : ["out"],
      call: ({ outGrad, sortedIndices, ...options }) =>
        ScatterTokens.backward(outGrad, sortedIndices, options),
    };
  },
  (random) => {
    const { batch, seq, retained, dtype } = sizes(random);
    const heads = upTo(random, 2);
    const query = random() % 3 === 0 ? 1 : seq;
    const kept = query === 1 ? 1 : retained;
    const layers = random() % 2 ? [upTo(random, 2)] : [];
    return {
      name: "maskGather",
      args: {
        mask: filled(random, [random() % 2 ? 1 : batch, heads, query, seq], dtype),
        sortedIndices: rows(random, [...layers, batch, retained], seq),
        out: maybe(random, () => filled(random, [...layers, batch, heads, kept, retained], dtype)),
        encoder: undefined,
      },
      written: ["out"],
      call: ({ mask, sortedIndices, ...options }) => maskGather(mask, sortedIndices, options),
    };
  },
  (random) => {
    const { batch, seq, retained, dtype } = sizes(random);
    const [heads, query] = [upTo(random, 2), random() % 3 === 0 ? 1 : seq];
    return {
      name: "maskSlice",
      args: {
        mask: filled(random, [batch, heads, query, seq], dtype),
        reservedLength: retained,
        out: maybe(random, () => filled(random, [batch, heads, query === 1 ? 1 : retained, retained], dtype)),
        encoder: undefined,
      },
      written: ["out"],
      call: ({ mask, reservedLength, ...options }) => maskSlice(mask, reservedLength, options),
    };
  },
  (random) => {
    const { batch, seq, retained } = sizes(random);
    const indices = rows(random, [batch, retained], seq);
    for (let i = 0; i < indices.data.length; i += retained) indices.data.subarray(i, i + retained).reverse();
    return {
      name: "tokenSort",
      args: { indices, seqLength: seq + (random() % 3 === 0 ? random() % 100_000 : 0) },
      written: [],
      call: ({ indices, seqLength }) => tokenSort(indices, seqLength),
    };
  },
  (random) => {
    const { data, shape, dtype } = filled(random, [upTo(random, 4), upTo(random, 4)], pick(random, DTYPES));
    return {
      name: "tensor",
      args: { data, shape, dtype },
      written: [],
      call: ({ data, shape, dtype }) => tensor(data, shape, dtype),
    };
  },
  (random) => {
    const layers = upTo(random, 3);
    return {
      name: "layerOf",
      args: { sampledIndices: filled(random, [layers, 2, 3], "int32"), l: random() % layers },
      written: [],
      call: ({ sampledIndices, l }) => layerOf(sampledIndices, l),
    };
  },
];

/** A right call. */
export const makeCall = (random: Random): Made => pick(random, MAKERS)(random);

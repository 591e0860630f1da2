import {
  checkAlongside,
  checkAttached,
  checkDisjoint,
  checkEncoder,
  checkOptional,
  checkResultShape,
  resultTensor,
} from "./arguments.ts";
import {
  checkBoolean,
  checkInteger,
  checkObject,
  checkOptions,
  MAX,
  wrongType,
  wrongValue,
} from "./check.ts";
import { checkIndices } from "./indices.ts";
import type { GPUCommandEncoder } from "./platform.ts";
import {
  checkDType,
  checkSameShape,
  checkTensor,
  elementBytes,
  elementCount,
  isGPUTensor,
  overlap,
  placeOf,
  sameMemory,
} from "./tensor.ts";
import type { CPUTokens, IndexTensor, RowGeometry, Tensor, TokenOperations } from "./types.ts";

/** What every token operation takes. */
export interface TokenOptions {
  /** True (the default): tensors are `[B,S,C]`. False: `[S,B,C]`, as Megatron lays them out. */
  batchFirst?: boolean | undefined;
  /** GPU tensors only: commands are recorded here, for the caller to submit, instead of submitted. */
  encoder?: GPUCommandEncoder | undefined;
}

/** Options of {@link GatherOperations.forward}. */
export interface GatherForwardOptions<T extends Tensor> extends TokenOptions {
  /** Written and returned instead of a new tensor. */
  out?: T | undefined;
}

/** Options of {@link GatherOperations.backward}. */
export interface GatherBackwardOptions<T extends Tensor> extends TokenOptions {
  /** S of the tensor that was gathered from. */
  seqLength: number;
  /** The gradient is added to this tensor, which is returned. float32, and float64 on the CPU. */
  accumulateInto?: T | undefined;
  /** Written, zeros included, and returned instead of a new tensor. */
  out?: T | undefined;
}

/** Options of {@link ScatterOperations.forward}. */
export interface ScatterForwardOptions<T extends Tensor> extends TokenOptions {
  /** Writes the K rows into `allActivations` itself and returns it. */
  inPlace?: boolean | undefined;
  /** Written and returned instead of a new tensor. May be `allActivations`, which is `inPlace`. */
  out?: T | undefined;
}

/** Options of {@link ScatterOperations.backward}. */
export interface ScatterBackwardOptions<T extends Tensor> extends TokenOptions {
  /** Zeroes the K rows in `outGrad` itself, which is returned as `allActivationsGrad`. */
  inPlace?: boolean | undefined;
  /**
   * Either or both: written and returned instead of new tensors. `allActivationsGrad` may be `outGrad`, which is
   * `inPlace`.
   */
  out?: Partial<ScatterGradients<T>> | undefined;
}

/** What {@link ScatterOperations.backward} returns. */
export interface ScatterGradients<T extends Tensor> {
  /** `[B,S,C]`: outGrad with the replaced rows zeroed. */
  allActivationsGrad: T;
  /** `[B,K,C]`: the replaced rows of outGrad. */
  layerActivationsGrad: T;
}

/** The operations that run where `t`, which the caller calls `name`, lives. */
function operationsOf(cpu: CPUTokens, name: string, t: Tensor): TokenOperations<Tensor> {
  return (isGPUTensor(t) ? t.operations : cpu(name, t)) as TokenOperations<Tensor>;
}

const NAMES = ["batchFirst", "encoder", "out"];
// In full, as bundlers keep an array that spreads another, used or not.
const BACKWARD_NAMES = ["batchFirst", "encoder", "out", "seqLength", "accumulateInto"];
const SCATTER_NAMES = ["batchFirst", "encoder", "out", "inPlace"];

/** The options of all operations. */
interface Options extends TokenOptions {
  out?: unknown;
  inPlace?: boolean | undefined;
  seqLength?: number;
  accumulateInto?: unknown;
}

// Each operation reads everything once before it checks any values: the options, then the tensors, the indices last. A
// getter may change, or detach, what was read before it ran.

/** What an operation is asked: its options, and the tensor `x`, called `name`, that everything else is held to. */
function asked(name: string, given: Tensor, options: Options, known: readonly string[]) {
  checkOptions(options, known);
  const { batchFirst = true, inPlace = false, encoder, out, seqLength, accumulateInto } = options;
  checkBoolean("batchFirst", batchFirst);
  checkBoolean("inPlace", inPlace);
  const x = checkTensor(name, given);
  checkEncoder(encoder, x);
  return { name, x, batchFirst, inPlace, encoder, out, seqLength, accumulateInto };
}

type Asked = ReturnType<typeof asked>;

/** Checked indices, and how the rows lie. The tensor holds all tokens, or, where `isPart`, the retained ones. */
function checkRows({ name, x, batchFirst, seqLength }: Asked, sortedIndices: unknown, isPart?: boolean) {
  if (x.shape.length < 2) {
    wrongValue(name, "at least two dimensions, [B,S,...] or with batchFirst false [S,B,...]", x);
  }
  const [first, second, ...channels] = x.shape;
  const [batch, tokens] = batchFirst ? [first, second] : [second, first];
  const seq = isPart ? checkInteger("seqLength", seqLength, tokens, MAX.int32) : tokens;
  const indices = checkIndices("sortedIndices", sortedIndices, x, batch, seq, [2]);
  const retained = indices.shape[1];
  if (isPart && retained !== tokens) wrongValue("sortedIndices", `shape [${batch},${tokens}]`, indices);
  const rowBytes = elementCount(channels) * elementBytes(x.dtype);
  const g: RowGeometry = { batch, seq, retained, rowBytes, batchFirst };
  return { indices, g };
}

/** The shape of `like` with another number of tokens. */
function withTokens(like: Tensor, tokens: number, batchFirst: boolean): number[] {
  return like.shape.map((length, i) => (i === (batchFirst ? 1 : 0) ? tokens : length));
}

function gatherForward<T extends Tensor>(
  cpu: CPUTokens,
  activations: T,
  sortedIndices: Tensor,
  options: GatherForwardOptions<T> = {},
): T {
  const call = asked("activations", activations, options, NAMES);
  const { x, batchFirst, encoder, out } = call;
  const to = checkOptional("out", out);
  const { indices, g } = checkRows(call, sortedIndices);
  checkAttached({ activations: x, out: to });
  const operations = operationsOf(cpu, "activations", x);
  const result = resultTensor("out", to, x, withTokens(x, g.retained, batchFirst), [x, indices]);
  operations.gather(result, x, indices, g, encoder);
  return (out ?? result) as T;
}

function gatherBackward<T extends Tensor>(
  cpu: CPUTokens,
  retainedGrad: T,
  sortedIndices: Tensor,
  options: GatherBackwardOptions<T>,
): T {
  const call = asked("retainedGrad", retainedGrad, options, BACKWARD_NAMES);
  const { x: grad, batchFirst, encoder, out, accumulateInto } = call;
  const to = checkOptional("out", out);
  const into = checkOptional("accumulateInto", accumulateInto);
  const { indices, g } = checkRows(call, sortedIndices, true);
  checkAttached({ retainedGrad: grad, out: to, accumulateInto: into });
  const operations = operationsOf(cpu, "retainedGrad", grad);
  const shape = withTokens(grad, g.seq, batchFirst);
  if (into === undefined) {
    const result = resultTensor("out", to, grad, shape, [grad, indices], "seqLength");
    operations.scatterZeros(result, grad, indices, g, encoder, to === undefined);
    return (out ?? result) as T;
  }
  if (to !== undefined) wrongType("out", "no out beside accumulateInto", to);
  checkAlongside("accumulateInto", into, placeOf(grad), grad.dtype);
  checkDType("accumulateInto", into, isGPUTensor(into) ? ["float32"] : ["float32", "float64"]);
  checkResultShape("accumulateInto", into, shape);
  checkDisjoint("accumulateInto", into, [grad, indices]);
  operations.accumulate(into, grad, indices, g, encoder);
  return accumulateInto as T;
}

/**
 * Where a scatter writes all tokens: a new tensor, `out`, or the tensor that it was asked about, which `out` may be
 * too. `others` are its other inputs, by name.
 */
function allTokens(
  { name, x, inPlace }: Asked,
  out: Tensor | undefined,
  others: Record<string, Tensor>,
): Tensor {
  const itself = out === undefined ? inPlace : sameMemory(out, x);
  if (!itself) {
    if (inPlace) wrongType("out", "no out beside inPlace", out);
    return resultTensor("out", out, x, x.shape, [x, ...Object.values(others)]);
  }
  if (out !== undefined) return resultTensor("out", out, x, x.shape, Object.values(others));
  checkResultShape(name, x, x.shape);
  for (const held in others) checkDisjoint(held, others[held], [x]);
  return x;
}

function scatterForward<T extends Tensor>(
  cpu: CPUTokens,
  allActivations: T,
  layerActivations: T,
  sortedIndices: Tensor,
  options: ScatterForwardOptions<T> = {},
): T {
  const call = asked("allActivations", allActivations, options, SCATTER_NAMES);
  const { x, batchFirst, inPlace, encoder, out } = call;
  const part = checkTensor("layerActivations", layerActivations);
  const to = checkOptional("out", out);
  const { indices, g } = checkRows(call, sortedIndices);
  checkAttached({ allActivations: x, layerActivations: part, out: to });
  checkAlongside("layerActivations", part, placeOf(x), x.dtype);
  checkSameShape("layerActivations", part, withTokens(x, g.retained, batchFirst));
  const operations = operationsOf(cpu, "allActivations", x);
  const result = allTokens(call, to, { layerActivations: part, sortedIndices: indices });
  operations.scatter(result, x, part, indices, g, encoder);
  return (out ?? (inPlace ? allActivations : result)) as T;
}

function scatterBackward<T extends Tensor>(
  cpu: CPUTokens,
  outGrad: T,
  sortedIndices: Tensor,
  options: ScatterBackwardOptions<T> = {},
): ScatterGradients<T> {
  const call = asked("outGrad", outGrad, options, SCATTER_NAMES);
  const { x: grad, batchFirst, inPlace, encoder, out = {} } = call;
  checkObject("out", out);
  const { allActivationsGrad, layerActivationsGrad, ...others } = out as Partial<ScatterGradients<T>>;
  if (Object.keys(others).length > 0) {
    wrongType("out", "an object of allActivationsGrad, layerActivationsGrad or both", others);
  }
  const toAll = checkOptional("out", allActivationsGrad);
  const toPart = checkOptional("out", layerActivationsGrad);
  const { indices, g } = checkRows(call, sortedIndices);
  checkAttached({ outGrad: grad });
  checkAttached({ out: toAll });
  checkAttached({ out: toPart });
  const operations = operationsOf(cpu, "outGrad", grad);
  const all = allTokens(call, toAll, { sortedIndices: indices });
  const part = resultTensor("out", toPart, grad, withTokens(grad, g.retained, batchFirst), [grad, indices]);
  if (overlap(all, part)) wrongValue("out", "two tensors that share no memory", part, "overlapping memory");
  operations.gather(part, grad, indices, g, encoder); // before its rows are zeroed, in place
  operations.zeroRows(all, grad, indices, g, encoder);
  return {
    allActivationsGrad: allActivationsGrad ?? ((inPlace ? outGrad : all) as T),
    layerActivationsGrad: layerActivationsGrad ?? (part as T),
  };
}

/**
 * Takes the retained tokens out of the hidden states, and its exact gradient.
 * The counterpart of DeepSpeed's `GatherTokens` (`runtime/data_pipeline/data_routing/basic_layer.py` and
 * `ops/random_ltd/dropping_utils.py`); random-LTD paper, section 3.
 */
export interface GatherOperations<Any extends Tensor = Tensor> {
  /**
   * `out[b,k,:] = activations[b, sortedIndices[b,k], :]`: the retained tokens, in order. Bits are moved, not numbers,
   * so every dtype comes through exactly.
   *
   * @param activations `[B,S,C]`, any trailing dimensions, any dtype; `[S,B,C]` with `batchFirst: false`.
   * @param sortedIndices int32 `[B,K]`, each row ascending and distinct, from 0 to S - 1.
   * @param options See {@link GatherForwardOptions}.
   * @returns `[B,K,C]` (or `[K,B,C]`), of the dtype and in the memory of `activations`.
   * @throws TypeError, RangeError where an argument is of the wrong kind or doesn't fit; nothing is written then.
   * @example
   * const retained = GatherTokens.forward(hidden, indices);
   */
  forward<T extends Any>(activations: T, sortedIndices: IndexTensor, options?: GatherForwardOptions<T>): T;
  /**
   * The gradient with respect to `activations`: zeros, with the K rows put in, or the K rows added to `accumulateInto`.
   *
   * @param retainedGrad `[B,K,C]` (or `[K,B,C]`), the gradient of the gathered tokens.
   * @param sortedIndices int32 `[B,K]`, as in the forward call.
   * @param options `seqLength` is required; see {@link GatherBackwardOptions}.
   * @returns `[B,S,C]` (or `[S,B,C]`).
   * @throws TypeError, RangeError where an argument is of the wrong kind or doesn't fit; nothing is written then.
   * @example
   * const hiddenGrad = GatherTokens.backward(retainedGrad, indices, { seqLength: 2048 });
   */
  backward<T extends Any>(retainedGrad: T, sortedIndices: IndexTensor, options: GatherBackwardOptions<T>): T;
}

/** `GatherTokens` for an entry. `cpu` moves tensors in CPU memory, or refuses them. */
export function gatherTokensOn<Any extends Tensor>(cpu: CPUTokens): GatherOperations<Any> {
  return {
    forward: (activations, sortedIndices, options) => gatherForward(cpu, activations, sortedIndices, options),
    backward: (retainedGrad, sortedIndices, options) =>
      gatherBackward(cpu, retainedGrad, sortedIndices, options),
  };
}

/**
 * Puts the tokens that a layer worked on back among the rest, and its exact gradient.
 * The counterpart of DeepSpeed's `ScatterTokens` (`runtime/data_pipeline/data_routing/basic_layer.py` and
 * `ops/random_ltd/dropping_utils.py`); random-LTD paper, section 3.
 */
export interface ScatterOperations<Any extends Tensor = Tensor> {
  /**
   * `allActivations` with rows `sortedIndices[b,:]` replaced by `layerActivations[b,:]`.
   *
   * @param allActivations `[B,S,C]` (or `[S,B,C]`), any trailing dimensions, any dtype.
   * @param layerActivations `[B,K,C]` (or `[K,B,C]`), of the same dtype.
   * @param sortedIndices int32 `[B,K]`, each row ascending and distinct, from 0 to S - 1.
   * @param options `inPlace` moves only the K rows; see {@link ScatterForwardOptions}.
   * @returns `[B,S,C]` (or `[S,B,C]`); `allActivations` itself with `inPlace`.
   * @throws TypeError, RangeError where an argument is of the wrong kind or doesn't fit; nothing is written then.
   * @example
   * const hiddenAfter = ScatterTokens.forward(hidden, layerOutput, indices);
   */
  forward<T extends Any>(
    allActivations: T,
    layerActivations: T,
    sortedIndices: IndexTensor,
    options?: ScatterForwardOptions<T>,
  ): T;
  /**
   * Both gradients: `outGrad` with the replaced rows zeroed, and those rows. Each is exact by itself; DeepSpeed's are
   * exact only together with those of the gather.
   *
   * @param outGrad `[B,S,C]` (or `[S,B,C]`), the gradient of the scattered result.
   * @param sortedIndices int32 `[B,K]`, as in the forward call.
   * @param options See {@link ScatterBackwardOptions}.
   * @returns `allActivationsGrad` `[B,S,C]` and `layerActivationsGrad` `[B,K,C]`.
   * @throws TypeError, RangeError where an argument is of the wrong kind or doesn't fit; nothing is written then.
   * @example
   * const { allActivationsGrad, layerActivationsGrad } = ScatterTokens.backward(outGrad, indices);
   */
  backward<T extends Any>(
    outGrad: T,
    sortedIndices: IndexTensor,
    options?: ScatterBackwardOptions<T>,
  ): ScatterGradients<T>;
}

/** `ScatterTokens` for an entry. `cpu` moves tensors in CPU memory, or refuses them. */
export function scatterTokensOn<Any extends Tensor>(cpu: CPUTokens): ScatterOperations<Any> {
  return {
    forward: (allActivations, layerActivations, sortedIndices, options) =>
      scatterForward(cpu, allActivations, layerActivations, sortedIndices, options),
    backward: (outGrad, sortedIndices, options) => scatterBackward(cpu, outGrad, sortedIndices, options),
  };
}

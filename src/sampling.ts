import { checkAttached, checkEncoder, checkOptional } from "./arguments.ts";
import { samplingBackend } from "./backends/cpu.ts";
import {
  checkBoolean,
  checkChoice,
  checkInteger,
  checkOptions,
  checkSeed,
  MAX,
  wrongValue,
} from "./check.ts";
import { checkMask, checkSliceable, gatherChecked, sliceChecked } from "./masks.ts";
import type { GPUCommandEncoder } from "./platform.ts";
import {
  bytesOf,
  checkCPUTensor,
  checkDType,
  checkSameShape,
  isGPUTensor,
  settled,
  zeros,
} from "./tensor.ts";
import type { CPUMasks, CPUTensor, SampleRequest, Tensor } from "./types.ts";

/** The longest sequence that can be sampled: its three bitmaps, 12 MiB, fit into the WASM core's 16 MiB. */
export const MAX_SEQ_LENGTH: number = 2 ** 25;

/** How many rows, and how many layers, the sampling rule tells apart. */
const COUNTED = MAX.uint32 + 1;

/** What {@link bertSampleTokens} takes. */
export interface SampleOptions {
  /** K, how many tokens a row retains: 1 to S. */
  reservedLength: number;
  /** S, the sequence length: 1 to 2^25. */
  seqLength: number;
  /** B, the rows of this call. */
  batchSize: number;
  /** L, the random-LTD layers asked for at once. Default 1. */
  layers?: number | undefined;
  /** An unsigned 64-bit number: a safe integer or a bigint. */
  seed: number | bigint;
  /** The training step, unsigned 32-bit. Default 0. */
  step?: number | undefined;
  /** The first row's number in the global batch, unsigned 32-bit. Default 0. */
  batchOffset?: number | undefined;
  /** The first layer's ordinal among the random-LTD layers, unsigned 32-bit. Default 0. */
  layerOffset?: number | undefined;
  /** Positions below this are always retained: 0 to K, with `raiseToKept` to S. Default 0. */
  keepPrefix?: number | undefined;
  /** Where a row forces more tokens than K, K is raised to the most of any row; without this it is a RangeError. */
  raiseToKept?: boolean | undefined;
  /** uint8 `[B,S]` on the CPU, 1 where a token is always retained. */
  keepMask?: CPUTensor | undefined;
  /** uint8 `[B,S]` on the CPU, 1 at a real token and 0 at padding, which is retained only when nothing else is left. */
  paddingMask?: CPUTensor | undefined;
  /** The attention mask of the full sequence, `[B,H,S,S]` or `[B,H,1,S]`, batch 1 serving every row. */
  attnMask?: Tensor | undefined;
  /** With a GPU mask only: its commands are recorded here, for the caller to submit, instead of submitted. */
  encoder?: GPUCommandEncoder | undefined;
}

/** How {@link gptSampleTokens} makes the mask among the retained tokens. */
export type MaskMode = "slice" | "gather" | "slice-unchecked";

/** What {@link gptSampleTokens} takes. */
export interface GPTSampleOptions extends SampleOptions {
  /**
   * "slice" (the default): the top-left `K x K`, refused for a CPU mask for which that is wrong.
   * "gather": rows and columns at the retained positions, right for every mask.
   * "slice-unchecked": the top-left `K x K` whatever the mask holds, as DeepSpeed does.
   * The values of a GPU mask can't be checked. It has no default, and with "slice" its corner is taken unchecked.
   */
  maskMode?: MaskMode | undefined;
}

/** What the sampling functions return. */
export interface SampledTokens<N extends Tensor | null = Tensor | null> {
  /** int32 `[L,B,K]`, ascending along K, on the CPU. */
  sampledIndices: CPUTensor<Int32Array>;
  /** The attention mask among the retained tokens, where `attnMask` lives; null without one. */
  newMask: N;
}

const NAMES = [
  ...["reservedLength", "seqLength", "batchSize", "layers", "seed", "step", "batchOffset", "layerOffset"],
  ...["keepPrefix", "raiseToKept", "keepMask", "paddingMask", "attnMask", "encoder"],
];
const GPT_NAMES = [...NAMES, "maskMode"];

/** A checked request, and the checked mask if there is one. Everything is read once before anything is checked. */
function checkSampling(options: GPTSampleOptions, names: readonly string[]) {
  checkOptions(options, names);
  const { seqLength, reservedLength: given, batchSize, layers = 1, seed: wanted, step = 0 } = options;
  const { batchOffset = 0, layerOffset = 0, keepPrefix = 0, raiseToKept = false } = options;
  const { keepMask, paddingMask, attnMask, encoder, maskMode } = options;
  checkInteger("seqLength", seqLength, 1, MAX_SEQ_LENGTH);
  checkInteger("reservedLength", given, 1, seqLength);
  checkInteger("batchSize", batchSize, 1, COUNTED);
  checkInteger("layers", layers, 1, COUNTED);
  checkInteger("step", step, 0, MAX.uint32);
  checkInteger("batchOffset", batchOffset, 0, COUNTED - batchSize);
  checkInteger("layerOffset", layerOffset, 0, COUNTED - layers);
  checkBoolean("raiseToKept", raiseToKept);
  checkInteger("keepPrefix", keepPrefix, 0, raiseToKept ? seqLength : given);
  const seed = checkSeed("seed", wanted);
  const attn = attnMask === undefined ? undefined : checkAttnMask(attnMask, batchSize, seqLength);
  checkEncoder(encoder, attn?.mask);
  const masks = {
    attnMask: attn?.mask,
    keepMask: checkOptional("keepMask", keepMask),
    paddingMask: checkOptional("paddingMask", paddingMask),
  };
  checkAttached(masks);
  const forced = checkTokenMask("keepMask", masks.keepMask, batchSize, seqLength);
  const real = checkTokenMask("paddingMask", masks.paddingMask, batchSize, seqLength);
  const most = raiseToKept ? mostForced(keepPrefix, forced, batchSize, seqLength) : 0;
  const reservedLength = Math.max(given, most);
  const rows = Math.floor(MOST_POSITIONS / reservedLength);
  checkCount("batchSize", batchSize, rows);
  checkCount("layers", layers, Math.floor(rows / batchSize));
  const request: SampleRequest = {
    layers,
    batchSize,
    seqLength,
    reservedLength,
    seed,
    step,
    layerOffset,
    batchOffset,
    keepPrefix,
    keepMask: forced,
    paddingMask: real,
  };
  return { request, attn, encoder, maskMode };
}

/** The most positions that a call may draw: 4 GiB of them. */
const MOST_POSITIONS = 2 ** 30;

/** Throws where memory could not hold what was asked for. */
function checkCount(name: string, count: number, most: number): void {
  if (count > most) wrongValue(name, `at most ${most}, for ${MOST_POSITIONS} positions in one call`, count);
}

function checkAttnMask(value: unknown, batchSize: number, seqLength: number) {
  const checked = checkMask("attnMask", value);
  const { maskBatch, seq } = checked.g;
  if (seq !== seqLength || (maskBatch !== 1 && maskBatch !== batchSize)) {
    const batch = batchSize === 1 ? "1" : `1 or ${batchSize}`;
    wrongValue("attnMask", `shape [B,H,S,S] or [B,H,1,S] with B ${batch} and S ${seqLength}`, checked.mask);
  }
  return checked;
}

/** `keepMask` or `paddingMask`. */
export function checkTokenMask(
  name: string,
  value: unknown,
  batch: number,
  seq: number,
): Uint8Array | undefined {
  if (value === undefined) return undefined;
  const mask = settled(checkCPUTensor(name, value));
  checkDType(name, mask, ["uint8"]);
  checkSameShape(name, mask, [batch, seq]);
  const bytes = bytesOf(mask);
  if (anyAboveOne(bytes)) {
    const at = bytes.findIndex((value) => value > 1);
    wrongValue(name, "values 0 or 1", bytes[at], `${bytes[at]} at [${Math.floor(at / seq)},${at % seq}]`);
  }
  return bytes;
}

/** The most forced tokens (class 0) of any row. */
export function mostForced(
  prefix: number,
  keepMask: Uint8Array | undefined,
  batch: number,
  seq: number,
): number {
  const first = Math.min(prefix, seq);
  let most = first;
  for (let b = 0; keepMask !== undefined && b < batch; b++) {
    let forced = first;
    for (let i = b * seq + first; i < (b + 1) * seq; i++) forced += keepMask[i];
    most = Math.max(most, forced);
  }
  return most;
}

/** Four bytes at a time where the data are aligned: 0.2 ns per byte; a loop over bytes takes 0.7. */
function anyAboveOne(bytes: Uint8Array): boolean {
  let seen = 0;
  let i = 0;
  if (bytes.byteOffset % 4 === 0) {
    const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
    for (let w = 0; w < words.length; w++) seen |= words[w];
    i = words.length * 4;
  }
  for (; i < bytes.length; i++) seen |= bytes[i];
  return (seen & 0xfefefefe) !== 0;
}

function draw(request: SampleRequest): CPUTensor<Int32Array> {
  const { layers, batchSize, reservedLength } = request;
  const sizedBy = layers > 1 ? "layers" : batchSize > 1 ? "batchSize" : "reservedLength";
  const shape = [layers, batchSize, reservedLength];
  const data = samplingBackend().sample(request, () => zeros(shape, "int32", sizedBy).data as Int32Array);
  // A prefix alone never exceeds K here, so the mask must force too many.
  if (typeof data === "number") {
    wrongValue(
      "keepMask",
      `at most ${reservedLength} kept tokens a row (reservedLength)`,
      data,
      `more in row ${data}`,
    );
  }
  return { data, shape, dtype: "int32" };
}

/** The positions that these options retain, int32 `[L,B,K]`, without a mask. */
export function sampleIndices(options: SampleOptions): CPUTensor<Int32Array> {
  return draw(checkSampling(options, NAMES).request);
}

/**
 * What `gptSampleTokens` of an entry is, on its tensors `Any`: `newMask` is of the type of `attnMask`, and null without
 * one.
 */
export interface GPTSampleTokens<Any extends Tensor = Tensor> {
  /**
   * Draws the tokens that each random-LTD layer of a decoder keeps, and the attention mask among them.
   *
   * Sampling rule 1: position i of layer l, row r has the key `word (i & 3) of Philox4x32-10(counter (i >> 2, r, l,
   * step), key seed)`; the K smallest by (class, key, i) are retained, where kept tokens come first and padding last.
   * Nothing else matters, so the same seed gives the same bits on every platform, in whatever order layers and rows are
   * asked for. After DeepSpeed's `gpt_sample_tokens` (`ops/random_ltd/dropping_utils.py`); random-LTD paper, section 3.
   *
   * @param options See {@link GPTSampleOptions}. `reservedLength`, `seqLength`, `batchSize` and `seed` are required.
   * @returns `sampledIndices`, int32 `[L,B,K]` ascending along K, on the CPU; `newMask`, where `attnMask` lives and of its
   *   dtype: `[B,H,K,K]`, or `[L,B,H,K,K]` with maskMode "gather" (a batch or query size of 1 stays 1 as in
   *   `maskSlice` and `maskGather`); null without `attnMask`.
   * @throws TypeError for an argument that is missing, of the wrong type, no tensor, of the wrong dtype or detached;
   *   RangeError for a wrong number, shape or content: more kept tokens than K, a mask that "slice" would get wrong.
   * @example
   * const { sampledIndices } = gptSampleTokens({ reservedLength: 256, seqLength: 1024, batchSize: 8, layers: 10, seed: 7, step });
   */
  <M extends Any>(options: GPTSampleOptions & { attnMask: M }): SampledTokens<M>;
  /** Without a mask. */
  (options: GPTSampleOptions & { attnMask?: undefined }): SampledTokens<null>;
  /** Where it shows only at run time whether there is a mask. */
  (options: GPTSampleOptions & { attnMask?: Any | undefined }): SampledTokens<Any | null>;
}

/** `gptSampleTokens` of an entry whose masks in CPU memory `cpu` cuts. */
export function gptSampleTokensOn<Any extends Tensor>(cpu: CPUMasks): GPTSampleTokens<Any> {
  const sample = (options: GPTSampleOptions): SampledTokens => {
    const { request, attn, encoder, maskMode: wanted } = checkSampling(options, GPT_NAMES);
    // The values of a GPU mask can't be read, so no default would be safe.
    const maskMode = wanted === undefined && !(attn && isGPUTensor(attn.mask)) ? "slice" : wanted;
    const mode = checkChoice<MaskMode>("maskMode", maskMode, ["slice", "gather", "slice-unchecked"]);
    const retained = request.reservedLength;
    if (attn && mode === "slice" && !isGPUTensor(attn.mask)) {
      checkSliceable(cpu, "attnMask", attn.mask, { ...attn.g, retained });
    }
    const sampledIndices = draw(request);
    if (!attn) return { sampledIndices, newMask: null };
    const newMask =
      mode === "gather"
        ? gatherChecked(cpu, "attnMask", attn.mask, sampledIndices, attn.g, undefined, encoder)
        : sliceChecked(cpu, "attnMask", attn.mask, retained, attn.g, undefined, encoder);
    return { sampledIndices, newMask };
  };
  return sample as GPTSampleTokens<Any>;
}

/**
 * What `bertSampleTokens` of an entry is, on its tensors `Any`: `newMask` is of the type of `attnMask`, and null
 * without one.
 */
export interface BertSampleTokens<Any extends Tensor = Tensor> {
  /**
   * Draws the tokens that each random-LTD layer of an encoder keeps, and the attention mask among them: the rows and
   * columns of `attnMask` at the retained positions. Sampling rule 1, as in {@link gptSampleTokens}.
   * After DeepSpeed's `bert_sample_tokens` (`ops/random_ltd/dropping_utils.py`).
   *
   * @param options See {@link SampleOptions}. `reservedLength`, `seqLength`, `batchSize` and `seed` are required.
   * @returns `sampledIndices`, int32 `[L,B,K]` ascending along K, on the CPU; `newMask` `[L,B,H,K,K]` (or `[L,B,H,1,K]` for
   *   a key-padding mask), where `attnMask` lives and of its dtype; null without one.
   * @throws TypeError for an argument that is missing, of the wrong type, no tensor, of the wrong dtype or detached;
   *   RangeError for a wrong number, shape or content, such as more kept tokens than K.
   * @example
   * const { sampledIndices, newMask } = bertSampleTokens({
   *   reservedLength: 128, seqLength: 512, batchSize: 4, layers: 10, seed: 7, step, paddingMask, attnMask,
   * });
   */
  <M extends Any>(options: SampleOptions & { attnMask: M }): SampledTokens<M>;
  /** Without a mask. */
  (options: SampleOptions & { attnMask?: undefined }): SampledTokens<null>;
  /** Where it shows only at run time whether there is a mask. */
  (options: SampleOptions & { attnMask?: Any | undefined }): SampledTokens<Any | null>;
}

/** `bertSampleTokens` of an entry whose masks in CPU memory `cpu` gathers. */
export function bertSampleTokensOn<Any extends Tensor>(cpu: CPUMasks): BertSampleTokens<Any> {
  const sample = (options: SampleOptions): SampledTokens => {
    const { request, attn, encoder } = checkSampling(options, NAMES);
    const sampledIndices = draw(request);
    const newMask = attn
      ? gatherChecked(cpu, "attnMask", attn.mask, sampledIndices, attn.g, undefined, encoder)
      : null;
    return { sampledIndices, newMask };
  };
  return sample as BertSampleTokens<Any>;
}

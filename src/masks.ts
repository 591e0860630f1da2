import { checkAttached, checkEncoder, checkOptional, resultTensor } from "./arguments.ts";
import { checkInteger, checkOptions, wrongValue } from "./check.ts";
import { checkIndices } from "./indices.ts";
import type { GPUCommandEncoder } from "./platform.ts";
import { checkTensor, elementBytes, isGPUTensor } from "./tensor.ts";
import type { CPUMasks, CPUTensor, IndexTensor, MaskGeometry, MaskOperations, Tensor } from "./types.ts";

/** Options of {@link maskGather} and {@link maskSlice}. */
export interface MaskOptions<T extends Tensor> {
  /** Written and returned instead of a new tensor. */
  out?: T | undefined;
  /** GPU tensors only: commands are recorded here, for the caller to submit, instead of submitted. */
  encoder?: GPUCommandEncoder | undefined;
}

/** The operations that run where `mask`, which the caller calls `name`, lives. */
function operationsOf(cpu: CPUMasks, name: string, mask: Tensor): MaskOperations<Tensor> {
  return (isGPUTensor(mask) ? mask.operations : cpu(name, mask)) as MaskOperations<Tensor>;
}

/** A checked mask `[B,H,S,S]` or `[B,H,1,S]`, and its geometry except K. */
export function checkMask(name: string, value: unknown): { mask: Tensor; g: Omit<MaskGeometry, "retained"> } {
  const mask = checkTensor(name, value);
  const [maskBatch, heads, query, seq] = mask.shape;
  if (mask.shape.length !== 4 || (query !== 1 && query !== seq)) {
    wrongValue(name, "shape [B,H,S,S] or [B,H,1,S]", mask);
  }
  return { mask, g: { maskBatch, heads, query, seq, elementBytes: elementBytes(mask.dtype) } };
}

/** The mask's rows and columns at the retained positions; arguments are checked. */
export function gatherChecked(
  cpu: CPUMasks,
  name: string,
  mask: Tensor,
  indices: Tensor,
  base: Omit<MaskGeometry, "retained">,
  out: Tensor | undefined,
  encoder: GPUCommandEncoder | undefined,
): Tensor {
  const [retained, batch, layers = 1] = [...indices.shape].reverse();
  const shape = [...indices.shape.slice(0, -1), base.heads, base.query === 1 ? 1 : retained, retained];
  const operations = operationsOf(cpu, name, mask);
  const result = resultTensor("out", out, mask, shape, [mask, indices], name);
  operations.maskGather(result, mask, indices, { ...base, retained, layers, batch }, encoder);
  return result;
}

/** The mask's top-left corner; arguments are checked. */
export function sliceChecked(
  cpu: CPUMasks,
  name: string,
  mask: Tensor,
  retained: number,
  base: Omit<MaskGeometry, "retained">,
  out: Tensor | undefined,
  encoder: GPUCommandEncoder | undefined,
): Tensor {
  const shape = [base.maskBatch, base.heads, base.query === 1 ? 1 : retained, retained];
  const operations = operationsOf(cpu, name, mask);
  const result = resultTensor("out", out, mask, shape, [mask]);
  operations.maskSlice(result, mask, { ...base, retained }, encoder);
  return result;
}

/** The first entry of a CPU mask for which the corner is wrong, or -1. */
function notBySign(cpu: CPUMasks, name: string, mask: CPUTensor, g: MaskGeometry): number {
  return g.retained === g.seq ? -1 : cpu(name, mask).firstNotBySign(mask, g);
}

/** Whether {@link checkSliceable} would throw nothing. */
export function isSliceable(cpu: CPUMasks, name: string, mask: CPUTensor, g: MaskGeometry): boolean {
  return notBySign(cpu, name, mask, g) < 0;
}

/**
 * Throws unless the top-left K x K of a CPU mask is what gathering would give, whatever the positions: every entry
 * depends only on the sign of j - i, or nothing is dropped.
 */
export function checkSliceable(cpu: CPUMasks, name: string, mask: CPUTensor, g: MaskGeometry): void {
  const place = notBySign(cpu, name, mask, g);
  if (place < 0) return;
  const [j, i] = [place % g.seq, Math.floor(place / g.seq) % g.query];
  const bh = Math.floor(place / (g.seq * g.query));
  wrongValue(
    name,
    'entries that depend only on the sign of j - i, alike in all rows and heads, with maskMode "slice" ' +
      '("gather" is right for every mask, "slice-unchecked" takes the corner regardless)',
    mask,
    `another entry at [${Math.floor(bh / g.heads)},${bh % g.heads},${i},${j}]`,
  );
}

/** What `maskGather` of an entry is, on its tensors `Any`. */
export interface MaskGather<Any extends Tensor = Tensor> {
  /**
   * The attention mask among the retained tokens: `out[l,b,h,i,j] = mask[b,h,idx[l,b,i],idx[l,b,j]]`.
   * Right for padding, packing, ALiBi and windows. `[L,B,H,K,K]` grows fast: one layer at a time, with `[B,K]`
   * indices, takes an L-th of the memory. DeepSpeed's `bert_sample_tokens` (`ops/random_ltd/dropping_utils.py`)
   * builds the same.
   *
   * @param mask `[B,H,S,S]`, any dtype. A batch of 1 serves every row; a key-padding mask `[B,H,1,S]` keeps query size 1.
   * @param sortedIndices int32 `[L,B,K]` or `[B,K]`, each row ascending and distinct, from 0 to S - 1.
   * @param options See {@link MaskOptions}.
   * @returns `[L,B,H,K,K]` for `[L,B,K]`, `[B,H,K,K]` for `[B,K]`, of the dtype and in the memory of `mask`.
   * @throws TypeError, RangeError where an argument is of the wrong kind or doesn't fit; nothing is written then.
   * @example
   * const layerMask = maskGather(attnMask, layerOf(sampledIndices, 0));
   */
  <T extends Any>(mask: T, sortedIndices: IndexTensor, options?: MaskOptions<T>): T;
}

/** `maskGather` of an entry whose masks in CPU memory `cpu` gathers. */
export function maskGatherOn<Any extends Tensor>(cpu: CPUMasks): MaskGather<Any> {
  return <T extends Any>(mask: T, sortedIndices: IndexTensor, options: MaskOptions<T> = {}) => {
    checkOptions(options, ["out", "encoder"]);
    const { out, encoder } = options;
    const { mask: m, g } = checkMask("mask", mask);
    checkEncoder(encoder, m);
    const to = checkOptional("out", out);
    const batch = g.maskBatch === 1 ? undefined : g.maskBatch;
    const indices = checkIndices("sortedIndices", sortedIndices, m, batch, g.seq, [3, 2]);
    checkAttached({ mask: m, out: to });
    const result = gatherChecked(cpu, "mask", m, indices, g, to, encoder);
    return (out ?? result) as T;
  };
}

/** What `maskSlice` of an entry is, on its tensors `Any`. */
export interface MaskSlice<Any extends Tensor = Tensor> {
  /**
   * The top-left `K x K` of an attention mask, which is the mask among any K retained tokens where every entry depends
   * only on the sign of j - i (a plain causal mask). That is not checked here, but in `gptSampleTokens`.
   * DeepSpeed's `gpt_sample_tokens` (`ops/random_ltd/dropping_utils.py`) takes the same corner.
   *
   * @param mask `[B,H,S,S]`, any dtype; `[B,H,1,S]` keeps its query size of 1.
   * @param reservedLength K, from 1 to S.
   * @param options See {@link MaskOptions}.
   * @returns `[B,H,K,K]`, of the dtype and in the memory of `mask`.
   * @throws TypeError, RangeError where an argument is of the wrong kind or doesn't fit; nothing is written then.
   * @example
   * const causal = maskSlice(attnMask, 256);
   */
  <T extends Any>(mask: T, reservedLength: number, options?: MaskOptions<T>): T;
}

/** `maskSlice` of an entry whose masks in CPU memory `cpu` slices. */
export function maskSliceOn<Any extends Tensor>(cpu: CPUMasks): MaskSlice<Any> {
  return <T extends Any>(mask: T, reservedLength: number, options: MaskOptions<T> = {}) => {
    checkOptions(options, ["out", "encoder"]);
    const { out, encoder } = options;
    const { mask: m, g } = checkMask("mask", mask);
    checkEncoder(encoder, m);
    const retained = checkInteger("reservedLength", reservedLength, 1, g.seq);
    const to = checkOptional("out", out);
    checkAttached({ mask: m });
    const result = sliceChecked(cpu, "mask", m, retained, g, to, encoder);
    return (out ?? result) as T;
  };
}

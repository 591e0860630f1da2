/**
 * What runs on the CPU: the WASM core, or the plain reference where WebAssembly is forbidden or lacks SIMD. In the entry
 * random-ltd/webgpu cpu-sampling-only.ts stands in this file's place.
 */

import { wrongValue } from "../check.ts";
import type {
  CPUMaskOperations,
  CPUTensor,
  MaskGeometry,
  SamplingBackend,
  SortingBackend,
  TokenOperations,
} from "../types.ts";
import { cpuBackend } from "./cpu-backend.ts";
import { referenceMasks } from "./reference/masks.ts";
import { referenceSampling } from "./reference/sampling.ts";
import { referenceSorting } from "./reference/sort.ts";
import { referenceTokens } from "./reference/tokens.ts";
import { wasmMasks } from "./wasm/masks.ts";
import { wasmSampling } from "./wasm/sampling.ts";
import { wasmSorting } from "./wasm/sort.ts";
import { wasmTokens } from "./wasm/tokens.ts";

/** Sampling, where this runtime does it. */
export function samplingBackend(): SamplingBackend {
  return cpuBackend() === "wasm" ? wasmSampling : referenceSampling;
}

/** Sorting, where this runtime does it. */
export function sortingBackend(): SortingBackend {
  return cpuBackend() === "wasm" ? wasmSorting : referenceSorting;
}

/**
 * Masks, where this runtime does them.
 * @param _name What the caller's argument is called, for an entry that has to refuse it.
 */
export function maskBackend(_name: string, _mask: CPUTensor): CPUMaskOperations {
  return cpuBackend() === "wasm" ? wasmMasks : referenceMasks;
}

/**
 * Throws unless the top-left K x K of a CPU mask is what gathering would give, whatever the positions: every entry
 * depends only on the sign of j - i, or nothing is dropped. Here, as an entry that refuses every CPU mask needs none of it.
 */
export function checkSliceable(name: string, mask: CPUTensor, g: MaskGeometry): void {
  const place = notBySign(name, mask, g);
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

/** The first entry for which the corner is wrong, or -1. */
function notBySign(name: string, mask: CPUTensor, g: MaskGeometry): number {
  return g.retained === g.seq ? -1 : maskBackend(name, mask).firstNotBySign(mask, g);
}

/** Whether {@link checkSliceable} would throw nothing. */
export function isSliceable(name: string, mask: CPUTensor, g: MaskGeometry): boolean {
  return notBySign(name, mask, g) < 0;
}

/** Rows of tokens, where this runtime does them; the argument's name as for masks. */
export function tokenBackend(_name: string, _states: CPUTensor): TokenOperations<CPUTensor> {
  return cpuBackend() === "wasm" ? wasmTokens : referenceTokens;
}

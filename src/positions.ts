/** What is made from sampled positions: the tokens of whole groups, and a mask of the retained ones. */
import { checkInteger, MAX, wrongValue } from "./check.ts";
import { checkIndices } from "./indices.ts";
import { checkCPUTensor, checkDType, zeros } from "./tensor.ts";
import type { CPUTensor } from "./types.ts";

/**
 * The tokens of sampled groups: blocks of an image, tubes through a video, whole frames. Sample groups as you would
 * sample tokens, with `seqLength: G`, and use the positions that this returns in place of sampled indices.
 *
 * @param sampledGroups int32 `[B,K]` or `[L,B,K]` on the CPU, each row ascending, of groups from 0 to G - 1.
 * @param groups int32 `[S]`, or `[B,S]` for rows that differ, on the CPU: the group of each position, from 0 to G - 1.
 *   All groups have one size m, so S is G times m.
 * @returns int32 `[B,K * m]` or `[L,B,K * m]` on the CPU, each row ascending.
 * @throws TypeError where an argument is no int32 CPU tensor; RangeError where groups differ in size or a sampled group
 *   is out of range or repeated.
 * @example
 * const { sampledIndices } = bertSampleTokens({ reservedLength: 2, seqLength: 4, batchSize: 8, seed: 7, step });
 * const frames = tensor(Int32Array.from({ length: 64 }, (_, i) => i >> 4), [64]); // 4 frames of 16 tokens
 * const indices = tokensOfGroups(sampledIndices, frames); // [1,8,32]
 */
export function tokensOfGroups(sampledGroups: CPUTensor, groups: CPUTensor): CPUTensor<Int32Array> {
  const table = checkCPUTensor("groups", groups);
  checkDType("groups", table, ["int32"]);
  const { shape } = table;
  if (shape.length !== 1 && shape.length !== 2) wrongValue("groups", "shape [S] or [B,S]", table);
  const seq = shape[shape.length - 1];
  const count = countGroups(table.data as Int32Array, seq);
  const batch = shape.length === 2 ? shape[0] : undefined;
  const sampled = checkIndices("sampledGroups", sampledGroups, table, batch, count, [2, 3]) as CPUTensor;

  const drawn = sampled.shape[sampled.shape.length - 1];
  const rows = sampled.data.length / drawn;
  const tokens = drawn * (seq / count);
  const out = zeros(
    [...sampled.shape.slice(0, -1), tokens],
    "int32",
    "sampledGroups",
  ) as CPUTensor<Int32Array>;
  const isDrawn = new Uint8Array(count);
  let at = 0;
  for (let row = 0; row < rows; row++) {
    isDrawn.fill(0);
    for (let k = row * drawn; k < (row + 1) * drawn; k++) isDrawn[sampled.data[k]] = 1;
    const first = batch === undefined ? 0 : (row % batch) * seq;
    for (let i = 0; i < seq; i++) if (isDrawn[table.data[first + i]] === 1) out.data[at++] = i;
  }
  return out;
}

/** G, if every row of `groups` has each group from 0 to G - 1 equally often. */
function countGroups(groups: Int32Array, seq: number): number {
  const count = groups.subarray(0, seq).reduce((most, group) => Math.max(most, group), 0) + 1;
  const size = seq / count;
  const expected = () => `groups from 0 on, alike in size, over ${seq} positions`;
  if (!Number.isInteger(size)) wrongValue("groups", expected(), groups, `${count} groups`);
  const sizes = new Int32Array(count);
  for (let first = 0; first < groups.length; first += seq) {
    sizes.fill(0);
    for (let i = first; i < first + seq; i++) {
      // Sizes add up to S, so they are equal if none is exceeded.
      if (groups[i] < 0 || groups[i] >= count || ++sizes[groups[i]] > size) {
        const where = `${groups[i]} at ${i - first}${groups.length > seq ? ` in row ${first / seq}` : ""}`;
        wrongValue("groups", `${expected()}, ${count} of ${size}`, groups, where);
      }
    }
  }
  return count;
}

/**
 * A mask of the retained positions, for a loss over only the dropped or only the retained tokens, or for a picture.
 *
 * @param sortedIndices int32 `[B,K]` or `[L,B,K]` on the CPU, each row ascending.
 * @param seqLength S, from K to 2^31 - 1.
 * @returns uint8 `[B,S]` or `[L,B,S]` on the CPU, 1 where a position is retained.
 * @throws TypeError where `sortedIndices` is no int32 CPU tensor; RangeError where a position is out of range, or a row
 *   is not ascending.
 * @example
 * const mask = retainedMask(layerOf(sampledIndices, 0), 1024); // uint8 [B,1024]
 */
export function retainedMask(sortedIndices: CPUTensor, seqLength: number): CPUTensor<Uint8Array> {
  const t = checkCPUTensor("sortedIndices", sortedIndices);
  checkDType("sortedIndices", t, ["int32"]);
  const retained = t.shape.length > 1 ? t.shape[t.shape.length - 1] : 1;
  checkInteger("seqLength", seqLength, retained, MAX.int32);
  checkIndices("sortedIndices", t, t, undefined, seqLength, [2, 3]);
  const mask = zeros([...t.shape.slice(0, -1), seqLength], "uint8", "seqLength") as CPUTensor<Uint8Array>;
  for (let i = 0; i < t.data.length; i++) mask.data[Math.floor(i / retained) * seqLength + t.data[i]] = 1;
  return mask;
}

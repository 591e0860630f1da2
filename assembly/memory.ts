/**
 * Where everything lies. The core allocates nothing: these regions are scratch, dead between calls from outside.
 *
 *   PLANS       u8  [STAGE]          what masks and rows of tokens plan; or, of a few tokens,
 *     CANDIDATES      u32 [CANDIDATES_MAX] positions
 *     CANDIDATE_BINS  i8  [CANDIDATES_MAX] bins, and 64 more
 *     RANKS           u64 [RANKS_MAX]      key << 32 | position
 *   IN, OUT     u8  [STAGE]          what the host puts in and takes out, OUT with room to overshoot
 *   SELECTED, ALWAYS, CONTESTED      bitmaps of S bits, one after another; bit i & 7 of byte i >> 3 is position i
 *   bins        i8  [TILE] or [S]    bins of the keys of one tile of tokens, see philox.ts
 */

/** Tokens whose bins are held at once. 2^17 bins stay in a 512 KiB L2 cache beside the bitmaps. */
export const TILE: i32 = 1 << 17;
export const CANDIDATES_MAX: i32 = 1 << 16;
/** The most tokens of one bin that are put into order; usually they are a few, at S = 2^25 about a thousand. */
export const RANKS_MAX: i32 = 1 << 12;
export const STAGE: usize = 1 << 19;

export const PLANS: usize = (__heap_base + 63) & ~63;
export const CANDIDATES: usize = PLANS;
export const CANDIDATE_BINS: usize = CANDIDATES + <usize>CANDIDATES_MAX * 4;
export const RANKS: usize = CANDIDATE_BINS + <usize>CANDIDATES_MAX + 64;
export const IN: usize = PLANS + STAGE;
export const OUT: usize = IN + STAGE + 64;
export const BITMAPS: usize = OUT + STAGE + 64;

/** Bytes of one bitmap of `length` bits, whole 64-byte lines. */
// @ts-ignore: decorator
@inline
export function bitmapBytes(length: i32): usize {
  return ((<usize>length + 511) / 512) * 64;
}

/** Grows the memory until it holds `end` bytes. False where it can't. */
export function ensure(end: usize): bool {
  const pages = <i32>((end + 0xffff) >> 16) - memory.size();
  return pages <= 0 || memory.grow(pages) >= 0;
}

/**
 * Where everything lies. The core allocates nothing: these regions are scratch, dead between calls from outside.
 *
 *   KEYS        u32 [TILE]          random keys of one tile of tokens, in the order of philox.ts
 *   CANDIDATES  u64 [CANDIDATES_MAX] rank = key << 32 | position
 *   IN, OUT     u8  [STAGE]         what the host puts in and takes out, OUT with room to overshoot
 *   SELECTED, ALWAYS, CONTESTED     bitmaps of S bits, one after another; bit i & 7 of byte i >> 3 is position i
 */

/** Tokens whose keys are held at once. 2^16 keys stay in a 1 MiB L2 cache beside the bitmaps. */
export const TILE: i32 = 1 << 16;
export const CANDIDATES_MAX: i32 = 1 << 16;
export const STAGE: usize = 1 << 19;

export const KEYS: usize = (__heap_base + 63) & ~63;
export const CANDIDATES: usize = KEYS + <usize>TILE * 4;
export const IN: usize = CANDIDATES + <usize>CANDIDATES_MAX * 8;
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

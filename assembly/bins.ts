/** The bins of a tile, see philox.ts: finds the one of the K-th key, and marks the tokens in the bins before one. */
import { always, bins, classed, contested, selected } from "./classes";

/** How many keys are in bins below the one that `findBin` found, and in those up to it. */
export let under: i32 = 0;
export let upTo: i32 = 0;

/** Puts the last bin into the 64 places from `at` on, so that loops may go on beyond the end of bins. */
export function padBins(at: usize): void {
  for (let i: usize = 0; i < 64; i += 16) v128.store(at + i, i8x16.splat(127));
}

/** Gives the tokens of the tile that aren't contested the last bin, where they are never counted. */
export function exclude(first: i32, n: i32): void {
  const end = bins + <usize>n;
  padBins(end);
  if (!classed) return;
  const bits = i64x2.splat(0x8040201008040201);
  for (let at = bins, mask = contested + (first >> 3); at < end; at += 16, mask += 2) {
    const bytes = v128.load16_splat(mask);
    const spread = v128.shuffle<u8>(bytes, bytes, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1);
    const isContested = i8x16.eq(v128.and(spread, bits), bits);
    v128.store(at, v128.bitselect(v128.load(at), i8x16.splat(127), isContested));
  }
}

/** i32 [4], the sums of four bytes each. */
// @ts-ignore: decorator
@inline
function sums(bytes: v128): v128 {
  return i32x4.extadd_pairwise_i16x8_u(i16x8.extadd_pairwise_i8x16_u(bytes));
}

/**
 * The bin of the `wanted`-th smallest of the `n` keys whose bins are at `from`. Four passes find two of its bits each, with no branch
 * that depends on the keys: what can't be predicted costs more than looking at every token again.
 */
export function findBin(from: usize, n: i32, wanted: i32): i32 {
  const vWanted = i32x4.splat(wanted);
  let low = i32x4.splat(0);
  let high = i32x4.splat(i32.MAX_VALUE);
  let bin = -128;
  const end = from + <usize>n;
  for (let step = 64; step; step >>= 2) {
    const t1 = i8x16.splat(<i8>(bin + step));
    const t2 = i8x16.splat(<i8>(bin + 2 * step));
    const t3 = i8x16.splat(<i8>(bin + 3 * step));
    let counts = i32x4.splat(0);
    for (let at = from; at < end; ) {
      let n1 = i32x4.splat(0);
      let n2 = i32x4.splat(0);
      let n3 = i32x4.splat(0);
      // A byte can count to 255.
      for (const stop = min(end, at + 32 * 127); at < stop; at += 32) {
        const a = v128.load(at);
        const b = v128.load(at, 16);
        n1 = i8x16.sub(i8x16.sub(n1, i8x16.lt_s(a, t1)), i8x16.lt_s(b, t1));
        n2 = i8x16.sub(i8x16.sub(n2, i8x16.lt_s(a, t2)), i8x16.lt_s(b, t2));
        n3 = i8x16.sub(i8x16.sub(n3, i8x16.lt_s(a, t3)), i8x16.lt_s(b, t3));
      }
      // Lanes 1, 2 and 3 get the sums of n1, n2 and n3; lane 0 another one of n1.
      const s11 = i16x8.narrow_i32x4_s(sums(n1), sums(n1));
      const s23 = i16x8.narrow_i32x4_s(sums(n2), sums(n3));
      const halves = i16x8.narrow_i32x4_s(i32x4.extadd_pairwise_i16x8_u(s11), i32x4.extadd_pairwise_i16x8_u(s23));
      counts = i32x4.add(counts, i32x4.extadd_pairwise_i16x8_u(halves));
    }
    const less = i32x4.lt_s(counts, vWanted);
    low = i32x4.max_s(low, v128.and(counts, less));
    high = i32x4.min_u(high, v128.or(counts, less)); // -1 where less
    bin += popcnt(i32x4.bitmask(less) & 14) * step;
  }
  under = max(max(i32x4.extract_lane(low, 1), i32x4.extract_lane(low, 2)), i32x4.extract_lane(low, 3));
  upTo = min(min(i32x4.extract_lane(high, 1), i32x4.extract_lane(high, 2)), i32x4.extract_lane(high, 3));
  return bin;
}

// @ts-ignore: decorator
@inline
function marks(at: usize, bin: v128): u32 {
  return i8x16.bitmask(i8x16.lt_s(v128.load(at), bin)) | (i8x16.bitmask(i8x16.lt_s(v128.load(at, 16), bin)) << 16);
}

/** SELECTED of the tile = the tokens in bins below `bin`, whose number is returned, and those retained in any case. */
export function mark(first: i32, n: i32, bin: i32): i32 {
  const vBin = i8x16.splat(<i8>bin);
  let count = 0;
  for (let i = 0; i < n; i += 64) {
    const at = bins + <usize>i;
    const marked = <u64>marks(at, vBin) | ((<u64>marks(at + 32, vBin)) << 32);
    count += <i32>popcnt(marked);
    const p = (first + i) >> 3;
    store<u64>(selected + p, classed ? marked | load<u64>(always + p) : marked);
  }
  return count;
}

/**
 * Philox4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011), four counters
 * to a vector and two vectors at a time, for counters (block, row, layerOrdinal, step).
 *
 * Keys of 16 tokens lie as four vectors: lane q of vector j is the key of token 4q + j.
 */

const M0: u32 = 0xd2511f53;
const M1: u32 = 0xcd9e8d57;
const W0: u32 = 0x9e3779b9; // the golden ratio
const W1: u32 = 0xbb67ae85; // sqrt(3) - 1

/** v128 [10][2]: the two key words of each round, in every lane. */
const ROUND_KEYS: usize = memory.data(320, 16);

let step: u32 = 0;

/** Sets the seed's words and the training step. */
export function setSeed(low: u32, high: u32, at: u32): void {
  step = at;
  for (let round: usize = 0; round < 10; ++round) {
    v128.store(ROUND_KEYS + (round << 5), i32x4.splat(low + W0 * <u32>round));
    v128.store(ROUND_KEYS + (round << 5), i32x4.splat(high + W1 * <u32>round), 16);
  }
}

// @ts-ignore: decorator
@inline
function key0(round: usize): v128 {
  return v128.load(ROUND_KEYS + (round << 5));
}

// @ts-ignore: decorator
@inline
function key1(round: usize): v128 {
  return v128.load(ROUND_KEYS + (round << 5), 16);
}

/** High words of the products. */
// @ts-ignore: decorator
@inline
function high(a: v128, m: v128): v128 {
  return v128.shuffle<u32>(i64x2.extmul_low_i32x4_u(a, m), i64x2.extmul_high_i32x4_u(a, m), 1, 3, 5, 7);
}

/** Bits 4q + j = lane q of mask j. */
// @ts-ignore: decorator
@inline
function bits(m0: v128, m1: v128, m2: v128, m3: v128): i32 {
  const bytes = i8x16.narrow_i16x8_s(i16x8.narrow_i32x4_s(m0, m1), i16x8.narrow_i32x4_s(m2, m3));
  return i8x16.bitmask(v128.shuffle<u8>(bytes, bytes, 0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
}

/** Lanes where key <= last, unsigned. */
// @ts-ignore: decorator
@inline
function atMost(key: v128, last: v128): v128 {
  return i32x4.eq(i32x4.min_u(key, last), key);
}

/**
 * Makes the keys of `groups` times 32 tokens from counter block `block` on.
 *
 * @param keys Gets the keys, 128 bytes a group.
 * @param bitmap Gets bit 1 where key <= last, 4 bytes a group.
 * @returns How many those are.
 */
export function makeKeys(block: u32, row: u32, layerOrdinal: u32, groups: i32, keys: usize, bitmap: usize, last: u32): i32 {
  return generate<Stored>(block, row, layerOrdinal, groups, keys, bitmap, last);
}

/** What is done with the keys, decided at compile time: they are stored, or (the benchmark's floor) folded into one. */
type Stored = u32;
export type Folded = u8;

// @ts-ignore: decorator
@inline
export function generate<Fate>(
  block: u32,
  row: u32,
  layerOrdinal: u32,
  groups: i32,
  keys: usize,
  bitmap: usize,
  last: u32,
): i32 {
  // The part of rounds 0 and 1 that is the same for the whole row.
  const p1: u64 = <u64>M1 * <u64>layerOrdinal;
  const c0: u32 = <u32>(p1 >> 32) ^ row ^ v128.extract_lane<u32>(key0(0), 0);
  const p0: u64 = <u64>M0 * <u64>c0;
  const x2 = i32x4.splat(step ^ v128.extract_lane<u32>(key1(0), 0));
  const x0 = i32x4.splat(<u32>p1 ^ v128.extract_lane<u32>(key0(1), 0));
  const z2 = i32x4.splat(<u32>(p0 >> 32) ^ v128.extract_lane<u32>(key1(1), 0));
  const z3 = i32x4.splat(<u32>p0);
  const m0 = i32x4.splat(M0);
  const m1 = i32x4.splat(M1);
  const limit = i32x4.splat(last);

  // Round 0 multiplies the block by M0. For consecutive blocks an addition gives the same. Blocks are below 2^30 here.
  let pa = i64x2.extmul_low_i32x4_u(i32x4.add(i32x4.splat(block), i32x4(0, 1, 2, 3)), m0);
  let pb = i64x2.add(pa, i64x2.splat(2 * <u64>M0));
  const stride = i64x2.splat(4 * <u64>M0);
  let count = 0;
  let folded = i32x4.splat(0);

  for (let end = bitmap + <usize>groups * 4; bitmap < end; bitmap += 4, keys += 128) {
    let a2 = v128.xor(v128.shuffle<u32>(pa, pb, 1, 3, 5, 7), x2);
    let a3 = v128.shuffle<u32>(pa, pb, 0, 2, 4, 6);
    pa = i64x2.add(pa, stride);
    pb = i64x2.add(pb, stride);
    let b2 = v128.xor(v128.shuffle<u32>(pa, pb, 1, 3, 5, 7), x2);
    let b3 = v128.shuffle<u32>(pa, pb, 0, 2, 4, 6);
    pa = i64x2.add(pa, stride);
    pb = i64x2.add(pb, stride);

    let a0 = v128.xor(high(a2, m1), x0);
    let b0 = v128.xor(high(b2, m1), x0);
    let a1 = i32x4.mul(a2, m1);
    let b1 = i32x4.mul(b2, m1);
    a2 = v128.xor(a3, z2);
    b2 = v128.xor(b3, z2);
    a3 = z3;
    b3 = z3;

    for (let round: usize = ROUND_KEYS + 64; round < ROUND_KEYS + 320; round += 32) {
      const k0 = v128.load(round);
      const k1 = v128.load(round, 16);
      const ah = high(a0, m0);
      const al = i32x4.mul(a0, m0);
      const bh = high(b0, m0);
      const bl = i32x4.mul(b0, m0);
      a0 = v128.xor(v128.xor(high(a2, m1), a1), k0);
      b0 = v128.xor(v128.xor(high(b2, m1), b1), k0);
      a1 = i32x4.mul(a2, m1);
      b1 = i32x4.mul(b2, m1);
      a2 = v128.xor(v128.xor(ah, a3), k1);
      b2 = v128.xor(v128.xor(bh, b3), k1);
      a3 = al;
      b3 = bl;
    }

    if (sizeof<Fate>() == sizeof<Folded>()) {
      const a = v128.xor(v128.xor(a0, a1), v128.xor(a2, a3));
      const b = v128.xor(v128.xor(b0, b1), v128.xor(b2, b3));
      folded = v128.xor(folded, v128.xor(a, b));
      continue;
    }
    v128.store(keys, a0);
    v128.store(keys, a1, 16);
    v128.store(keys, a2, 32);
    v128.store(keys, a3, 48);
    v128.store(keys, b0, 64);
    v128.store(keys, b1, 80);
    v128.store(keys, b2, 96);
    v128.store(keys, b3, 112);
    const below =
      bits(atMost(a0, limit), atMost(a1, limit), atMost(a2, limit), atMost(a3, limit)) |
      (bits(atMost(b0, limit), atMost(b1, limit), atMost(b2, limit), atMost(b3, limit)) << 16);
    store<i32>(bitmap, below);
    count += popcnt(below);
  }
  if (sizeof<Fate>() == sizeof<Folded>()) return i32(v128.any_true(folded));
  return count;
}

/**
 * For which of the 16 keys at `keys` the difference to `from` is at most `width`, unsigned and wrapping. Bit 4j + q is
 * lane q of vector j, so bits are in the order of the keys in memory.
 */
// @ts-ignore: decorator
@inline
export function inWindow(keys: usize, from: v128, width: v128): u64 {
  const w0 = atMost(i32x4.sub(v128.load(keys), from), width);
  const w1 = atMost(i32x4.sub(v128.load(keys, 16), from), width);
  const w2 = atMost(i32x4.sub(v128.load(keys, 32), from), width);
  const w3 = atMost(i32x4.sub(v128.load(keys, 48), from), width);
  return <u32>i8x16.bitmask(i8x16.narrow_i16x8_s(i16x8.narrow_i32x4_s(w0, w1), i16x8.narrow_i32x4_s(w2, w3)));
}

/** The token whose key is the `i`-th in memory. */
// @ts-ignore: decorator
@inline
export function tokenAt(i: i32): i32 {
  return (i & ~15) | ((i & 3) << 2) | ((i >> 2) & 3);
}

/** The key of token `i` of a tile. */
// @ts-ignore: decorator
@inline
export function keyOf(keys: usize, i: i32): u32 {
  return load<u32>(keys + <usize>(i & ~15) * 4 + ((i & 3) << 4) + (i & 12));
}

/**
 * Philox4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011), four counters
 * to a vector and two vectors at a time, for counters (block, row, layerOrdinal, step). Keys of 16 tokens are made as
 * four vectors: lane q of vector j is the key of token 4q + j.
 *
 * What is kept of a key is its bin, ((key >> 17) - from) >> shift or the nearest that an i8 holds, in order of position.
 * One byte a token is quicker to look through than keys are; the few keys that decide within a bin are made again.
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

/** i16 [8]: the bins of two vectors of keys, not yet cut down to an i8. */
// @ts-ignore: decorator
@inline
function wideBins(k0: v128, k1: v128, from: v128, shift: i32): v128 {
  return i16x8.shr_s(i16x8.sub(i16x8.narrow_i32x4_s(i32x4.shr_u(k0, 17), i32x4.shr_u(k1, 17)), from), shift);
}

/** i8 [16], in order of position: the bins of vectors k0 to k3 of keys. */
// @ts-ignore: decorator
@inline
function binned(k0: v128, k1: v128, k2: v128, k3: v128, from: v128, shift: i32): v128 {
  const bytes = i8x16.narrow_i16x8_s(wideBins(k0, k1, from, shift), wideBins(k2, k3, from, shift));
  return v128.shuffle<u8>(bytes, bytes, 0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
}

/**
 * Makes the bins of `groups` times 32 tokens, 32 bytes a group, from counter block `block` on.
 *
 * @param from 0 to 2^15.
 * @param shift 0 to 9.
 */
export function makeBins(
  block: u32,
  row: u32,
  layerOrdinal: u32,
  groups: i32,
  bins: usize,
  from: i32,
  shift: i32,
): void {
  generate<Binned>(block, row, layerOrdinal, groups, bins, from, shift);
}

/** The key of token `i`, alone: some 30 ns, in which `makeBins` makes 16. */
export function keyOf(i: u32, row: u32, layerOrdinal: u32): u32 {
  let c0 = i >> 2;
  let c1 = row;
  let c2 = layerOrdinal;
  let c3 = step;
  for (let round = ROUND_KEYS; round < ROUND_KEYS + 320; round += 32) {
    const p0 = <u64>c0 * <u64>M0;
    const p1 = <u64>c2 * <u64>M1;
    c0 = <u32>(p1 >> 32) ^ c1 ^ load<u32>(round);
    c1 = <u32>p1;
    c2 = <u32>(p0 >> 32) ^ c3 ^ load<u32>(round, 16);
    c3 = <u32>p0;
  }
  return i & 2 ? (i & 1 ? c3 : c2) : i & 1 ? c1 : c0;
}

/** What becomes of the keys, decided at compile time: bins; or keys, 128 bytes a group (tests); or nothing (benchmark). */
type Binned = u32;
export type Stored = u16;
export type Folded = u8;

// @ts-ignore: decorator
@inline
export function generate<Fate>(
  block: u32,
  row: u32,
  layerOrdinal: u32,
  groups: i32,
  to: usize,
  from: i32,
  shift: i32,
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
  const vFrom = i16x8.splat(<i16>from);

  // Round 0 multiplies the block by M0. For consecutive blocks an addition gives the same. Blocks are below 2^30 here.
  let pa = i64x2.extmul_low_i32x4_u(i32x4.add(i32x4.splat(block), i32x4(0, 1, 2, 3)), m0);
  let pb = i64x2.add(pa, i64x2.splat(2 * <u64>M0));
  const stride = i64x2.splat(4 * <u64>M0);
  let folded = i32x4.splat(0);

  const size: usize = sizeof<Fate>() == sizeof<Stored>() ? 128 : 32;
  for (const end = to + <usize>groups * size; to < end; to += size) {
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
    if (sizeof<Fate>() == sizeof<Stored>()) {
      v128.store(to, a0);
      v128.store(to, a1, 16);
      v128.store(to, a2, 32);
      v128.store(to, a3, 48);
      v128.store(to, b0, 64);
      v128.store(to, b1, 80);
      v128.store(to, b2, 96);
      v128.store(to, b3, 112);
      continue;
    }
    v128.store(to, binned(a0, a1, a2, a3, vFrom, shift));
    v128.store(to, binned(b0, b1, b2, b3, vFrom, shift), 16);
  }
  return i32(v128.any_true(folded));
}

/** Sorts distinct positions by marking them in a bitmap and reading it. */
import { begin, flipBit, hasBit, length, selected } from "./classes";
import { bitmapBytes } from "./memory";

/** u8 [256][8]: the places of the bits of each byte, in order. */
const PLACES: usize = memory.data(2048, 8);

function fillPlaces(): void {
  for (let byte: u32 = 0; byte < 256; ++byte) {
    let at = PLACES + (byte << 3);
    for (let rest = byte; rest; rest &= rest - 1) store<u8>(at++, <u8>ctz(rest));
  }
}
fillPlaces();

/**
 * Writes the positions in SELECTED among `n` from `first`, a multiple of 64, and up to 28 bytes more; returns the end.
 */
export function emit(first: i32, n: i32, out: usize): usize {
  const end = first + n;
  const step = i32x4.splat(8);
  for (let i = first; i < end; i += 64) {
    let word = load<u64>(selected + (i >> 3));
    let base = i32x4.splat(i);
    for (let byte = 0; byte < 8; ++byte) {
      const b = <u32>word & 255;
      const places = v128.load8x8_u(PLACES + (b << 3));
      v128.store(out, i32x4.add(i32x4.extend_low_i16x8_u(places), base));
      v128.store(out, i32x4.add(i32x4.extend_high_i16x8_u(places), base), 16);
      out += popcnt(b) << 2;
      word >>= 8;
      base = i32x4.add(base, step);
    }
  }
  return out;
}

/** Clears the bitmap of `seqLength` positions, before `mark`. */
export function clear(seqLength: i32): bool {
  const ok = begin(seqLength, 0);
  if (ok) memory.fill(selected, 0, bitmapBytes(seqLength));
  return ok;
}

/** Marks `n` positions; returns the first place that is out of range or marked already, or -1. */
export function mark(positions: usize, n: i32): i32 {
  for (let i = 0; i < n; ++i) {
    const position = load<u32>(positions + <usize>i * 4);
    if (position >= <u32>length) return i;
    if (hasBit(selected, position)) return i;
    flipBit(selected, position);
  }
  return -1;
}

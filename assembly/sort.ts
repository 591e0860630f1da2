/** Sorts distinct positions by marking them in a bitmap and reading it. */
import { begin, flipBit, hasBit, length, selected } from "./classes";
import { bitmapBytes } from "./memory";

/** u16 [256][8]: the places of the bits of each byte, in order. */
const PLACES: usize = memory.data(4096, 16);

function fillPlaces(): void {
  for (let byte: u32 = 0; byte < 256; ++byte) {
    let at = PLACES + (byte << 4);
    for (let rest = byte; rest; rest &= rest - 1) {
      store<u16>(at, <u16>ctz(rest));
      at += 2;
    };
  }
}
fillPlaces();

/**
 * Writes the positions in SELECTED among `n` from `first`, a multiple of 64, and up to 28 bytes more; returns the end.
 */
export function emit(first: i32, n: i32, out: usize): usize {
  const step = i32x4.splat(8);
  let base = i32x4.splat(first);
  const end = selected + ((first + n + 63) >> 6 << 3);
  for (let at = selected + (first >> 3); at < end; ++at) {
    const byte = <u32>load<u8>(at);
    const places = PLACES + (byte << 4);
    v128.store(out, i32x4.add(v128.load16x4_u(places), base));
    v128.store(out, i32x4.add(v128.load16x4_u(places, 8), base), 16);
    out += popcnt(byte) << 2;
    base = i32x4.add(base, step);
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

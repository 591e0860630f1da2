/**
 * The current row: its bitmaps, and the classes of its tokens (forced, plain, padding). Keys decide within a class.
 */
import { BITMAPS, TILE, bitmapBytes, ensure } from "./memory";

/**
 * u8 [S / 8, in whole lines]: the retained positions, those retained in any case, and those still to be chosen from.
 */
export const selected: usize = BITMAPS;
export let always: usize = 0;
export let contested: usize = 0;
/** i8 [min(S, TILE)], and 64 more. */
export let bins: usize = 0;
/** S. */
export let length: i32 = 0;
/** Whether ALWAYS and CONTESTED are valid. If not, every token is contested. */
export let classed: bool = false;
/** How many contested tokens are to be taken, and how many there are. */
export let need: i32 = 0;
export let pool: i32 = 0;
/**
 * How keys are binned, see philox.ts: bin 0 begins at the `guess` for the K-th key's upper 15 bits, and `reach` bins on both
 * sides of it hold five standard deviations of the number of keys below it, and six tokens more.
 */
export let shift: i32 = 0;
export let guess: i32 = 0;
export let reach: i32 = 0;
/** Class counts, while they are taken. */
let forcedCount: i32 = 0;
let paddingCount: i32 = 0;

/** Starts rows of `seqLength` tokens without classes. False where there is not enough memory. */
export function begin(seqLength: i32, reserved: i32): bool {
  length = seqLength;
  const bytes = bitmapBytes(seqLength);
  always = selected + bytes;
  contested = always + bytes;
  bins = contested + bytes;
  classed = false;
  need = reserved;
  pool = seqLength;
  forcedCount = 0;
  paddingCount = 0;
  setBins();
  return ensure(bins + <usize>min(seqLength, TILE) + 128);
}

// @ts-ignore: decorator
@inline
export function hasBit(bitmap: usize, i: u32): bool {
  return ((<u32>load<u8>(bitmap + (i >> 3)) >> (i & 7)) & 1) != 0;
}

// @ts-ignore: decorator
@inline
export function flipBit(bitmap: usize, i: u32): void {
  const at = bitmap + (i >> 3);
  store<u8>(at, <u8>(<u32>load<u8>(at) ^ ((<u32>1) << (i & 7))));
}

/** Bits 0 to 63 of those of 64 positions from `position` that lie below `end`. */
// @ts-ignore: decorator
@inline
export function below(position: i32, end: i32): u64 {
  const n = end - position;
  return n >= 64 ? ~(<u64>0) : n <= 0 ? 0 : ((<u64>1) << (<u64>n)) - 1;
}

/** Bits of 64 bytes of 0 and 1. */
function pack(bytes: usize): u64 {
  return (
    <u64>(<u32>i8x16.bitmask(i8x16.neg(v128.load(bytes)))) |
    ((<u64>(<u32>i8x16.bitmask(i8x16.neg(v128.load(bytes, 16))))) << 16) |
    ((<u64>(<u32>i8x16.bitmask(i8x16.neg(v128.load(bytes, 32))))) << 32) |
    ((<u64>(<u32>i8x16.bitmask(i8x16.neg(v128.load(bytes, 48))))) << 48)
  );
}

/**
 * Notes the classes of `n` positions from `first`, a multiple of 64: forced ones into ALWAYS, padding into CONTESTED.
 *
 * @param keep Bytes of the keep mask for those positions, or 0 where there is none.
 * @param real Bytes of the padding mask, or 0.
 * @param prefix Positions below this are forced.
 */
export function classify(first: i32, n: i32, keep: usize, real: usize, prefix: i32): void {
  for (let i = 0; i < n; i += 64) {
    const valid = below(i, n);
    let forced = below(first + i, prefix);
    if (keep) forced |= pack(keep + i);
    forced &= valid;
    const padding = real ? ~pack(real + i) & ~forced & valid : 0;
    const at = (first + i) >> 3;
    store<u64>(always + at, forced);
    store<u64>(contested + at, padding);
    forcedCount += <i32>popcnt(forced);
    paddingCount += <i32>popcnt(padding);
  }
}

/** Once all classes are noted, finds which of them is contested. False where more tokens are forced than are wanted. */
export function settleClasses(reserved: i32): bool {
  if (forcedCount > reserved) return false;
  const others = length - forcedCount - paddingCount;
  const intoPadding = reserved - forcedCount > others;
  for (let i = 0; i < length; i += 64) {
    const at = i >> 3;
    const padding = load<u64>(contested + at);
    const plain = ~(load<u64>(always + at) | padding) & below(i, length);
    if (intoPadding) store<u64>(always + at, load<u64>(always + at) | plain);
    else store<u64>(contested + at, plain);
  }
  need = reserved - forcedCount - (intoPadding ? others : 0);
  pool = intoPadding ? paddingCount : others;
  classed = true;
  setBins();
  return true;
}

/** Sets how keys are binned. */
function setBins(): void {
  const all = max(pool, 1);
  const margin = 5 * Math.sqrt((<f64>need * <f64>(all - need)) / <f64>all) + 6;
  shift = 0;
  shift = 32 - <i32>clz(min(binsOf(<i32>margin), 0x7fff) / 126);
  guess = <i32>(((<u64>need) << 15) / all);
  reach = min(126, binsOf(<i32>margin) + 1);
}

/** In how many bins `tokens` are expected. */
export function binsOf(tokens: i32): i32 {
  return <i32>(((<u64>tokens) << (15 - shift)) / max(pool, 1));
}

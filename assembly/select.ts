/**
 * The K positions of smallest rank, without sorting all of them.
 *
 * Keys are uniform, so the K-th smallest is near K / S * 2^32. One pass makes the keys and the bitmap of those up to that
 * guess, and counts them; the count misses K by about sqrt(K (1 - K / S)). The few keys next to the guess that make up for
 * the miss are then found among the stored keys, and settled by rank. Rows longer than a tile keep no keys: there the
 * candidates on both sides of the guess are taken from each tile as it passes. Where that falls short (about one row in
 * 10^5, or when keys are injected), bisection over whole passes finds the K-th key exactly.
 */
import { BITMAPS, CANDIDATES, CANDIDATES_MAX, KEYS, TILE, bitmapBytes, ensure } from "./memory";
import { inWindow, keyOf, makeKeys, tokenAt } from "./philox";

/** Bitmap addresses, and the row at hand. */
let selected: usize = BITMAPS;
let always: usize = 0;
let contested: usize = 0;
let length: i32 = 0;
let layer: u32 = 0;
let row: u32 = 0;
/** Whether ALWAYS and CONTESTED hold; else every token is contested. */
let classed: bool = false;
/** How many of the contested tokens to take, and how many there are. */
let need: i32 = 0;
let pool: i32 = 0;
/** Class counts, while they are taken. */
let keptCount: i32 = 0;
let paddingCount: i32 = 0;

let candidates: i32 = 0;

/** u32 [64], how many candidates have keys of each bin. */
const BINS: usize = memory.data(256, 16);

/** Where tests put keys of their own, u32 [S] in order of position; 0 in the shipped core, which drops the branch. */
let injected: usize = 0;
export function injectKeys(at: usize): void {
  injected = at;
}

/** Starts rows of `seqLength` tokens without classes. False where the memory does not suffice. */
export function begin(seqLength: i32, reserved: i32): bool {
  length = seqLength;
  const bytes = bitmapBytes(seqLength);
  always = selected + bytes;
  contested = always + bytes;
  classed = false;
  need = reserved;
  pool = seqLength;
  keptCount = 0;
  paddingCount = 0;
  return ensure(contested + bytes);
}

@inline
function hasBit(bitmap: usize, i: u32): bool {
  return ((<u32>load<u8>(bitmap + (i >> 3)) >> (i & 7)) & 1) != 0;
}

@inline
function flipBit(bitmap: usize, i: u32): void {
  const at = bitmap + (i >> 3);
  store<u8>(at, <u8>(<u32>load<u8>(at) ^ ((<u32>1) << (i & 7))));
}

/** Bits 0 to 63 of those of 64 positions from `position` that lie below `end`. */
@inline
function below(position: i32, end: i32): u64 {
  const n = end - position;
  return n >= 64 ? ~(<u64>0) : n <= 0 ? 0 : ((<u64>1) << (<u64>n)) - 1;
}

/** Bits of 64 bytes of 0 and 1. */
@inline
function pack(bytes: usize): u64 {
  return (
    <u64>(<u32>i8x16.bitmask(i8x16.neg(v128.load(bytes)))) |
    ((<u64>(<u32>i8x16.bitmask(i8x16.neg(v128.load(bytes, 16))))) << 16) |
    ((<u64>(<u32>i8x16.bitmask(i8x16.neg(v128.load(bytes, 32))))) << 32) |
    ((<u64>(<u32>i8x16.bitmask(i8x16.neg(v128.load(bytes, 48))))) << 48)
  );
}

/**
 * Notes the classes of `n` positions from `first`, a multiple of 64: kept ones into ALWAYS, padding into CONTESTED.
 *
 * @param keep Bytes of the keep mask for those positions, or 0 where there is none.
 * @param real Bytes of the padding mask, or 0.
 * @param prefix Positions below this are kept.
 */
export function classify(first: i32, n: i32, keep: usize, real: usize, prefix: i32): void {
  for (let i = 0; i < n; i += 64) {
    const valid = below(i, n);
    let kept = below(first + i, prefix);
    if (keep) kept |= pack(keep + i);
    kept &= valid;
    const padding = real ? ~pack(real + i) & ~kept & valid : 0;
    const at = (first + i) >> 3;
    store<u64>(always + at, kept);
    store<u64>(contested + at, padding);
    keptCount += <i32>popcnt(kept);
    paddingCount += <i32>popcnt(padding);
  }
}

/** Settles from all classes which one is contested. False where more tokens are kept than are wanted. */
export function settleClasses(reserved: i32): bool {
  if (keptCount > reserved) return false;
  const others = length - keptCount - paddingCount;
  const intoPadding = reserved - keptCount > others;
  for (let i = 0; i < length; i += 64) {
    const at = i >> 3;
    const padding = load<u64>(contested + at);
    const plain = ~(load<u64>(always + at) | padding) & below(i, length);
    if (intoPadding) store<u64>(always + at, load<u64>(always + at) | plain);
    else store<u64>(contested + at, plain);
  }
  need = reserved - keptCount - (intoPadding ? others : 0);
  pool = intoPadding ? paddingCount : others;
  classed = true;
  return true;
}

/** Makes the keys of the tile from `first` on, and at `bitmap` the bits of those up to `last`, as they come. */
@inline
function makeTile(first: i32, n: i32, bitmap: usize, last: u32): i32 {
  if (injected) return copyTile(first, n, bitmap, last);
  return makeKeys((<u32>first) >> 2, row, layer, (n + 31) >> 5, KEYS, bitmap, last);
}

function copyTile(first: i32, n: i32, bitmap: usize, last: u32): i32 {
  let count = 0;
  memory.fill(bitmap, 0, ((n + 31) >> 5) << 2);
  for (let i = 0; i < n; ++i) {
    const key = load<u32>(injected + <usize>(first + i) * 4);
    store<u32>(KEYS + <usize>(i & ~15) * 4 + ((i & 3) << 4) + (i & 12), key);
    if (key <= last) {
      flipBit(bitmap, i);
      ++count;
    }
  }
  return count;
}

/** One tile of a pass: the tile's part of SELECTED, and how many contested tokens it takes. */
function passTile(first: i32, n: i32, last: u32): i32 {
  const at = first >> 3;
  let count = makeTile(first, n, selected + at, last);
  if (classed) {
    count = 0;
    for (let i = 0; i < n; i += 64) {
      const p = at + (i >> 3);
      const taken = load<u64>(selected + p) & load<u64>(contested + p);
      store<u64>(selected + p, taken | load<u64>(always + p));
      count += <i32>popcnt(taken);
    }
  } else if (n & 63) {
    // Keys come 32 at a time: those past the end don't count, and no older bits stay behind them.
    const p = selected + at + ((n >> 6) << 3);
    const made = (n & 63) > 32 ? load<u64>(p) : <u64>load<u32>(p);
    const taken = made & below(0, n & 63);
    store<u64>(p, taken);
    count -= <i32>popcnt(made ^ taken);
  }
  return count;
}

/** SELECTED = always, and the contested tokens of key <= last; returns how many of these there are. */
function pass(last: u32): i32 {
  let count = 0;
  for (let first = 0; first < length; first += TILE) count += passTile(first, min(TILE, length - first), last);
  return count;
}

/** Adds the tile's contested tokens with key - from <= width to the candidates. */
function collect(first: i32, n: i32, from: u32, width: u32): void {
  const vFrom = i32x4.splat(from);
  const vWidth = i32x4.splat(width);
  let count = candidates;
  for (let i = 0; i < n && count <= CANDIDATES_MAX - 64; i += 64) {
    let found: u64 = 0;
    for (let j = 48; j >= 0; j -= 16) found = (found << 16) | inWindow(KEYS + <usize>(i + j) * 4, vFrom, vWidth);
    while (found) {
      const slot = i + <i32>ctz(found);
      found &= found - 1;
      const at = tokenAt(slot);
      store<u64>(
        CANDIDATES + <usize>count * 8,
        ((<u64>load<u32>(KEYS + <usize>slot * 4)) << 32) | <u64>(first + at),
      );
      // Keys come 32 at a time, past the end of the row too.
      count += i32(at < n) & i32(!classed || hasBit(contested, first + at));
    }
  }
  candidates = count;
}

/** Drops candidates outside of from <= key <= from + width. */
function narrow(from: u32, width: u32): void {
  let count = 0;
  for (let i = 0; i < candidates; ++i) {
    const rank = load<u64>(CANDIDATES + <usize>i * 8);
    store<u64>(CANDIDATES + <usize>count * 8, rank);
    if (<u32>(rank >> 32) - from <= width) ++count;
  }
  candidates = count;
}

/** Rearranges the candidates so that the `k` of smallest rank come first: Hoare's FIND (CACM 4, 1961). */
function partition(k: i32): void {
  let left = CANDIDATES;
  let right = CANDIDATES + <usize>(candidates - 1) * 8;
  const target = CANDIDATES + <usize>k * 8;
  while (left < right) {
    const pivot = load<u64>(target);
    let i = left;
    let j = right;
    do {
      while (load<u64>(i) < pivot) i += 8;
      while (load<u64>(j) > pivot) j -= 8;
      if (i <= j) {
        const swapped = load<u64>(i);
        store<u64>(i, load<u64>(j));
        store<u64>(j, swapped);
        i += 8;
        j -= 8;
      }
    } while (i <= j);
    if (j < target) left = i;
    if (target < i) right = j;
  }
}

/** Turns over, where `turn` is 1, the bit of a candidate. */
@inline
function flip(rank: u64, turn: u32): void {
  const i = <u32>rank;
  const at = selected + (i >> 3);
  store<u8>(at, <u8>(<u32>load<u8>(at) ^ (turn << (i & 7))));
}

/**
 * Turns over the bits of the `n` candidates of smallest rank, or of largest. All keys are `from` to `from + reach`.
 *
 * Counted by key into at most 64 bins, which are right for all but the one or two candidates of one bin: 2 to 4 times
 * faster than Hoare's FIND among the usual 30 candidates, whose branches can't be foretold.
 */
function settle(n: i32, largest: bool, from: u32, reach: u32): void {
  const shift = <u32>max(0, 26 - <i32>clz(reach));
  const turned = largest ? reach >> shift : 0;
  memory.fill(BINS, 0, 256);
  const end = CANDIDATES + <usize>candidates * 8;
  for (let at = CANDIDATES; at < end; at += 8) {
    const bin = BINS + (abs(<i32>((load<u32>(at, 4) - from) >> shift) - <i32>turned) << 2);
    store<u32>(bin, load<u32>(bin) + 1);
  }
  let bin: usize = BINS;
  let rest = n;
  for (let inBin: i32; (inBin = load<i32>(bin)) < rest; bin += 4) rest -= inBin;
  const last = <i32>(bin - BINS) >> 2;
  candidates = 0;
  for (let at = CANDIDATES; at < end; at += 8) {
    const rank = load<u64>(at);
    const itsBin = abs(<i32>((<u32>(rank >> 32) - from) >> shift) - <i32>turned);
    flip(rank, u32(itsBin < last));
    store<u64>(CANDIDATES + <usize>candidates * 8, rank);
    candidates += i32(itsBin == last);
  }
  const split = largest ? candidates - rest : rest;
  if (split > 0 && split < candidates) partition(split);
  const stop = largest ? candidates : split;
  for (let i = largest ? split : 0; i < stop; ++i) flip(load<u64>(CANDIDATES + <usize>i * 8), 1);
}

/** Keys per `n` tokens, as a distance between keys. */
@inline
function spread(n: f64): u32 {
  return <u32>min((n * 4294967296.0) / <f64>pool, 4294967295.0);
}

/** Finds the K-th key by halving the range of keys, and its ties by position. */
function bisect(): void {
  let low: u32 = 0;
  let high: u32 = 0xffffffff;
  while (low < high) {
    const middle = low + ((high - low) >> 1);
    if (pass(middle) >= need) high = middle;
    else low = middle + 1;
  }
  // All keys below it, then as many equal ones as are still wanted, in order. The bits of this pass go where no candidates are left: OUT holds rows.
  let missing = need;
  if (low > 0) missing -= pass(low - 1);
  else {
    pass(0);
    for (let i = 0; i < length; i += 64) store<u64>(selected + (i >> 3), classed ? load<u64>(always + (i >> 3)) : 0);
  }
  for (let first = 0; first < length && missing > 0; first += TILE) {
    const n = min(TILE, length - first);
    makeTile(first, n, CANDIDATES, low);
    for (let i = 0; i < n && missing > 0; ++i) {
      if (keyOf(KEYS, i) == low && (!classed || hasBit(contested, first + i))) {
        flipBit(selected, first + i);
        --missing;
      }
    }
  }
}

/** Puts into SELECTED the retained tokens of a row. `begin` comes first, and `settleClasses` where there are classes. */
export function select(ofLayer: u32, ofRow: u32): void {
  layer = ofLayer;
  row = ofRow;
  if (need == 0 || need == pool) {
    for (let i = 0; i < length; i += 64) {
      const p = i >> 3;
      const all = classed ? load<u64>(always + p) | (need ? load<u64>(contested + p) : 0) : below(i, length);
      store<u64>(selected + p, all);
    }
    return;
  }
  const last = spread(<f64>need);
  if (length > TILE) return selectTiled(last);
  const count = passTile(0, length, last);
  if (count == need) return;
  const missed = abs(count - need);
  // Next to the guess, as many keys as are missed and two standard deviations more; then ten.
  for (let deviations = 2; deviations <= 10; deviations += 8) {
    const width = spread(<f64>missed + <f64>deviations * Math.sqrt(<f64>missed) + <f64>(2 * deviations));
    const from: u32 = count < need ? last + 1 : width > last ? 0 : last - width;
    const reach: u32 = count < need ? min(width, 0xffffffff - from) : last - from;
    candidates = 0;
    collect(0, length, from, reach);
    if (candidates > CANDIDATES_MAX - 64) break;
    if (candidates >= missed) return settle(missed, count > need, from, reach);
  }
  bisect();
}

/** The same for rows longer than a tile, whose keys aren't kept: candidates are taken as tiles pass. */
function selectTiled(last: u32): void {
  // Eight standard deviations on both sides, and room for the smallest counts.
  const margin = spread(8 * Math.sqrt((<f64>need * <f64>(pool - need)) / <f64>pool) + 32);
  const under = min(margin, last);
  const over = min(margin, 0xffffffff - last);
  let count = 0;
  candidates = 0;
  for (let first = 0; first < length; first += TILE) {
    const n = min(TILE, length - first);
    count += passTile(first, n, last);
    collect(first, n, last - under, under + over);
  }
  if (count == need) return;
  if (candidates > CANDIDATES_MAX - 64) return bisect();
  const missed = abs(count - need);
  const from = count < need ? last + 1 : last - under;
  const reach = count < need ? over - 1 : under;
  narrow(from, reach);
  if (candidates < missed) return bisect();
  settle(missed, count > need, from, reach);
}

/** u8 [256][8]: the places of the bits of each byte, in order. */
const PLACES: usize = memory.data(2048, 8);

function fillPlaces(): void {
  for (let byte: u32 = 0; byte < 256; ++byte) {
    let at = PLACES + (byte << 3);
    for (let rest = byte; rest; rest &= rest - 1) store<u8>(at++, <u8>ctz(rest));
  }
}
fillPlaces();

/** Writes the positions in SELECTED among `n` from `first`, a multiple of 64, and up to 28 bytes more; returns the end. */
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

/** Marks no position of `seqLength`, for `mark`. */
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

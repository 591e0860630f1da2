/**
 * The K positions of smallest rank, without sorting all of them.
 *
 * Keys are uniform, so the K-th smallest is near K / S * 2^32. One pass makes the keys and keeps for each the bin next to
 * that guess in which it lies. The bin of the K-th key is then found by counting; all tokens in bins before it are
 * retained, and those of that bin are settled by their keys. In rows longer than SHORT the count misses K by about
 * sqrt(K (1 - K / S)), few for so long a row, and the candidates that make up the difference are collected from the bins
 * next to the guess. Rows longer than a tile keep no bins: candidates on both sides of the guess are collected from each
 * tile in turn. Where they are too few (once in 10^6 rows or less, or when tests inject keys), bisection finds the K-th
 * key.
 */
import { exclude, findBin, mark, upTo } from "./bins";
import { candidates, collect, flip, forget, settle } from "./candidates";
import {
  always,
  below,
  bins,
  binsOf,
  classed,
  contested,
  flipBit,
  guess,
  hasBit,
  length,
  need,
  pool,
  reach,
  selected,
  shift,
} from "./classes";
import { CANDIDATES, RANKS, RANKS_MAX, TILE } from "./memory";
import { keyOf, makeBins } from "./philox";

/** In rows of up to so many tokens it is quicker to search all bins than to collect candidates. */
const SHORT: i32 = 1 << 12;

let layerOrdinal: u32 = 0;
let row: u32 = 0;

/**
 * Where tests put keys of their own, u32 [S] in order of position. 0 in the shipped core, so that the branch is
 * removed.
 */
let injected: usize = 0;
export function injectKeys(at: usize): void {
  injected = at;
}

/** The key of token `i`. */
function keyAt(i: i32): u32 {
  return injected ? load<u32>(injected + <usize>i * 4) : keyOf(i, row, layerOrdinal);
}

/** Makes the bins of the tile from `first` on. */
// @ts-ignore: decorator
@inline
function makeTile(first: i32, n: i32): void {
  if (injected) copyTile(first, n);
  else makeBins((<u32>first) >> 2, row, layerOrdinal, (n + 31) >> 5, bins, guess, shift);
  exclude(first, n);
}

function copyTile(first: i32, n: i32): void {
  for (let i = 0; i < n; ++i) {
    store<i8>(bins + <usize>i, <i8>max(-128, min(127, (<i32>(keyAt(first + i) >> 17) - guess) >> shift)));
  }
}

// @ts-ignore: decorator
@inline
function isContested(i: i32): bool {
  return !classed || hasBit(contested, i);
}

/** How many contested tokens have keys below `end`. */
function countBelow(end: u32): i32 {
  let count = 0;
  for (let i = 0; i < length; ++i) count += i32(isContested(i) && keyAt(i) < end);
  return count;
}

/** Finds the K-th key bit by bit; equal keys go by position. Takes about a microsecond a token. */
function bisect(): void {
  let last: u32 = 0;
  for (let bit: u32 = 1 << 31; bit; bit >>= 1) {
    if (countBelow(last | bit) < need) last |= bit;
  }
  let missing = need - countBelow(last);
  for (let i = 0; i < length; ++i) {
    const key = keyAt(i);
    const taken = isContested(i) ? key < last || (key == last && missing-- > 0) : hasBit(always, i);
    if (hasBit(selected, i) != taken) flipBit(selected, i);
  }
}

/** Puts into SELECTED the `rest` candidates of smallest rank. All are of one bin, and none is there yet. */
function settleLast(rest: i32): void {
  if (candidates > RANKS_MAX) return bisect();
  const end = RANKS + <usize>candidates * 8;
  let position: usize = CANDIDATES;
  for (let at = RANKS; at < end; at += 8, position += 4) {
    const i = load<u32>(position);
    store<u64>(at, ((<u64>keyAt(i)) << 32) | <u64>i);
  }
  for (; rest; --rest) {
    let least = RANKS;
    for (let at = RANKS; at < end; at += 8) least = load<u64>(at) < load<u64>(least) ? at : least;
    flip(load<u32>(least), 1);
    store<u64>(least, -1);
  }
}

/**
 * Puts into SELECTED the retained tokens of a row. `begin` comes first, and `settleClasses` where there are classes.
 */
export function select(ofLayerOrdinal: u32, ofRow: u32): void {
  layerOrdinal = ofLayerOrdinal;
  row = ofRow;
  if (need == 0 || need == pool) {
    for (let i = 0; i < length; i += 64) {
      const p = i >> 3;
      const all = classed ? load<u64>(always + p) | (need ? load<u64>(contested + p) : 0) : below(i, length);
      store<u64>(selected + p, all);
    }
    return;
  }
  forget();
  const short = length <= SHORT;
  const tiled = length > TILE;
  let bin = 0;
  let from = -1 - reach;
  let width = 2 * reach + 1;
  let excess = -need;
  for (let first = 0; first < length; first += TILE) {
    const n = min(TILE, length - first);
    makeTile(first, n);
    if (short) {
      from = findBin(bins, n, need);
      width = 0;
      bin = from + i32(upTo == need);
    }
    excess += mark(first, n, bin);
    if (tiled) collect(first, n, from, width);
  }
  if (excess == 0) return;
  if (from == 127) return bisect(); // tokens that aren't contested are in that bin too
  if (!tiled) {
    if (!short) {
      // Bins that hold all of what is missing, but for one row in 10^7: their number varies by the root of that.
      const missing = abs(excess);
      width = min(reach, binsOf(missing + ((missing * 3) >> 3) + 20));
      from = excess > 0 ? -1 - width : 0;
    }
    collect(0, length, from, width);
  }
  const rest = short ? -excess : settle(excess);
  if (rest > 0) settleLast(rest);
  else bisect();
}

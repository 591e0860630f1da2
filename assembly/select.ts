/**
 * The K positions of smallest rank, without sorting all of them.
 *
 * Keys are uniform, so the K-th smallest is near K / S * 2^32. One pass makes the keys, marks those up to that guess in
 * a bitmap, and counts them; the count is off from K by about sqrt(K (1 - K / S)). The few keys next to the guess that
 * make up the difference are then found among the stored keys, and settled by rank. Rows longer than a tile store no
 * keys: there the candidates on both sides of the guess are collected from each tile in turn. If there are too few of
 * them (in about one row in 10^5, or when tests inject keys), bisection over whole passes finds the K-th key exactly.
 */
import { candidates, collect, forget, narrow, settle } from "./candidates";
import { always, below, classed, contested, flipBit, hasBit, length, need, pool, selected } from "./classes";
import { CANDIDATES, CANDIDATES_MAX, KEYS, TILE } from "./memory";
import { keyOf, makeKeys } from "./philox";

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

/** Makes the keys of the tile from `first` on, and sets at `bitmap` the bits of those up to `last`. */
// @ts-ignore: decorator
@inline
function makeTile(first: i32, n: i32, bitmap: usize, last: u32): i32 {
  if (injected) return copyTile(first, n, bitmap, last);
  return makeKeys((<u32>first) >> 2, row, layerOrdinal, (n + 31) >> 5, KEYS, bitmap, last);
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

/** One tile of a pass: fills the tile's part of SELECTED, and returns how many contested tokens are taken. */
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
    // Keys come 32 at a time. Those past the end don't count, and their bits are cleared.
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

/** Keys per `n` tokens, as a distance between keys. */
// @ts-ignore: decorator
@inline
function spread(n: f64): u32 {
  return <u32>min((n * 4294967296.0) / <f64>pool, 4294967295.0);
}

/** Finds the K-th key by halving the range of keys; equal keys go by position. */
function bisect(): void {
  let low: u32 = 0;
  let high: u32 = 0xffffffff;
  while (low < high) {
    const middle = low + ((high - low) >> 1);
    if (pass(middle) >= need) high = middle;
    else low = middle + 1;
  }
  // All keys below it, then as many equal ones as are still wanted, in order. The last pass puts its bits where the
  // candidates were, as OUT holds rows.
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
  const last = spread(<f64>need);
  if (length > TILE) return selectTiled(last);
  const count = passTile(0, length, last);
  if (count == need) return;
  const missed = abs(count - need);
  // The keys next to the guess: as many as are missing and two standard deviations more, then ten.
  for (let deviations = 2; deviations <= 10; deviations += 8) {
    const width = spread(<f64>missed + <f64>deviations * Math.sqrt(<f64>missed) + <f64>(2 * deviations));
    const from: u32 = count < need ? last + 1 : width > last ? 0 : last - width;
    const reach: u32 = count < need ? min(width, 0xffffffff - from) : last - from;
    forget();
    collect(0, length, from, reach);
    if (candidates > CANDIDATES_MAX - 64) break;
    if (candidates >= missed) return settle(missed, count > need, from, reach);
  }
  bisect();
}

/** The same for rows longer than a tile, whose keys aren't stored: candidates are collected tile by tile. */
function selectTiled(last: u32): void {
  // Eight standard deviations on both sides, and room for the smallest counts.
  const margin = spread(8 * Math.sqrt((<f64>need * <f64>(pool - need)) / <f64>pool) + 32);
  const under = min(margin, last);
  const over = min(margin, 0xffffffff - last);
  let count = 0;
  forget();
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

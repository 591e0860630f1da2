/** The few tokens in bins next to the guess, or in the last bin: finds them, and settles which of them are retained. */
import { findBin, padBins, under } from "./bins";
import { bins, selected } from "./classes";
import { CANDIDATE_BINS, CANDIDATES, CANDIDATES_MAX } from "./memory";

/** How many there are. */
export let candidates: i32 = 0;

/** Drops all candidates. */
// @ts-ignore: decorator
@inline
export function forget(): void {
  candidates = 0;
}

/** For which of 16 bins 0 <= bin - from <= width, where `offset` is -128 - from and `end` is width - 127. */
// @ts-ignore: decorator
@inline
function inWindow(at: usize, offset: v128, end: v128): u32 {
  return i8x16.bitmask(i8x16.lt_s(i8x16.add(v128.load(at), offset), end));
}

/** Adds the tile's tokens with 0 <= bin - from <= width to the candidates. The last bin, 127, isn't to be among them. */
export function collect(first: i32, n: i32, from: i32, width: i32): void {
  const offset = i8x16.splat(<i8>(-128 - from));
  const end = i8x16.splat(<i8>(width - 127));
  let count = candidates;
  for (let i = 0; i < n && count <= CANDIDATES_MAX - 64; i += 64) {
    const at = bins + <usize>i;
    let found =
      <u64>(inWindow(at, offset, end) | (inWindow(at + 16, offset, end) << 16)) |
      (<u64>(inWindow(at + 32, offset, end) | (inWindow(at + 48, offset, end) << 16)) << 32);
    for (; found; found &= found - 1) {
      const place = i + <i32>ctz(found);
      store<u32>(CANDIDATES + <usize>count * 4, first + place);
      store<u8>(CANDIDATE_BINS + <usize>count, load<u8>(bins + <usize>place));
      ++count;
    }
  }
  candidates = count;
}

/** Flips the bit of a token if `turn` is 1. */
// @ts-ignore: decorator
@inline
export function flip(i: u32, turn: u32): void {
  const at = selected + (i >> 3);
  store<u8>(at, <u8>(<u32>load<u8>(at) ^ (turn << (i & 7))));
}

/**
 * Puts into SELECTED, in which the tokens of negative bins are `excess` too many, which of the candidates belong there,
 * except for those of the last bin. They are left as the only candidates.
 *
 * @returns How many of those left are still to be put into SELECTED; 0 where the K-th key is of no candidate.
 */
export function settle(excess: i32): i32 {
  const n = candidates;
  let wanted = -excess;
  for (let i = 0; i < n; ++i) wanted += load<u8>(CANDIDATE_BINS + <usize>i) >> 7;
  if (n > CANDIDATES_MAX - 64 || wanted <= 0 || wanted > n) return 0;
  padBins(CANDIDATE_BINS + <usize>n);
  const last = findBin(CANDIDATE_BINS, n, wanted);
  candidates = 0;
  for (let i = 0; i < n; ++i) {
    const bin = <i32>load<i8>(CANDIDATE_BINS + <usize>i);
    const position = load<u32>(CANDIDATES + <usize>i * 4);
    flip(position, u32(bin < last) ^ u32(bin < 0));
    store<u32>(CANDIDATES + <usize>candidates * 4, position);
    candidates += i32(bin == last);
  }
  return wanted - under;
}

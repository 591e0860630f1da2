/**
 * What tests use beside the binary interface: keys of their own, and the keys that are made. Not in the shipped core.
 */
import { KEYS, OUT } from "./memory";
import { keyOf, makeKeys } from "./philox";

export { injectKeys } from "./select";

/**
 * Word `word` (0 to 3) of the generator at counter (block, row, layerOrdinal, step). The seed and the step are set
 * before.
 */
export function keyAt(block: u32, row: u32, layerOrdinal: u32, word: i32): u32 {
  makeKeys(block, row, layerOrdinal, 1, KEYS, OUT, 0);
  return keyOf(KEYS, word);
}

/**
 * Makes the keys of `groups` times 32 tokens from `block` on; returns how many are at most `last`. Their bits go to
 * OUT.
 */
export function keyGroups(block: u32, row: u32, layerOrdinal: u32, groups: i32, last: u32): i32 {
  return makeKeys(block, row, layerOrdinal, groups, KEYS, OUT, last);
}

/** Key `i` of those. */
export function keyOfGroups(i: i32): u32 {
  return keyOf(KEYS, i);
}

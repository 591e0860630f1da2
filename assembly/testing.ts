/**
 * What tests use beside the binary interface: keys of their own, and the keys that are made. Not in the shipped core.
 */
import { OUT } from "./memory";
import { generate, makeBins, Stored } from "./philox";

export { keyOf } from "./philox";
export { injectKeys } from "./select";

/**
 * Makes the keys of `groups` times 32 tokens from `block` on. The seed and the step are set before. Keys of 16 tokens lie
 * as four vectors in OUT: lane q of vector j is the key of token 4q + j.
 */
export function keyGroups(block: u32, row: u32, layerOrdinal: u32, groups: i32): void {
  generate<Stored>(block, row, layerOrdinal, groups, OUT, 0, 0);
}

/** Makes their bins, i8 [32 * groups] in OUT. */
export function binGroups(block: u32, row: u32, layerOrdinal: u32, groups: i32, from: i32, shift: i32): void {
  makeBins(block, row, layerOrdinal, groups, OUT, from, shift);
}

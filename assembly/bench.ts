/** What sampling is measured against. Not part of the shipped core. */
import { Folded, generate } from "./philox";

export { setSeed } from "./philox";

/** The floor: the keys of `rows` rows of `seqLength` tokens, made and thrown away. */
export function keysOnly(layerOrdinal: u32, rows: i32, seqLength: i32): i32 {
  let seen = 0;
  for (let row = 0; row < rows; ++row) seen ^= generate<Folded>(0, row, layerOrdinal, (seqLength + 31) >> 5, 0, 0, 0);
  return seen;
}

let key0: u32 = 0;
let key1: u32 = 0;
let step: u32 = 0;
export function setScalarSeed(low: u32, high: u32, at: u32): void {
  key0 = low;
  key1 = high;
  step = at;
}

/** The same keys by scalar arithmetic, one counter at a time. */
export function scalarKeys(layerOrdinal: u32, rows: i32, seqLength: i32): i32 {
  let folded: u32 = 0;
  for (let row = 0; row < rows; ++row) {
    for (let block: u32 = 0; block < <u32>seqLength >> 2; ++block) {
      let c0 = block;
      let c1: u32 = row;
      let c2 = layerOrdinal;
      let c3 = step;
      let k0 = key0;
      let k1 = key1;
      for (let round = 0; round < 10; ++round) {
        const p0 = <u64>c0 * 0xd2511f53;
        const p1 = <u64>c2 * 0xcd9e8d57;
        c0 = <u32>(p1 >> 32) ^ c1 ^ k0;
        c1 = <u32>p1;
        c2 = <u32>(p0 >> 32) ^ c3 ^ k1;
        c3 = <u32>p0;
        k0 += 0x9e3779b9;
        k1 += 0xbb67ae85;
      }
      folded ^= c0 ^ c1 ^ c2 ^ c3;
    }
  }
  return folded;
}

/** What the machine takes to gather rows: to u8 [n][bytes] = rows list[i] of from u8 [][bytes], one memory.copy each. */
export function copyRows(to: usize, from: usize, list: usize, n: i32, bytes: usize): void {
  for (let i = 0; i < n; ++i) {
    memory.copy(to + <usize>i * bytes, from + <usize>load<u32>(list + <usize>i * 4) * bytes, bytes);
  }
}

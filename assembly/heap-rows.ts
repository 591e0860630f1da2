/**
 * Rows of tokens within another module's memory, which this one imports. It is a module of its own, as it has no data
 * and imports nothing else. Addresses are bytes in that memory.
 *
 *   all      u8 [B,G,S,bytes], or [S,B,bytes] where not `batchFirst`
 *   part     u8 [B,G,K,bytes], or [K,B,bytes]
 *   indices  i32 [B,K], positions below S
 */
import { copyRow } from "./rows";

/** From here on memory.copy is faster than a loop: at 256 B 15 against 13 ns a row, at 512 B 21 against 24. */
const LONG: usize = 512;

/**
 * Whether it is faster to write each row once, those of base run by run, than to copy all of base first. It took 0.6 to
 * 0.85 of the time at K = S/2 with rows of 1 and 3 KB, the same time at 64 B and twice the time at 4 B; with
 * [S,B,bytes], where rows lie apart, 0.8 to 1.4. With few rows it saves little, and the one long copy bypasses the
 * caches: at K = S/8 of 12 MiB it took 0.8 to 1.6.
 */
// @ts-ignore: decorator
@inline
function isOnce(seq: i32, retained: i32, bytes: usize, batchFirst: bool): bool {
  return batchFirst && bytes >= 128 && retained * 3 >= seq;
}

/** What is done with a row, decided at compile time. */
const GATHER = 0;
const PUT = 1;
const CLEAR = 2;

// @ts-ignore: decorator
@inline
function copy(to: usize, from: usize, bytes: usize): void {
  if (bytes < LONG) copyRow(to, from, bytes);
  else memory.copy(to, from, bytes);
}

// @ts-ignore: decorator
@inline
function clear(to: usize, bytes: usize): void {
  if (bytes < 16 || bytes >= LONG) memory.fill(to, 0, bytes);
  else {
    const last = bytes - 16;
    for (let at: usize = 0; at < last; at += 16) v128.store(to + at, i32x4.splat(0));
    v128.store(to + last, i32x4.splat(0));
  }
}

// @ts-ignore: decorator
@inline
function eachRow(
  fate: i32,
  all: usize,
  part: usize,
  indices: usize,
  batch: i32,
  groups: i32,
  seq: i32,
  retained: i32,
  bytes: usize,
  batchFirst: bool,
  shared: bool,
): void {
  // From one token to the next, and from one group (of one batch row) to the next.
  const token = batchFirst ? bytes : <usize>batch * bytes;
  const allToken = batchFirst || !shared ? token : bytes;
  const allGroup = batchFirst ? <usize>seq * bytes : shared ? 0 : bytes;
  const partGroup = batchFirst ? <usize>retained * bytes : bytes;
  let to = part;
  let from = all;
  for (let b = 0; b < batch; ++b) {
    if (shared) from = all;
    for (let group = 0; group < groups; ++group) {
      let place = to;
      for (let k = 0; k < retained; ++k) {
        const row = from + <usize>load<u32>(indices + <usize>k * 4) * allToken;
        if (fate == GATHER) copy(place, row, bytes);
        else if (fate == PUT) copy(row, place, bytes);
        else clear(row, bytes);
        place += token;
      }
      from += allGroup;
      to += partGroup;
    }
    indices += <usize>retained * 4;
  }
}

/** part = the rows of all at the positions. `shared`: all has no batch, and serves every row of it. */
export function gather(
  part: usize,
  all: usize,
  indices: usize,
  batch: i32,
  groups: i32,
  seq: i32,
  retained: i32,
  bytes: usize,
  batchFirst: bool,
  shared: bool,
): void {
  eachRow(GATHER, all, part, indices, batch, groups, seq, retained, bytes, batchFirst, shared);
}

/** all = base with the rows of part at the positions. Where `base` or `part` is 0, zeros are written for it. */
export function scatter(
  all: usize,
  base: usize,
  part: usize,
  indices: usize,
  batch: i32,
  groups: i32,
  seq: i32,
  retained: i32,
  bytes: usize,
  batchFirst: bool,
): void {
  if (isOnce(seq, retained, bytes, batchFirst)) {
    if (part) spread(PUT, all, base, part, indices, batch, groups, seq, retained, bytes);
    else spread(CLEAR, all, base, 0, indices, batch, groups, seq, retained, bytes);
    return;
  }
  const total = <usize>(batch * groups * seq) * bytes;
  if (base) memory.copy(all, base, total);
  else memory.fill(all, 0, total);
  if (part) eachRow(PUT, all, part, indices, batch, groups, seq, retained, bytes, batchFirst, false);
  else eachRow(CLEAR, all, 0, indices, batch, groups, seq, retained, bytes, batchFirst, false);
}

/** Scatters rows that lie together, writing each once. */
// @ts-ignore: decorator
@inline
function spread(
  fate: i32,
  all: usize,
  base: usize,
  part: usize,
  indices: usize,
  batch: i32,
  groups: i32,
  seq: i32,
  retained: i32,
  bytes: usize,
): void {
  for (let b = 0; b < batch; ++b) {
    for (let group = 0; group < groups; ++group) {
      let next: usize = 0;
      for (let k = 0; k < retained; ++k) {
        const position = <usize>load<u32>(indices + <usize>k * 4);
        putRun(all, base, next * bytes, position * bytes);
        if (fate == PUT) copy(all + position * bytes, part, bytes);
        else clear(all + position * bytes, bytes);
        part += bytes;
        next = position + 1;
      }
      const total = <usize>seq * bytes;
      putRun(all, base, next * bytes, total);
      all += total;
      if (base) base += total;
    }
    indices += <usize>retained * 4;
  }
}

/** The bytes of base from `first` up to `end`, or zeros, into all. */
function putRun(all: usize, base: usize, first: usize, end: usize): void {
  if (first == end) return;
  if (base) copy(all + first, base + first, end - first);
  else clear(all + first, end - first);
}

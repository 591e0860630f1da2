/** Rows of tokens that are too short for a copy call each: list[i] is the number of the row to take or to write. */

/** Copies one row and touches no byte outside of it. */
// @ts-ignore: decorator
@inline
export function copyRow(to: usize, from: usize, bytes: usize): void {
  if (bytes >= 16) {
    const last = bytes - 16;
    for (let at: usize = 0; at < last; at += 16) v128.store(to + at, v128.load(from + at));
    v128.store(to + last, v128.load(from + last)); // overlaps what was copied
  } else if (bytes >= 8) {
    const head = load<u64>(from);
    const tail = load<u64>(from + bytes - 8);
    store<u64>(to, head);
    store<u64>(to + bytes - 8, tail);
  } else if (bytes >= 4) {
    const head = load<u32>(from);
    const tail = load<u32>(from + bytes - 4);
    store<u32>(to, head);
    store<u32>(to + bytes - 4, tail);
  } else {
    for (let at: usize = 0; at < bytes; ++at) store<u8>(to + at, load<u8>(from + at));
  }
}

/** to u8 [n][bytes] = rows of from u8 [][bytes]; or, with `scatter`, rows of to u8 [][bytes] = from u8 [n][bytes]. */
export function moveRows(to: usize, from: usize, list: usize, n: i32, bytes: usize, scatter: bool): void {
  for (let i = 0; i < n; ++i) {
    const row = <usize>load<u32>(list + <usize>i * 4) * bytes;
    const place = <usize>i * bytes;
    copyRow(to + (scatter ? row : place), from + (scatter ? place : row), bytes);
  }
}

/**
 * Attention masks among retained tokens. Elements of 1, 2, 4 or 8 bytes are moved as bits.
 *
 * Retained columns ascend, so one swizzle compacts those within 16 bytes of a source row. The swizzles are planned once
 * for a set of columns and serve every row and head. An entry of the plan has 32 bytes:
 *   u8 [16] which source byte goes where, u32 where in the row the 16 source bytes begin, u32 how many bytes come out.
 */

/**
 * Plans the columns u32 [n], ascending.
 * @returns How many entries the plan has: at most n.
 */
export function planColumns(columns: usize, n: i32, elementBytes: u32, plan: usize): i32 {
  let entries = 0;
  let entry: usize = 0;
  let current: u32 = 0xffffffff;
  let filled: u32 = 0;
  for (let i = 0; i < n; ++i) {
    const byte = load<u32>(columns + <usize>i * 4) * elementBytes;
    const block = byte & ~15;
    if (block != current) {
      current = block;
      entry = plan + <usize>entries * 32;
      ++entries;
      filled = 0;
      store<u32>(entry, block, 16);
    }
    for (let b: u32 = 0; b < elementBytes; ++b) store<u8>(entry + filled++, <u8>((byte & 15) + b));
    store<u32>(entry, filled, 20);
  }
  return entries;
}

/**
 * to u8 [n][..] = the planned columns of rows list[i] - base of from u8 [][stride], or of the first n rows without a
 * list; up to 15 bytes past the end are overwritten.
 */
export function packRows(
  to: usize,
  from: usize,
  stride: usize,
  list: usize,
  n: i32,
  base: u32,
  plan: usize,
  entries: i32,
): void {
  const end = plan + <usize>entries * 32;
  for (let i = 0; i < n; ++i) {
    const row = from + <usize>(list ? load<u32>(list + <usize>i * 4) - base : i) * stride;
    for (let entry = plan; entry < end; entry += 32) {
      v128.store(to, i8x16.swizzle(v128.load(row + load<u32>(entry, 16)), v128.load(entry)));
      to += load<u32>(entry, 20);
    }
  }
}

/**
 * The first of `n` rows u8 [n][bytes] that is not a window of `pattern`, which begins `elementBytes` earlier for each
 * row, or -1.
 */
export function firstOffPattern(rows: usize, bytes: usize, n: i32, pattern: usize, elementBytes: usize): i32 {
  for (let i = 0; i < n; ++i, rows += bytes, pattern -= elementBytes) {
    let differs = i32x4.splat(0);
    let at: usize = 0;
    for (; at + 16 <= bytes; at += 16) {
      differs = v128.or(differs, v128.xor(v128.load(rows + at), v128.load(pattern + at)));
    }
    let rest = v128.any_true(differs);
    for (; at < bytes; ++at) rest = rest || load<u8>(rows + at) != load<u8>(pattern + at);
    if (rest) return i;
  }
  return -1;
}

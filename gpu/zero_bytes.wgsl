// Zeroes rows of any number of bytes, at any byte, in place: dst[b, idx[b,k], :] = 0.
//
// idx  [B,K], int32 read as u32, so that what is negative is out of range too
// map  one word for each row of the window of dst: 0, or 1 + its retained row (invert.wgsl)
// dst  [B,S,row], or [S,B,row] where the batch is the second dimension; a window of its rows
// Rows and windows in bytes. Only words that hold a byte of a retained row are touched; one that holds bytes of more
// than one belongs to the first, which zeroes the others' too. No two lanes write one word.

struct Params {
  rows: u32, // rows that this dispatch goes over
  row: u32, // length of a row, bytes
  tile: u32, // log2 of the lanes across a row
  seq: u32, // S
  inner: u32, // K, or B where the batch is the second dimension: retained row = outer * inner + rest
  idx_outer: u32, // how far idx moves with outer and with rest, words
  idx_rest: u32,
  all_outer: u32, // how far a row among all moves with outer, with rest and with the index
  all_rest: u32,
  all_step: u32,
  dst_first: u32, // the window of dst: its first row, how many, and where they begin in the binding, bytes
  dst_rows: u32,
  dst_shift: u32,
  src_first: u32, // the window of src, likewise
  src_rows: u32,
  src_shift: u32,
  base_shift: u32, // where the window of base begins, bytes; its rows are dst's
  idx_shift: u32, // where idx begins, words
  keep: u32, // 1: rows that idx does not name are written too, once among the windows of src
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(2) var<storage, read> idx: array<u32>;
@group(0) @binding(3) var<storage, read_write> dst: array<u32>;
@group(0) @binding(4) var<storage, read> map: array<u32>;

// The row among all that a retained row lies at; 2^32 - 1 where its index is out of range.
fn row_among_all(retained: u32) -> u32 {
  let outer = retained / p.inner;
  let rest = retained - outer * p.inner;
  let s = idx[p.idx_shift + outer * p.idx_outer + rest * p.idx_rest];
  return select(0xffffffffu, outer * p.all_outer + rest * p.all_rest + s * p.all_step, s < p.seq);
}

// The mask of `count` bytes, 1 to 4.
fn ones(count: u32) -> u32 {
  return 0xffffffffu >> (32u - count * 8u);
}

fn store(word: u32, bits: u32, mask: u32) {
  if (mask == 0xffffffffu) {
    dst[word] = bits;
  } else if (mask != 0u) {
    dst[word] = (dst[word] & ~mask) | bits;
  }
}

fn put(word: u32, owner: u32) {
  let end = min(word * 4u + 4u, p.dst_shift + p.dst_rows * p.row);
  var at = max(word * 4u, p.dst_shift);
  var r = (at - p.dst_shift) / p.row;
  var c = at - p.dst_shift - r * p.row;
  var bits = 0u;
  var mask = 0u;
  while (at < end) {
    let count = min(end - at, p.row - c);
    let place = (at & 3u) * 8u;
    let named = map[r];
    if (named != 0u && r < owner) {
      return;
    }
    if (named != 0u) {
      mask |= ones(count) << place;
    }
    at += count;
    r += 1u;
    c = 0u;
  }
  store(word, bits, mask);
}

@compute @workgroup_size(256)
fn zero(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let r = (group.y * groups.x + group.x) * (256u >> p.tile) + (lane >> p.tile);
  if (r >= p.rows) {
    return;
  }
  let to = row_among_all(r) - p.dst_first;
  if (to >= p.dst_rows || map[to] != r + 1u) {
    return;
  }
  let start = p.dst_shift + to * p.row;
  let words = ((start & 3u) + p.row + 3u) >> 2u;
  let across = 1u << p.tile;
  for (var w = group.z * across + (lane & (across - 1u)); w < words; w += groups.z * across) {
    put((start >> 2u) + w, to);
  }
}

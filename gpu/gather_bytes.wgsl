// gather.wgsl for rows of any number of bytes, at any byte: dst[b,k,:] = src[b, idx[b,k], :].
//
// src  [B,S,row], or [S,B,row] where the batch is the second dimension; a window of its rows
// idx  [B,K], int32 read as u32, so that what is negative is out of range too
// dst  [B,K,row], or [K,B,row]; a window of its rows
// Rows and windows in bytes. An index out of range leaves its row of dst as it was.
//
// Words are put together from runs of bytes, each of one row. A lane owns its word of dst, so no two write one; where
// a word holds bytes that are not this call's, those stay.

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
@group(0) @binding(1) var<storage, read> src: array<u32>;
@group(0) @binding(2) var<storage, read> idx: array<u32>;
@group(0) @binding(3) var<storage, read_write> dst: array<u32>;

// The row among all that a retained row lies at; 2^32 - 1 where its index is out of range.
fn row_among_all(retained: u32) -> u32 {
  let outer = retained / p.inner;
  let rest = retained - outer * p.inner;
  let s = idx[p.idx_shift + outer * p.idx_outer + rest * p.idx_rest];
  return select(0xffffffffu, outer * p.all_outer + rest * p.all_rest + s * p.all_step, s < p.seq);
}

// `count` bytes of src from byte `at` on, 1 to 4 of them; only words that hold one of them are read.
fn load_src(at: u32, count: u32) -> u32 {
  let skip = (at & 3u) * 8u;
  var bits = src[at >> 2u] >> skip;
  if (skip + count * 8u > 32u) {
    bits |= src[(at >> 2u) + 1u] << (32u - skip);
  }
  return bits;
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

@compute @workgroup_size(256)
fn gather(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let word = (p.dst_shift >> 2u) + (group.y * groups.x + group.x) * 256u + lane;
  let end = min(word * 4u + 4u, p.dst_shift + p.dst_rows * p.row);
  var at = max(word * 4u, p.dst_shift);
  if (at >= end) {
    return;
  }
  var r = (at - p.dst_shift) / p.row;
  var c = at - p.dst_shift - r * p.row;
  var bits = 0u;
  var mask = 0u;
  while (at < end) {
    let count = min(end - at, p.row - c);
    let place = (at & 3u) * 8u;
    let source = row_among_all(p.dst_first + r) - p.src_first;
    if (source < p.src_rows) {
      bits |= (load_src(p.src_shift + source * p.row + c, count) & ones(count)) << place;
      mask |= ones(count) << place;
    }
    at += count;
    r += 1u;
    c = 0u;
  }
  store(word, bits, mask);
}

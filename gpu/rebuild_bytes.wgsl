// rebuild.wgsl for rows of any number of bytes, at any byte:
//   scatter_copy   dst[b,s,:] = src[b,k,:] where s = idx[b,k], else base[b,s,:]
//   scatter_zeros  dst[b,s,:] = src[b,k,:] where s = idx[b,k], else zero
//   zero_copy      dst[b,s,:] = zero where s = idx[b,k], else base[b,s,:]
//
// src  [B,K,row], or [K,B,row] where the batch is the second dimension; a window of its rows
// base [B,S,row], or [S,B,row]; the window of dst
// map  one word for each row of the window of dst: 0, or 1 + its row in src (invert.wgsl)
// dst  [B,S,row], or [S,B,row]; a window of its rows
// Rows and windows in bytes.
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
@group(0) @binding(2) var<storage, read> map: array<u32>;
@group(0) @binding(3) var<storage, read_write> dst: array<u32>;
@group(0) @binding(4) var<storage, read> base: array<u32>;

// `count` bytes of src from byte `at` on, 1 to 4 of them; only words that hold one of them are read.
fn load_src(at: u32, count: u32) -> u32 {
  let skip = (at & 3u) * 8u;
  var bits = src[at >> 2u] >> skip;
  if (skip + count * 8u > 32u) {
    bits |= src[(at >> 2u) + 1u] << (32u - skip);
  }
  return bits;
}

// `count` bytes of base from byte `at` on, 1 to 4 of them; only words that hold one of them are read.
fn load_base(at: u32, count: u32) -> u32 {
  let skip = (at & 3u) * 8u;
  var bits = base[at >> 2u] >> skip;
  if (skip + count * 8u > 32u) {
    bits |= base[(at >> 2u) + 1u] << (32u - skip);
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
fn scatter_copy(
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
    let named = map[r];
    let source = named - 1u - p.src_first;
    if (named == 0u && p.keep == 1u) {
      bits |= (load_base(p.base_shift + r * p.row + c, count) & ones(count)) << place;
      mask |= ones(count) << place;
    } else if (named != 0u && source < p.src_rows) {
      bits |= (load_src(p.src_shift + source * p.row + c, count) & ones(count)) << place;
      mask |= ones(count) << place;
    }
    at += count;
    r += 1u;
    c = 0u;
  }
  store(word, bits, mask);
}

@compute @workgroup_size(256)
fn scatter_zeros(
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
    let named = map[r];
    let source = named - 1u - p.src_first;
    if (named == 0u && p.keep == 1u) {
      mask |= ones(count) << place;
    } else if (named != 0u && source < p.src_rows) {
      bits |= (load_src(p.src_shift + source * p.row + c, count) & ones(count)) << place;
      mask |= ones(count) << place;
    }
    at += count;
    r += 1u;
    c = 0u;
  }
  store(word, bits, mask);
}

@compute @workgroup_size(256)
fn zero_copy(
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
    if (map[r] == 0u) {
      bits |= (load_base(p.base_shift + r * p.row + c, count) & ones(count)) << place;
    }
    mask |= ones(count) << place;
    at += count;
    r += 1u;
    c = 0u;
  }
  store(word, bits, mask);
}

// The mask among the retained tokens: dst[l,b,h,i,j] = src[b,h,idx[l,b,i],idx[l,b,j]].
//
//   gather_words   elements of 4 bytes
//   gather_quads   of 4 bytes, 4 a lane, where rows of dst are multiples of 16 bytes and begin at such
//   gather_parts   of 2 bytes, or of 1 with `const element_bytes`, where rows of dst are whole words
//   gather_odd     of 2 bytes or 1 where rows of dst end within a word: what a word holds of others stays
//
// After DeepSpeed's csrc/random_ltd/slice_attn_masks.cu and bert_sample_tokens in ops/random_ltd/dropping_utils.py.
//
// src  the mask, [Bm,H,Q,S]: Bm is 1 or B, Q is 1 or S; a window of its rows of S
// idx  [L,B,K], int32 read as u32, so that what is negative is out of range too
// dst  [L,B,H,K,K], or [L,B,H,1,K] where Q is 1; a window of its rows of K
// An index out of range leaves its elements of dst as they were.
//
// A group is a tile: 2^tile lanes across a row, 256 / 2^tile rows; a lane goes on along its row. In gather_odd a lane has
// one word. Words of 4 bytes by gather_parts took 2 to 2.5 times as long on SwiftShader.

const element_bytes = 2u;
const element_bits = element_bytes * 8u;
const element_ones = 0xffffffffu >> (32u - element_bits);
const elements = 4u / element_bytes; // of a word

struct Params {
  rows: u32, // rows that this dispatch goes over
  words: u32, // words of a row of dst; of gather_quads 4 each
  tile: u32, // log2 of the lanes across a row
  seq: u32, // S
  kept: u32, // K
  query: u32, // Q of the mask: 1 or S
  out_query: u32, // Q of dst: 1 or K
  heads: u32, // H
  batch: u32, // B
  mask_batch: u32, // Bm: 1 or B
  dst_first: u32, // the window of dst: its first row, how many, and where they begin in the binding, bytes
  dst_rows: u32,
  dst_shift: u32,
  src_first: u32, // the window of the mask, likewise
  src_rows: u32,
  src_shift: u32,
  lb_first: u32, // the window of idx: its first [K], how many, and where they begin in the binding, words
  lb_count: u32,
  idx_shift: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> src: array<u32>;
@group(0) @binding(2) var<storage, read> idx: array<u32>;
@group(0) @binding(3) var<storage, read_write> dst: array<u32>;
@group(0) @binding(4) var<storage, read_write> quads: array<vec4u>; // dst, for gather_quads

// A lane's row among those of the dispatch, and its first word there and the step to the next one.
struct Place {
  row: u32,
  first: u32,
  step: u32,
}

fn place_of(lane: u32, group: vec3u, groups: vec3u) -> Place {
  let across = 1u << p.tile;
  return Place(
    (group.y * groups.x + group.x) * (256u >> p.tile) + (lane >> p.tile),
    group.z * across + (lane & (across - 1u)),
    groups.z * across,
  );
}

// A row of dst.
struct Row {
  columns: u32, // where the positions of its columns begin in idx
  source: u32, // its row in the window of the mask; too large where that or its idx is elsewhere, or nowhere
}

fn row_of(number: u32) -> Row {
  let lbh = number / p.out_query;
  let lb = lbh / p.heads;
  let columns = p.idx_shift + (lb - p.lb_first) * p.kept;
  var i = 0u;
  if (p.query != 1u) {
    i = idx[columns + number - lbh * p.out_query];
  }
  let b = select(lb % p.batch, 0u, p.mask_batch == 1u);
  let source = (b * p.heads + lbh - lb * p.heads) * p.query + i - p.src_first;
  return Row(columns, select(0xffffffffu, source, i < p.query && lb - p.lb_first < p.lb_count));
}

fn store(word: u32, bits: u32, mask: u32) {
  if (mask == 0xffffffffu) {
    dst[word] = bits;
  } else if (mask != 0u) {
    dst[word] = (dst[word] & ~mask) | bits;
  }
}

@compute @workgroup_size(256)
fn gather_words(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let at = place_of(lane, group, groups);
  if (at.row >= p.rows) {
    return;
  }
  let row = row_of(p.dst_first + at.row);
  if (row.source >= p.src_rows) {
    return;
  }
  let source = (p.src_shift >> 2u) + row.source * p.seq;
  let dst_row = (p.dst_shift >> 2u) + at.row * p.words;
  for (var w = at.first; w < p.words; w += at.step) {
    // No branch but the last: each costs SwiftShader as much as a load.
    let s = idx[row.columns + w];
    if (s < p.seq) {
      dst[dst_row + w] = src[source + s];
    }
  }
}

// 1.8 copies of the result on SwiftShader, where gather_words takes 3.
@compute @workgroup_size(256)
fn gather_quads(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let at = place_of(lane, group, groups);
  if (at.row >= p.rows) {
    return;
  }
  let row = row_of(p.dst_first + at.row);
  if (row.source >= p.src_rows) {
    return;
  }
  let source = (p.src_shift >> 2u) + row.source * p.seq;
  let dst_row = (p.dst_shift + at.row * p.kept * 4u) >> 4u;
  for (var w = at.first; w < p.words; w += at.step) {
    let c = row.columns + w * 4u;
    let s = vec4u(idx[c], idx[c + 1u], idx[c + 2u], idx[c + 3u]);
    if (all(s < vec4u(p.seq))) {
      quads[dst_row + w] = vec4u(src[source + s.x], src[source + s.y], src[source + s.z], src[source + s.w]);
      continue;
    }
    for (var e = 0u; e < 4u; e++) {
      if (s[e] < p.seq) {
        quads[dst_row + w][e] = src[source + s[e]];
      }
    }
  }
}

@compute @workgroup_size(256)
fn gather_parts(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let at = place_of(lane, group, groups);
  if (at.row >= p.rows) {
    return;
  }
  let row = row_of(p.dst_first + at.row);
  if (row.source >= p.src_rows) {
    return;
  }
  let source = p.src_shift / element_bytes + row.source * p.seq;
  let dst_row = (p.dst_shift >> 2u) + at.row * p.words;
  for (var w = at.first; w < p.words; w += at.step) {
    var bits = 0u;
    var mask = 0u;
    for (var e = 0u; e < elements; e++) {
      let s = idx[row.columns + w * elements + e];
      if (s < p.seq) {
        let element = source + s;
        let shift = (element % elements) * element_bits;
        bits |= ((src[element / elements] >> shift) & element_ones) << (e * element_bits);
        mask |= element_ones << (e * element_bits);
      }
    }
    store(dst_row + w, bits, mask);
  }
}

@compute @workgroup_size(256)
fn gather_odd(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let word = (p.dst_shift >> 2u) + (group.y * groups.x + group.x) * 256u + lane;
  let end = min(word * 4u + 4u, p.dst_shift + p.dst_rows * p.kept * element_bytes);
  var at = max(word * 4u, p.dst_shift);
  if (at >= end) {
    return;
  }
  let n = (at - p.dst_shift) / element_bytes;
  var r = n / p.kept;
  var j = n - r * p.kept;
  var row = row_of(p.dst_first + r);
  var bits = 0u;
  var mask = 0u;
  while (at < end) {
    if (j == p.kept) {
      r += 1u;
      j = 0u;
      row = row_of(p.dst_first + r);
    }
    let s = idx[row.columns + j];
    if (s < p.seq && row.source < p.src_rows) {
      let byte = p.src_shift + (row.source * p.seq + s) * element_bytes;
      let place = (at & 3u) * 8u;
      bits |= ((src[byte >> 2u] >> ((byte & 3u) * 8u)) & element_ones) << place;
      mask |= element_ones << place;
    }
    at += element_bytes;
    j += 1u;
  }
  store(word, bits, mask);
}

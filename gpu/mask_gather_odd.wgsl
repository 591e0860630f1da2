// mask_gather_small.wgsl where rows of dst end within a word: dst[l,b,h,i,j] = src[b,h,idx[l,b,i],idx[l,b,j]].
//
// src  the mask, [Bm,H,Q,S]: Bm is 1 or B, Q is 1 or S; a window of its rows of S
// idx  [L,B,K], int32 read as u32, so that what is negative is out of range too
// dst  [L,B,H,K,K], or [L,B,H,1,K] where Q is 1; a window of its rows of K
// Elements of 2 bytes, or of 1 with `const element_bytes`. An index out of range leaves its elements of dst as
// they were.
//
// One lane for each word of dst; what a word holds of others stays.

struct Params {
  rows: u32, // rows that this dispatch goes over
  words: u32, // words of a row of dst
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
  idx_shift: u32, // where idx begins, words
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> src: array<u32>;
@group(0) @binding(2) var<storage, read> idx: array<u32>;
@group(0) @binding(3) var<storage, read_write> dst: array<u32>;

const element_bytes = 2u;
const element_ones = 0xffffffffu >> (32u - element_bytes * 8u);

struct Row {
  idx: u32, // where the positions of its columns begin
  mask: u32, // its row of the mask, counted source the window; too large where its position is out of range
}

fn find(row: u32) -> Row {
  let lbh = row / p.out_query;
  let lb = lbh / p.heads;
  let start = p.idx_shift + lb * p.kept;
  var i = 0u;
  if (p.query != 1u) {
    i = idx[start + row - lbh * p.out_query];
  }
  let b = select(lb % p.batch, 0u, p.mask_batch == 1u);
  let mask = ((b * p.heads + lbh - lb * p.heads) * p.query + i) - p.src_first;
  return Row(start, select(0xffffffffu, mask, i < p.query));
}

// Puts element `j` of a row into its place in a word of dst, where its positions are in range.
fn element(row: Row, j: u32, place: u32, bits: ptr<function, u32>, mask: ptr<function, u32>) {
  let s = idx[row.idx + j];
  if (s < p.seq && row.mask < p.src_rows) {
    let at = p.src_shift + (row.mask * p.seq + s) * element_bytes;
    *bits |= ((src[at >> 2u] >> ((at & 3u) * 8u)) & element_ones) << place;
    *mask |= element_ones << place;
  }
}

fn store(word: u32, bits: u32, mask: u32) {
  if (mask == 0xffffffffu) {
    dst[word] = bits;
  } else if (mask != 0u) {
    dst[word] = (dst[word] & ~mask) | bits;
  }
}

@compute @workgroup_size(256)
fn mask_gather(
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
  var row = find(p.dst_first + r);
  var bits = 0u;
  var mask = 0u;
  while (at < end) {
    if (j == p.kept) {
      r += 1u;
      j = 0u;
      row = find(p.dst_first + r);
    }
    element(row, j, (at & 3u) * 8u, &bits, &mask);
    at += element_bytes;
    j += 1u;
  }
  store(word, bits, mask);
}

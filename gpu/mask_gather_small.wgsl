// mask_gather.wgsl for elements of 2 bytes or 1, where rows of dst are whole words:
// dst[l,b,h,i,j] = src[b,h,idx[l,b,i],idx[l,b,j]].
//
// src  the mask, [Bm,H,Q,S]: Bm is 1 or B, Q is 1 or S; a window of its rows of S
// idx  [L,B,K], int32 read as u32, so that what is negative is out of range too
// dst  [L,B,H,K,K], or [L,B,H,1,K] where Q is 1; a window of its rows of K
// Elements of 2 bytes, or of 1 with `const element_bytes`. An index out of range leaves its elements of dst as
// they were.
//
// A group is a tile: 2^tile lanes across a row, 256 / 2^tile rows; a lane goes on along its row, word by word.

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
const element_bits = element_bytes * 8u;
const element_ones = 0xffffffffu >> (32u - element_bits);
const elements = 4u / element_bytes; // of a word

@compute @workgroup_size(256)
fn mask_gather(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let r = (group.y * groups.x + group.x) * (256u >> p.tile) + (lane >> p.tile);
  if (r >= p.rows) {
    return;
  }
  let row = p.dst_first + r;
  let lbh = row / p.out_query;
  let lb = lbh / p.heads;
  let columns = p.idx_shift + lb * p.kept;
  var i = 0u;
  if (p.query != 1u) {
    i = idx[columns + row - lbh * p.out_query];
  }
  let b = select(lb % p.batch, 0u, p.mask_batch == 1u);
  let mask_row = (b * p.heads + lbh - lb * p.heads) * p.query + i - p.src_first;
  if (i >= p.query || mask_row >= p.src_rows) {
    return;
  }
  let source = p.src_shift / element_bytes + mask_row * p.seq;
  let dst_row = (p.dst_shift >> 2u) + r * p.words;
  let across = 1u << p.tile;
  for (var w = group.z * across + (lane & (across - 1u)); w < p.words; w += groups.z * across) {
    var bits = 0u;
    var mask = 0u;
    for (var e = 0u; e < elements; e++) {
      let s = idx[columns + w * elements + e];
      if (s < p.seq) {
        let at = source + s;
        let shift = (at % elements) * element_bits;
        bits |= ((src[at / elements] >> shift) & element_ones) << (e * element_bits);
        mask |= element_ones << (e * element_bits);
      }
    }
    if (mask == 0xffffffffu) {
      dst[dst_row + w] = bits;
    } else if (mask != 0u) {
      dst[dst_row + w] = (dst[dst_row + w] & ~mask) | bits;
    }
  }
}

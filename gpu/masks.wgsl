// The mask among the retained tokens: dst[l,b,h,i,j] = src[b,h,idx[l,b,i],idx[l,b,j]].
//
// A shader that gathers a mask answers these questions, each by one section below:
//
//   elements   how many bytes an element has                           4_bytes, 2_bytes, 1_byte
//   work       quads   elements of 4 bytes, 4 a lane, where rows of dst are multiples of 16 bytes and begin at such
//              words   elements of 4 bytes, one a lane
//              parts   elements of 2 bytes or 1, where rows of dst are whole words
//              odd     elements of 2 bytes or 1, where rows of dst end within a word
//
// After DeepSpeed's csrc/random_ltd/slice_attn_masks.cu and bert_sample_tokens in ops/random_ltd/dropping_utils.py.
//
// src  the mask, [Bm,H,Q,S]: Bm is 1 or B, Q is 1 or S; a window of its rows of S
// idx  [L,B,K], int32 read as u32, so that what is negative is out of range too
// dst  [L,B,H,K,K], or [L,B,H,1,K] where Q is 1; a window of its rows of K
// An index out of range leaves its elements of dst as they were.

struct Params {
  rows: u32, // rows that this dispatch goes over; where work is odd, words
  units: u32, // units of a row of dst
  tile: u32, // log2 of the lanes across a row
  seq: u32, // S
  retained: u32, // K
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
  idx_first: u32, // the window of idx: its first [K], how many, and where they begin in the binding, words
  idx_count: u32,
  idx_shift: u32,
}

@group(0) @binding(1) var<storage, read> src: array<u32>;

const element_bits = element_bytes * 8u;
const element_ones = 0xffffffffu >> (32u - element_bits);
const elements = 4u / element_bytes; // of a word

// A row of dst.
struct Row {
  columns: u32, // where the positions of its columns begin in idx
  source: u32, // its row in the window of the mask; too large if that row, or its idx, is outside the window or nowhere
}

fn row_of(row: u32) -> Row {
  let lbh = row / p.out_query;
  let lb = lbh / p.heads;
  let columns = p.idx_shift + (lb - p.idx_first) * p.retained;
  var i = 0u;
  if (p.query != 1u) {
    i = idx[columns + row - lbh * p.out_query];
  }
  let b = select(lb % p.batch, 0u, p.mask_batch == 1u);
  let source = (b * p.heads + lbh - lb * p.heads) * p.query + i - p.src_first;
  return Row(columns, select(0xffffffffu, source, i < p.query && lb - p.idx_first < p.idx_count));
}

//! elements = 4_bytes
const element_bytes = 4u;

//! elements = 2_bytes
const element_bytes = 2u;

//! elements = 1_byte
const element_bytes = 1u;

//! work = quads
// Takes as long as 2.2 copies of the result on SwiftShader; with one element per lane it took 3.
fn work(at: Place) {
  let row = row_of(p.dst_first + at.row);
  if (row.source >= p.src_rows) {
    return;
  }
  let source = (p.src_shift >> 2u) + row.source * p.seq;
  let dst_row = (p.dst_shift >> 4u) + at.row * p.units;
  for (var w = at.first; w < p.units; w += at.step) {
    let c = row.columns + w * 4u;
    let s = vec4u(idx[c], idx[c + 1u], idx[c + 2u], idx[c + 3u]);
    if (all(s < vec4u(p.seq))) {
      dst[dst_row + w] = vec4u(src[source + s.x], src[source + s.y], src[source + s.z], src[source + s.w]);
      continue;
    }
    for (var e = 0u; e < 4u; e++) {
      if (s[e] < p.seq) {
        dst[dst_row + w][e] = src[source + s[e]];
      }
    }
  }
}

//! work = words
fn work(at: Place) {
  let row = row_of(p.dst_first + at.row);
  if (row.source >= p.src_rows) {
    return;
  }
  let source = (p.src_shift >> 2u) + row.source * p.seq;
  let dst_row = (p.dst_shift >> 2u) + at.row * p.units;
  for (var w = at.first; w < p.units; w += at.step) {
    // No branch except the last, as each costs SwiftShader as much as a load.
    let s = idx[row.columns + w];
    if (s < p.seq) {
      dst[dst_row + w] = src[source + s];
    }
  }
}

//! work = parts
// Each lane writes a word of elements. For elements of 4 bytes this took 2 to 2.5 times as long as `words` on SwiftShader.
fn work(at: Place) {
  let row = row_of(p.dst_first + at.row);
  if (row.source >= p.src_rows) {
    return;
  }
  let source = p.src_shift / element_bytes + row.source * p.seq;
  let dst_row = (p.dst_shift >> 2u) + at.row * p.units;
  for (var w = at.first; w < p.units; w += at.step) {
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

//! work = odd
// Each lane writes a word that the window touches, and keeps the bytes in it that are not the window's.
fn work(place: Place) {
  let word = (p.dst_shift >> 2u) + place.row;
  let end = min(word * 4u + 4u, p.dst_shift + p.dst_rows * p.retained * element_bytes);
  var at = max(word * 4u, p.dst_shift);
  let n = (at - p.dst_shift) / element_bytes;
  var r = n / p.retained;
  var j = n - r * p.retained;
  var row = row_of(p.dst_first + r);
  var bits = 0u;
  var mask = 0u;
  while (at < end) {
    if (j == p.retained) {
      r += 1u;
      j = 0u;
      row = row_of(p.dst_first + r);
    }
    let s = idx[row.columns + j];
    if (s < p.seq && row.source < p.src_rows) {
      let byte = p.src_shift + (row.source * p.seq + s) * element_bytes;
      let shift = (at & 3u) * 8u;
      bits |= ((src[byte >> 2u] >> ((byte & 3u) * 8u)) & element_ones) << shift;
      mask |= element_ones << shift;
    }
    at += element_bytes;
    j += 1u;
  }
  store(word, bits, mask);
}

// The mask among the retained tokens: dst[l,b,h,i,j] = src[b,h,idx[l,b,i],idx[l,b,j]]. What every shader knows that
// gathers it; one more file has `work`:
//
//   words   elements of 4 bytes
//   quads   of 4 bytes, 4 a lane, where rows of dst are multiples of 16 bytes and begin at such
//   parts   of 2 bytes, or of 1 where `element_bytes` is made 1, where rows of dst are whole words; with store.wgsl
//   odd     of 2 bytes or 1 where rows of dst end within a word; with store.wgsl
//
// After DeepSpeed's csrc/random_ltd/slice_attn_masks.cu and bert_sample_tokens in ops/random_ltd/dropping_utils.py.
//
// src  the mask, [Bm,H,Q,S]: Bm is 1 or B, Q is 1 or S; a window of its rows of S
// idx  [L,B,K], int32 read as u32, so that what is negative is out of range too
// dst  [L,B,H,K,K], or [L,B,H,1,K] where Q is 1; a window of its rows of K
// An index out of range leaves its elements of dst as they were.

const element_bytes = 2u;
const element_bits = element_bytes * 8u;
const element_ones = 0xffffffffu >> (32u - element_bits);
const elements = 4u / element_bytes; // of a word

struct Params {
  rows: u32, // rows that this dispatch goes over; in `odd` words
  units: u32, // units of a row of dst
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

@group(0) @binding(1) var<storage, read> src: array<u32>;

// A row of dst.
struct Row {
  columns: u32, // where the positions of its columns begin in idx
  source: u32, // its row in the window of the mask; too large where that or its idx is elsewhere, or nowhere
}

fn row_of(row: u32) -> Row {
  let lbh = row / p.out_query;
  let lb = lbh / p.heads;
  let columns = p.idx_shift + (lb - p.lb_first) * p.kept;
  var i = 0u;
  if (p.query != 1u) {
    i = idx[columns + row - lbh * p.out_query];
  }
  let b = select(lb % p.batch, 0u, p.mask_batch == 1u);
  let source = (b * p.heads + lbh - lb * p.heads) * p.query + i - p.src_first;
  return Row(columns, select(0xffffffffu, source, i < p.query && lb - p.lb_first < p.lb_count));
}

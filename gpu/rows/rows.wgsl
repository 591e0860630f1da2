// Rows of tokens: what every shader knows that moves them. With s = idx[b,k]:
//
//   gather            dst[b,k,:] = src[b,s,:]
//   in place          dst[b,s,:] = src[b,k,:], or 0 (the exact gradient of a scatter), or += src[b,k,:] (float32; the
//                     exact gradient of a gather whose input has others)
//   by a map          the first two into what is written whole, the rest of it a copy of base or zeros, so that every
//                     row is written once: copying all rows and then K of them again would move (S + K) / S as much
//   corner            dst[q,i,:] = src[q,i,0 ... row), i < inner: a mask's top-left corner; one row alone is a plain copy
//
// One of each kind of file makes the shader of an operation; with `bytes` comes store.wgsl. invert.wgsl, which makes the
// map, takes to_named alone.
//
//   `row_to`, the row of dst that a row of the dispatch is for       to_each, to_named
//   `source_of`, what that row is made of                            from_index, from_map, from_corner, from_named
//   `retained`, a unit of a row that idx names                       retain_src, retain_zero, retain_add
//   `rest`, a unit of one that it does not                           rest_leave, rest_base, rest_zero
//   `work`, which moves the row                                      units (of 16 bytes or 4), bytes
//
// After gather_tokens_impl and scatter_tokens_impl in DeepSpeed's csrc/random_ltd/gather_scatter.cu. Bits are moved, not
// numbers, but by retain_add. Positions are distinct, so no two lanes write one place and no atomics are needed. Nothing is
// divided but once a row, and in words that rows share.
//
// src, dst, base  windows of rows: retained ones [B,K,row], all [B,S,row]; [K,B,row] and [S,B,row] where the batch is
//                 the second dimension; base's is dst's. Of a corner: src has rows of `src_step` units, `all_outer` of
//                 them for each q, and dst `inner` of them
// idx             [B,K], int32 read as u32, so that what is negative is out of range too
// map             u32, one for each row of the window of dst: 1 + the retained row that belongs there, or 0
// An index out of range touches nothing, and leaves its row of a gather as it was.

struct Params {
  rows: u32, // rows that this dispatch goes over
  row: u32, // length of a row, units
  tile: u32, // log2 of the lanes across a row
  rest: u32, // what is done to rows that the map does not name: REST once among the windows of src, or LEAVE
  seq: u32, // S
  inner: u32, // K, or B where the batch is the second dimension: retained row = outer * inner + rest
  idx_outer: u32, // how far idx moves with outer and with rest, words
  idx_rest: u32,
  all_outer: u32, // how far a row among all moves with outer, with rest and with the index
  all_rest: u32,
  all_step: u32,
  dst_first: u32, // the window of dst: its first row, how many, and where they begin in the binding, units
  dst_rows: u32,
  dst_shift: u32,
  src_first: u32, // the window of src, likewise, and from one of its rows to the next
  src_rows: u32,
  src_shift: u32,
  src_step: u32,
  base_shift: u32, // where the window of base begins, units
  idx_first: u32, // the window of idx: its first index, how many, and where they begin in the binding, words
  idx_count: u32,
  idx_shift: u32,
}

@group(0) @binding(1) var<storage, read> src: array<unit>;
@group(0) @binding(4) var<storage, read> map: array<u32>;
@group(0) @binding(5) var<storage, read> base: array<unit>;

// What is done to a row.
const LEAVE = 0u;
const RETAINED = 1u;
const REST = 2u;

// That, and the row of src, by its number in the window.
struct Source {
  kind: u32,
  row: u32,
}

// A row of src by its number among all of its rows: left alone where it is not in the window.
fn from_src(row: u32) -> Source {
  let within = row - p.src_first;
  return Source(select(LEAVE, RETAINED, within < p.src_rows), within);
}

// The row among all that a retained row lies at; 2^32 - 1 where its index is out of range, or not in the window.
fn row_among_all(retained: u32) -> u32 {
  let outer = retained / p.inner;
  let rest = retained - outer * p.inner;
  let i = outer * p.idx_outer + rest * p.idx_rest - p.idx_first;
  let s = idx[p.idx_shift + i];
  let row = outer * p.all_outer + rest * p.all_rest + s * p.all_step;
  return select(0xffffffffu, row, s < p.seq && i < p.idx_count);
}

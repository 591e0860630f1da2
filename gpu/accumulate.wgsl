// Adds rows in place: dst[b, idx[b,k], :] += src[b,k,:], the exact gradient of a gather whose input has others.
// Retained positions are distinct, so no atomics are needed.
//
// src  [B,K,row], float32, or [K,B,row] where the batch is the second dimension; a window of its rows
// idx  [B,K], int32 read as u32, so that what is negative is out of range too
// dst  [B,S,row], float32, or [S,B,row]; a window of its rows
// Units of 16 bytes, or of 4 with `alias unit = f32`. An index out of range touches nothing.
//
// A group is a tile: 2^tile lanes across a row, 256 / 2^tile rows; a lane goes on along its row. Nothing is divided
// but once a row, and no loop goes over rows: SwiftShader runs that 1.3 to 2 times as slowly.

alias unit = vec4f;

struct Params {
  rows: u32, // rows that this dispatch goes over
  row: u32, // length of a row, units
  tile: u32, // log2 of the lanes across a row
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
  src_first: u32, // the window of src, likewise
  src_rows: u32,
  src_shift: u32,
  base_shift: u32, // where the window of base begins, units; its rows are dst's
  idx_shift: u32, // where idx begins, words
  keep: u32, // 1: rows that idx does not name are written too, once among the windows of src
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> src: array<unit>;
@group(0) @binding(2) var<storage, read> idx: array<u32>;
@group(0) @binding(3) var<storage, read_write> dst: array<unit>;

// The row among all that a retained row lies at; 2^32 - 1 where its index is out of range.
fn row_among_all(retained: u32) -> u32 {
  let outer = retained / p.inner;
  let rest = retained - outer * p.inner;
  let s = idx[p.idx_shift + outer * p.idx_outer + rest * p.idx_rest];
  return select(0xffffffffu, outer * p.all_outer + rest * p.all_rest + s * p.all_step, s < p.seq);
}

@compute @workgroup_size(256)
fn accumulate(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let r = (group.y * groups.x + group.x) * (256u >> p.tile) + (lane >> p.tile);
  if (r >= p.rows) {
    return;
  }
  let to = row_among_all(p.src_first + r) - p.dst_first;
  if (to >= p.dst_rows) {
    return;
  }
  let src_row = p.src_shift + r * p.row;
  let dst_row = p.dst_shift + to * p.row;
  let across = 1u << p.tile;
  for (var c = group.z * across + (lane & (across - 1u)); c < p.row; c += groups.z * across) {
    dst[dst_row + c] += src[src_row + c];
  }
}

// Writes a whole tensor of tokens, each row once:
//   scatter_copy   dst[b,s,:] = src[b,k,:] where s = idx[b,k], else base[b,s,:]
//   scatter_zeros  dst[b,s,:] = src[b,k,:] where s = idx[b,k], else zero: the exact gradient of a gather
//   zero_copy      dst[b,s,:] = zero where s = idx[b,k], else base[b,s,:]: the exact gradient of a scatter
// After scatter_tokens_impl in DeepSpeed's csrc/random_ltd/gather_scatter.cu; bits are moved, not numbers.
//
// src  [B,K,row], or [K,B,row] where the batch is the second dimension; a window of its rows
// base [B,S,row], or [S,B,row]; the window of dst
// map  one word for each row of the window of dst: 0, or 1 + its row in src (invert.wgsl)
// dst  [B,S,row], or [S,B,row]; a window of its rows
// Units of 16 bytes, or of 4 with `alias unit = u32`.
//
// A group is a tile: 2^tile lanes across a row, 256 / 2^tile rows; a lane goes on along its row. Nothing is divided
// but once a row, and no loop goes over rows: SwiftShader runs that 1.3 to 2 times as slowly.

alias unit = vec4u;

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
@group(0) @binding(2) var<storage, read> map: array<u32>;
@group(0) @binding(3) var<storage, read_write> dst: array<unit>;
@group(0) @binding(4) var<storage, read> base: array<unit>;

@compute @workgroup_size(256)
fn scatter_copy(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let r = (group.y * groups.x + group.x) * (256u >> p.tile) + (lane >> p.tile);
  if (r >= p.rows) {
    return;
  }
  let named = map[r];
  let source = named - 1u - p.src_first;
  let dst_row = p.dst_shift + r * p.row;
  let across = 1u << p.tile;
  let start = group.z * across + (lane & (across - 1u));
  if (named == 0u && p.keep == 1u) {
    let base_row = p.base_shift + r * p.row;
    for (var c = start; c < p.row; c += groups.z * across) {
      dst[dst_row + c] = base[base_row + c];
    }
  } else if (named != 0u && source < p.src_rows) {
    let src_row = p.src_shift + source * p.row;
    for (var c = start; c < p.row; c += groups.z * across) {
      dst[dst_row + c] = src[src_row + c];
    }
  }
}

@compute @workgroup_size(256)
fn scatter_zeros(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let r = (group.y * groups.x + group.x) * (256u >> p.tile) + (lane >> p.tile);
  if (r >= p.rows) {
    return;
  }
  let named = map[r];
  let source = named - 1u - p.src_first;
  let dst_row = p.dst_shift + r * p.row;
  let across = 1u << p.tile;
  let start = group.z * across + (lane & (across - 1u));
  if (named == 0u && p.keep == 1u) {
    for (var c = start; c < p.row; c += groups.z * across) {
      dst[dst_row + c] = unit();
    }
  } else if (named != 0u && source < p.src_rows) {
    let src_row = p.src_shift + source * p.row;
    for (var c = start; c < p.row; c += groups.z * across) {
      dst[dst_row + c] = src[src_row + c];
    }
  }
}

@compute @workgroup_size(256)
fn zero_copy(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let r = (group.y * groups.x + group.x) * (256u >> p.tile) + (lane >> p.tile);
  if (r >= p.rows) {
    return;
  }
  let named = map[r];
  let base_row = p.base_shift + r * p.row;
  let dst_row = p.dst_shift + r * p.row;
  let across = 1u << p.tile;
  for (var c = group.z * across + (lane & (across - 1u)); c < p.row; c += groups.z * across) {
    dst[dst_row + c] = select(base[base_row + c], unit(), named != 0u);
  }
}

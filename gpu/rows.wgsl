// Rows of tokens, 16 bytes a lane, or 4 with `alias unit = u32` and `alias number = f32`. With s = idx[b,k]:
//
//   gather         dst[b,k,:] = src[b,s,:]
//   scatter        dst[b,s,:] = src[b,k,:], in place
//   zero           dst[b,s,:] = 0, in place: the exact gradient of a scatter
//   accumulate     dst[b,s,:] += src[b,k,:], in place, float32: the exact gradient of a gather whose input has others
//   invert         map[b,s] = 1 + the retained row (b,k); the three below read it, so that every row is written once:
//                  copying all rows and then K of them again would move (S + K) / S as much
//   scatter_copy   scatter into a copy of base
//   scatter_zeros  scatter into zeros: the exact gradient of a gather
//   zero_copy      zero in a copy of base
//   slice          dst[q,i,:] = src[q,i,0 ... row), i < inner: a mask's top-left corner; one row alone is a plain copy
//
// After gather_tokens_impl and scatter_tokens_impl in DeepSpeed's csrc/random_ltd/gather_scatter.cu. Bits are moved, not
// numbers, but for accumulate. Positions are distinct, so no two lanes write one place and no atomics are needed.
//
// src, dst, base  windows of rows: retained ones [B,K,row], all [B,S,row]; [K,B,row] and [S,B,row] where the batch is
//                 the second dimension; base's is dst's. Of slice: src has rows of `all_step` units, `all_outer` of them
//                 for each q, and dst `inner` of them
// idx             [B,K], int32 read as u32, so that what is negative is out of range too
// map             u32, one for each row of the window of dst: 0 where it is not retained; `inverse` is zero before
// An index out of range touches nothing, and leaves its row of a gather as it was.
//
// A group is a tile: 2^tile lanes across a row, 256 / 2^tile rows; a lane goes on along its row. Nothing is divided
// but once a row, and no loop goes over rows: SwiftShader runs that 1.3 to 2 times as slowly.

alias unit = vec4u;
alias number = vec4f;

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
  base_shift: u32, // where the window of base begins, units
  idx_first: u32, // the window of idx: its first index, how many, and where they begin in the binding, words
  idx_count: u32,
  idx_shift: u32,
  keep: u32, // 1: rows that idx does not name are written too, once among the windows of src
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> src: array<unit>;
@group(0) @binding(2) var<storage, read> idx: array<u32>;
@group(0) @binding(3) var<storage, read_write> dst: array<unit>;
@group(0) @binding(4) var<storage, read> map: array<u32>;
@group(0) @binding(5) var<storage, read> base: array<unit>;
@group(0) @binding(6) var<storage, read_write> inverse: array<u32>;

// The row among all that a retained row lies at; 2^32 - 1 where its index is out of range, or not in the window.
fn row_among_all(retained: u32) -> u32 {
  let outer = retained / p.inner;
  let rest = retained - outer * p.inner;
  let i = outer * p.idx_outer + rest * p.idx_rest - p.idx_first;
  let s = idx[p.idx_shift + i];
  let row = outer * p.all_outer + rest * p.all_rest + s * p.all_step;
  return select(0xffffffffu, row, s < p.seq && i < p.idx_count);
}

// A lane's row among those of the dispatch, and its first unit there and the step to the next one.
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

// Rows by their number within the window of dst, and of src.
fn copy_row(at: Place, to: u32, source: u32) {
  let dst_row = p.dst_shift + to * p.row;
  let src_row = p.src_shift + source * p.row;
  for (var c = at.first; c < p.row; c += at.step) {
    dst[dst_row + c] = src[src_row + c];
  }
}

fn zero_row(at: Place, to: u32) {
  let dst_row = p.dst_shift + to * p.row;
  for (var c = at.first; c < p.row; c += at.step) {
    dst[dst_row + c] = unit();
  }
}

fn keep_row(at: Place) {
  let dst_row = p.dst_shift + at.row * p.row;
  let base_row = p.base_shift + at.row * p.row;
  for (var c = at.first; c < p.row; c += at.step) {
    dst[dst_row + c] = base[base_row + c];
  }
}

@compute @workgroup_size(256)
fn gather(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let at = place_of(lane, group, groups);
  if (at.row >= p.rows) {
    return;
  }
  let source = row_among_all(p.dst_first + at.row) - p.src_first;
  if (source < p.src_rows) {
    copy_row(at, at.row, source);
  }
}

@compute @workgroup_size(256)
fn scatter(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let at = place_of(lane, group, groups);
  if (at.row >= p.rows) {
    return;
  }
  let to = row_among_all(p.src_first + at.row) - p.dst_first;
  if (to < p.dst_rows) {
    copy_row(at, to, at.row);
  }
}

@compute @workgroup_size(256)
fn zero(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let at = place_of(lane, group, groups);
  if (at.row >= p.rows) {
    return;
  }
  let to = row_among_all(p.src_first + at.row) - p.dst_first;
  if (to < p.dst_rows) {
    zero_row(at, to);
  }
}

@compute @workgroup_size(256)
fn accumulate(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let at = place_of(lane, group, groups);
  if (at.row >= p.rows) {
    return;
  }
  let to = row_among_all(p.src_first + at.row) - p.dst_first;
  if (to >= p.dst_rows) {
    return;
  }
  let dst_row = p.dst_shift + to * p.row;
  let src_row = p.src_shift + at.row * p.row;
  for (var c = at.first; c < p.row; c += at.step) {
    let sum = bitcast<number>(dst[dst_row + c]) + bitcast<number>(src[src_row + c]);
    dst[dst_row + c] = bitcast<unit>(sum);
  }
}

@compute @workgroup_size(256)
fn invert(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let r = (group.y * groups.x + group.x) * 256u + lane;
  if (r >= p.rows) {
    return;
  }
  let to = row_among_all(r) - p.dst_first;
  if (to < p.dst_rows) {
    inverse[to] = r + 1u;
  }
}

@compute @workgroup_size(256)
fn scatter_copy(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let at = place_of(lane, group, groups);
  if (at.row >= p.rows) {
    return;
  }
  let named = map[at.row];
  let source = named - 1u - p.src_first;
  if (named == 0u && p.keep == 1u) {
    keep_row(at);
  } else if (named != 0u && source < p.src_rows) {
    copy_row(at, at.row, source);
  }
}

@compute @workgroup_size(256)
fn scatter_zeros(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let at = place_of(lane, group, groups);
  if (at.row >= p.rows) {
    return;
  }
  let named = map[at.row];
  let source = named - 1u - p.src_first;
  if (named == 0u && p.keep == 1u) {
    zero_row(at, at.row);
  } else if (named != 0u && source < p.src_rows) {
    copy_row(at, at.row, source);
  }
}

@compute @workgroup_size(256)
fn zero_copy(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let at = place_of(lane, group, groups);
  if (at.row >= p.rows) {
    return;
  }
  if (map[at.row] != 0u) {
    zero_row(at, at.row);
  } else {
    keep_row(at);
  }
}

@compute @workgroup_size(256)
fn slice(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let at = place_of(lane, group, groups);
  if (at.row >= p.rows) {
    return;
  }
  let row = p.dst_first + at.row;
  let q = row / p.inner;
  let source = q * p.all_outer + (row - q * p.inner) - p.src_first;
  if (source >= p.src_rows) {
    return;
  }
  let dst_row = p.dst_shift + at.row * p.row;
  let src_row = p.src_shift + source * p.all_step;
  for (var c = at.first; c < p.row; c += at.step) {
    dst[dst_row + c] = src[src_row + c];
  }
}

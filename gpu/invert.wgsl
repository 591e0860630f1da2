// Turns the indices round: for each row among all, which retained row it is. What writes whole tensors reads this, so
// that every row is written once; copying all rows and then K of them again would move (S + K) / S as much.
//
// idx  [B,K], int32 read as u32, so that what is negative is out of range too
// dst  one word for each row of a window of all rows, zero before: 1 + the retained row, [B,K] or [K,B] flat
// One lane for each retained row. An index out of range touches nothing.

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
@group(0) @binding(2) var<storage, read> idx: array<u32>;
@group(0) @binding(3) var<storage, read_write> dst: array<u32>;

// The row among all that a retained row lies at; 2^32 - 1 where its index is out of range.
fn row_among_all(retained: u32) -> u32 {
  let outer = retained / p.inner;
  let rest = retained - outer * p.inner;
  let s = idx[p.idx_shift + outer * p.idx_outer + rest * p.idx_rest];
  return select(0xffffffffu, outer * p.all_outer + rest * p.all_rest + s * p.all_step, s < p.seq);
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
    dst[to] = r + 1u;
  }
}

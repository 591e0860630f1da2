// The beginning of every shader: the lanes of a dispatch, put to rows.
//
// WGSL has no include, so a shader is files of this folder one after the other: this one, one that declares Params and
// the other buffers (rows/rows.wgsl or masks/masks.wgsl, which say what follows), and others, of which one defines `work`.
//
// A group is a tile: 2^tile lanes across a row, 256 / 2^tile rows; a lane goes on along its row. No loop goes over rows:
// SwiftShader runs that 1.3 to 2 times as slowly.

alias unit = vec4u; // what a lane moves at once, or u32
alias number = vec4f; // the same for arithmetic, or f32

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(2) var<storage, read> idx: array<u32>;
@group(0) @binding(3) var<storage, read_write> dst: array<unit>;

// A lane's row among those of the dispatch, and its first unit there and the step to the next one.
struct Place {
  row: u32,
  first: u32,
  step: u32,
}

@compute @workgroup_size(256)
fn main(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let across = 1u << p.tile;
  let row = (group.y * groups.x + group.x) * (256u >> p.tile) + (lane >> p.tile);
  if (row < p.rows) {
    work(Place(row, group.z * across + (lane & (across - 1u)), groups.z * across));
  }
}

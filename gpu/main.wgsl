// The beginning of every shader: what a lane moves at once, and the lanes of a dispatch put to rows.
//
// How a shader comes about. WGSL has no include, so a shader is this file and then rows.wgsl or masks.wgsl, and of each
// the sections that were chosen. A line `//! question = answer` begins a section, the next such line ends it: the
// answers to one question stand side by side, and a shader has one of them at most. What stands above the first section
// of a file, or below `//! always`, is in every shader. src/backends/webgpu/shader-choice.ts chooses;
// `npm run shader` lists what it can choose, and `npm run shader -- gather float32 3` prints what comes out.
//
// A workgroup is a tile: 2^tile lanes across a row, lanes / 2^tile rows; a lane goes on along its row. No loop goes over
// rows: SwiftShader runs that 1.3 to 2 times as slowly.

override lanes = 256u; // of a workgroup: a power of two that the device allows

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(2) var<storage, read> idx: array<u32>;
@group(0) @binding(3) var<storage, read_write> dst: array<unit>;

// A lane's row among those of the dispatch, and its first unit there and the step to the next one.
struct Place {
  row: u32,
  first: u32,
  step: u32,
}

@compute @workgroup_size(lanes)
fn main(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let across = 1u << p.tile;
  let row = (group.y * groups.x + group.x) * (lanes >> p.tile) + (lane >> p.tile);
  if (row < p.rows) {
    work(Place(row, group.z * across + (lane & (across - 1u)), groups.z * across));
  }
}

//! unit = 16_bytes
alias unit = vec4u; // what a lane moves at once
alias number = vec4f; // the same for arithmetic

//! unit = 4_bytes
alias unit = u32;
alias number = f32;

//! words = shared
// Writes the bytes of a word that `mask` has; the others stay.
fn store(word: u32, bits: u32, mask: u32) {
  if (mask == 0xffffffffu) {
    dst[word] = bits;
  } else if (mask != 0u) {
    dst[word] = (dst[word] & ~mask) | bits;
  }
}

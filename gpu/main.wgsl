// The beginning of every shader: how much a lane moves at once, and which lanes of a dispatch work on which rows.
//
// How a shader is put together. WGSL has no include, so a shader is the text of this file followed by rows.wgsl or
// masks.wgsl, each reduced to the sections that were chosen. A line `//! question = answer` begins a section, and the
// next such line ends it. The answers to one question stand side by side, and a shader has at most one of them. Text
// above the first section of a file, or below `//! always`, is in every shader. src/backends/webgpu/shader-choice.ts
// chooses; `npm run shader` lists the choices, and `npm run shader -- gather float32 3` prints one finished text.
//
// A workgroup is a tile of 2^tile lanes across a row and lanes / 2^tile rows. Each lane steps along its row. There is no
// loop over rows, which SwiftShader runs 1.3 to 2 times slower.

override lanes = 256u; // of a workgroup: a power of two that the device allows

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(2) var<storage, read> idx: array<u32>;
@group(0) @binding(3) var<storage, read_write> dst: array<unit>;

// A lane's row among those of the dispatch, its first unit in that row, and the step to its next unit.
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
// Writes the bytes of a word that are set in `mask`, and keeps the others.
fn store(word: u32, bits: u32, mask: u32) {
  if (mask == 0xffffffffu) {
    dst[word] = bits;
  } else if (mask != 0u) {
    dst[word] = (dst[word] & ~mask) | bits;
  }
}

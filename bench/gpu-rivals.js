/** What the shaders are held against: a copy of as many bytes, and the kernel that one would write first. */

/** @param {string} types */
const head = (types) => `
struct P { rows: u32, words: u32, seq: u32, kept: u32 }
@group(0) @binding(0) var<uniform> p: P;
@group(0) @binding(1) var<storage, read> src: array<${types}>;
@group(0) @binding(2) var<storage, read> idx: array<u32>;
@group(0) @binding(3) var<storage, read_write> dst: array<${types}>;
`;

/** 16 bytes a lane, nothing looked up: what moving this many bytes costs. */
const COPY = `${head("vec4u")}
@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) lane: u32, @builtin(workgroup_id) g: vec3u, @builtin(num_workgroups) n: vec3u) {
  let i = (g.y * n.x + g.x) * 256u + lane;
  if (i < p.rows * p.words / 4u) { dst[i] = src[i]; }
}`;

/**
 * A workgroup for each row, 4 bytes a lane. `to` and `source` are words, `row` is [b,k] flat.
 * @param {string} to
 * @param {string} source
 */
const naive = (to, source, statement = "dst[to + c] = src[source + c];") => `${head("u32")}
@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) lane: u32, @builtin(workgroup_id) g: vec3u, @builtin(num_workgroups) n: vec3u) {
  let row = g.y * n.x + g.x;
  if (row >= p.rows) { return; }
  let all = (row / p.kept * p.seq + idx[row]) * p.words;
  let to = ${to};
  let source = ${source};
  for (var c = lane; c < p.words; c += 64u) { ${statement} }
}`;

/** @typedef {{ rows: number, words: number, seq: number, kept: number }} Numbers Fields of P. */

/** @type {Record<string, { code: string, perGroup: (numbers: Numbers) => number }>} */
export const RIVALS = {
  copy: { code: COPY, perGroup: ({ rows, words }) => Math.ceil((rows * words) / 4 / 256) },
  gather: { code: naive("row * p.words", "all"), perGroup: ({ rows }) => rows },
  scatter: { code: naive("all", "row * p.words"), perGroup: ({ rows }) => rows },
  zero: { code: naive("all", "0u", "dst[to + c] = 0u * src[source];"), perGroup: ({ rows }) => rows },
  accumulate: {
    code: naive(
      "all",
      "row * p.words",
      "dst[to + c] = bitcast<u32>(bitcast<f32>(dst[to + c]) + bitcast<f32>(src[source + c]));",
    ),
    perGroup: ({ rows }) => rows,
  },
  // A row of a mask [1,1,S,S]: `words` is K.
  maskGather: {
    code: naive("row * p.words", "idx[row] * p.seq", "dst[to + c] = src[source + idx[c]];"),
    perGroup: ({ rows }) => rows,
  },
  maskSlice: { code: naive("row * p.words", "row * p.seq"), perGroup: ({ rows }) => rows },
};

/**
 * Something that puts one dispatch of a rival into an encoder.
 * @param {GPUDevice} device
 * @param {string} name
 * @param {{ src: GPUBuffer, idx: GPUBuffer, dst: GPUBuffer }} operands
 * @param {Numbers} numbers
 * @returns {(encoder: GPUCommandEncoder) => void}
 */
export function rival(device, name, { src, idx, dst }, numbers) {
  const { code, perGroup } = RIVALS[name];
  const compute = { module: device.createShaderModule({ code }), entryPoint: "main" };
  const pipeline = device.createComputePipeline({ layout: "auto", compute });
  const uniform = device.createBuffer({ size: 16, usage: 0x40 | 0x8 });
  device.queue.writeBuffer(
    uniform,
    0,
    new Uint32Array([numbers.rows, numbers.words, numbers.seq, numbers.kept]),
  );
  const buffers = [uniform, src, ...(name === "copy" ? [undefined] : [idx]), dst];
  const bindGroup = device.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: buffers.flatMap((buffer, binding) => (buffer ? [{ binding, resource: { buffer } }] : [])),
  });
  const groups = perGroup(numbers);
  const x = Math.min(groups, 65535);
  return (encoder) => {
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, bindGroup);
    pass.dispatchWorkgroups(x, Math.ceil(groups / x));
    pass.end();
  };
}

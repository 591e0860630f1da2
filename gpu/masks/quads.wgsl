// Elements of 4 bytes, 4 a lane: 2.2 copies of the result on SwiftShader, where one a lane takes 3.
fn work(at: Place) {
  let row = row_of(p.dst_first + at.row);
  if (row.source >= p.src_rows) {
    return;
  }
  let source = (p.src_shift >> 2u) + row.source * p.seq;
  let dst_row = (p.dst_shift >> 4u) + at.row * p.units;
  for (var w = at.first; w < p.units; w += at.step) {
    let c = row.columns + w * 4u;
    let s = vec4u(idx[c], idx[c + 1u], idx[c + 2u], idx[c + 3u]);
    if (all(s < vec4u(p.seq))) {
      dst[dst_row + w] = vec4u(src[source + s.x], src[source + s.y], src[source + s.z], src[source + s.w]);
      continue;
    }
    for (var e = 0u; e < 4u; e++) {
      if (s[e] < p.seq) {
        dst[dst_row + w][e] = src[source + s[e]];
      }
    }
  }
}

// Elements of 4 bytes, one a lane.
fn work(at: Place) {
  let row = row_of(p.dst_first + at.row);
  if (row.source >= p.src_rows) {
    return;
  }
  let source = (p.src_shift >> 2u) + row.source * p.seq;
  let dst_row = (p.dst_shift >> 2u) + at.row * p.units;
  for (var w = at.first; w < p.units; w += at.step) {
    // No branch but the last: each costs SwiftShader as much as a load.
    let s = idx[row.columns + w];
    if (s < p.seq) {
      dst[dst_row + w] = src[source + s];
    }
  }
}

// Elements of 2 bytes or 1, a word of them a lane. Elements of 4 bytes so took 2 to 2.5 times as long on SwiftShader as by
// `words`.
fn work(at: Place) {
  let row = row_of(p.dst_first + at.row);
  if (row.source >= p.src_rows) {
    return;
  }
  let source = p.src_shift / element_bytes + row.source * p.seq;
  let dst_row = (p.dst_shift >> 2u) + at.row * p.units;
  for (var w = at.first; w < p.units; w += at.step) {
    var bits = 0u;
    var mask = 0u;
    for (var e = 0u; e < elements; e++) {
      let s = idx[row.columns + w * elements + e];
      if (s < p.seq) {
        let element = source + s;
        let shift = (element % elements) * element_bits;
        bits |= ((src[element / elements] >> shift) & element_ones) << (e * element_bits);
        mask |= element_ones << (e * element_bits);
      }
    }
    store(dst_row + w, bits, mask);
  }
}

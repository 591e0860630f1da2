// Rows that begin at multiples of a unit.
fn work(at: Place) {
  let to = row_to(at.row);
  if (to >= p.dst_rows) {
    return;
  }
  let origin = source_of(to, at.row);
  let dst_row = p.dst_shift + to * p.row;
  if (origin.kind == RETAINED) {
    let src_row = p.src_shift + origin.row * p.src_step;
    for (var c = at.first; c < p.row; c += at.step) {
      dst[dst_row + c] = retained(src_row + c, dst_row + c);
    }
  } else if (RESTS && origin.kind == REST) {
    let base_row = p.base_shift + to * p.row;
    for (var c = at.first; c < p.row; c += at.step) {
      dst[dst_row + c] = rest(base_row + c);
    }
  }
}

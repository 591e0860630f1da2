// Makes the map of a window, dst, which is zero before: 1 + the retained row that belongs to each row, 0 where none does.
fn work(at: Place) {
  let to = row_to(at.row);
  if (to < p.dst_rows) {
    dst[to] = at.row + 1u;
  }
}

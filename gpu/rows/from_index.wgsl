// Retained row `to` comes from the row that idx names.
fn source_of(to: u32, row: u32) -> Source {
  return from_src(row_among_all(p.dst_first + to));
}

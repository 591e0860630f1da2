// Row `to` is the beginning of one in the corner of src.
fn source_of(to: u32, row: u32) -> Source {
  let q = (p.dst_first + to) / p.inner;
  return from_src(q * p.all_outer + p.dst_first + to - q * p.inner);
}

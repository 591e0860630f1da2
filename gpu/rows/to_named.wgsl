// The dispatch goes over the retained rows, the window of src, and dst has those that idx names. Where it names nothing,
// or what is not in the window of dst, that is beyond the window.
fn row_to(row: u32) -> u32 {
  return row_among_all(p.src_first + row) - p.dst_first;
}

// The dispatch goes over the rows of dst.
fn row_to(row: u32) -> u32 {
  return row;
}

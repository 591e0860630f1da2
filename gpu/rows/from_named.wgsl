// Row `to` comes from the retained row at hand.
fn source_of(to: u32, row: u32) -> Source {
  return Source(RETAINED, row);
}

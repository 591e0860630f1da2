// Row `to` of the window of dst comes from the retained row that the map has for it.
fn source_of(to: u32, row: u32) -> Source {
  let named = map[to];
  if (named == 0u) {
    return Source(p.rest, 0u);
  }
  return from_src(named - 1u);
}

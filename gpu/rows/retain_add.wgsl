// Retained rows are added to what is there.
fn retained(at: u32, to: u32) -> unit {
  return bitcast<unit>(bitcast<number>(dst[to]) + bitcast<number>(src[at]));
}

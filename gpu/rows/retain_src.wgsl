// Retained rows are moved.
fn retained(at: u32, to: u32) -> unit {
  return src[at];
}

// The rest is copied.
const RESTS = true;
fn rest(at: u32) -> unit {
  return base[at];
}

// The rest is zeroed.
const RESTS = true;
fn rest(at: u32) -> unit {
  return unit();
}

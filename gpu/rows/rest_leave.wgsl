// The rest stays as it is. Units ask whether to go over it by a constant: the loop alone took 64-byte rows from 1.3 copies
// to 2 on SwiftShader.
const RESTS = false;
fn rest(at: u32) -> unit {
  return unit();
}

// Elements of 2 bytes or 1, a lane for each word that the window touches: what a word holds of others stays.
fn work(place: Place) {
  let word = (p.dst_shift >> 2u) + place.row;
  let end = min(word * 4u + 4u, p.dst_shift + p.dst_rows * p.kept * element_bytes);
  var at = max(word * 4u, p.dst_shift);
  let n = (at - p.dst_shift) / element_bytes;
  var r = n / p.kept;
  var j = n - r * p.kept;
  var row = row_of(p.dst_first + r);
  var bits = 0u;
  var mask = 0u;
  while (at < end) {
    if (j == p.kept) {
      r += 1u;
      j = 0u;
      row = row_of(p.dst_first + r);
    }
    let s = idx[row.columns + j];
    if (s < p.seq && row.source < p.src_rows) {
      let byte = p.src_shift + (row.source * p.seq + s) * element_bytes;
      let shift = (at & 3u) * 8u;
      bits |= ((src[byte >> 2u] >> ((byte & 3u) * 8u)) & element_ones) << shift;
      mask |= element_ones << shift;
    }
    at += element_bytes;
    j += 1u;
  }
  store(word, bits, mask);
}

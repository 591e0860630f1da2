// Rows of any number of bytes, at any byte: a unit is a word, and lengths and shifts of rows count bytes.
//
// Words of dst that lie within a row are moved whole, each put together from two words of the source. A word that a row
// shares, with its neighbours or with what is not this dispatch's, is put together from runs of bytes, each of one row,
// and what it holds of others stays. It belongs to the first of its rows that is not left alone: in place the map tells
// which those are. So no two lanes write one word.

// Four bytes of two words, from bit `skip` on: 0, 8, 16 or 24.
fn joined(low: u32, high: u32, skip: u32) -> u32 {
  return (low >> skip) | ((high << (31u - skip)) << 1u);
}

// Four bytes of a row that idx names, or of another, from byte `at` of the binding on. What is read beyond them is not
// used, and never beyond a binding.
fn load_retained(at: u32) -> u32 {
  return joined(retained(at >> 2u, 0u), retained((at >> 2u) + 1u, 0u), (at & 3u) * 8u);
}

fn load_rest(at: u32) -> u32 {
  return joined(rest(at >> 2u), rest((at >> 2u) + 1u), (at & 3u) * 8u);
}

// Writes a word that row `to` shares, where it is that row's to write.
fn share(word: u32, to: u32) {
  let end = min(word * 4u + 4u, p.dst_shift + p.dst_rows * p.row);
  var at = max(word * 4u, p.dst_shift);
  var bits = 0u;
  var mask = 0u;
  while (at < end) {
    let row = (at - p.dst_shift) / p.row;
    let column = at - p.dst_shift - row * p.row;
    let count = min(end - at, p.row - column);
    let origin = source_of(row, row);
    if (origin.kind != LEAVE) {
      if (row < to) {
        return;
      }
      let place = (at & 3u) * 8u;
      let ones = (0xffffffffu >> (32u - count * 8u)) << place;
      var four = 0u;
      if (origin.kind == RETAINED) {
        four = load_retained(p.src_shift + origin.row * p.src_step + column);
      } else if (RESTS) {
        four = load_rest(p.base_shift + row * p.row + column);
      }
      bits |= (four << place) & ones;
      mask |= ones;
    }
    at += count;
  }
  store(word, bits, mask);
}

fn work(at: Place) {
  let to = row_to(at.row);
  if (to >= p.dst_rows) {
    return;
  }
  let origin = source_of(to, at.row);
  if (origin.kind == LEAVE) {
    return;
  }
  let start = p.dst_shift + to * p.row;
  let end = start + p.row;
  let first = start >> 2u;
  let last = end >> 2u;
  let begin = ((start + 3u) >> 2u) + at.first; // the words within the row
  if (origin.kind == RETAINED) {
    let shift = p.src_shift + origin.row * p.src_step - start;
    for (var word = begin; word < last; word += at.step) {
      dst[word] = load_retained(word * 4u + shift);
    }
  } else if (RESTS) {
    let shift = p.base_shift + to * p.row - start;
    for (var word = begin; word < last; word += at.step) {
      dst[word] = load_rest(word * 4u + shift);
    }
  }
  if (at.first == 0u) {
    if ((start & 3u) != 0u && first != last) {
      share(first, to);
    }
    if ((end & 3u) != 0u) {
      share(last, to);
    }
  }
}

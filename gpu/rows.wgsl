// Rows of tokens. With s = idx[b,k]:
//
//   gather            dst[b,k,:] = src[b,s,:]
//   in place          dst[b,s,:] = src[b,k,:], or 0 (the exact gradient of a scatter), or += src[b,k,:] (float32; the
//                     exact gradient of a gather whose input has others)
//   by a map          the first two, where all of dst is written: its other rows become copies of base, or zeros, and each is
//                     written once. Copying all rows first, and then K of them again, would move (S + K) / S as much
//   corner            dst[q,i,:] = src[q,i,0 ... row), i < plane_rows: a mask's top-left corner; of one row, a plain copy
//
// A shader answers these questions, each by one section below:
//
//   row_to      which row of dst a row of the dispatch writes          each, named
//   source_of   what that row is made from                             index, map, corner, named
//   retained    what becomes of a unit of a row that idx names         moved, zeroed, added
//   rest        what becomes of a unit of any other row                left, copied, zeroed
//   work        how the row moves                                      units (of 16 bytes or 4), bytes
//
// The shader that makes a map answers two: row_to = named, work = inversion.
//
// After gather_tokens_impl and scatter_tokens_impl in DeepSpeed's csrc/random_ltd/gather_scatter.cu. Bits are moved,
// not numbers, except by retained = added. Positions are distinct, so no two lanes write the same place, and no atomics
// are needed. There is one division per row, and otherwise only in words that rows share.
//
// src, dst, base  windows of rows: retained ones [B,K,row], all [B,S,row]; [K,B,row] and [S,B,row] where the batch is
//                 the second dimension; base's is dst's. Of a corner: planes q of `plane_rows` rows, those of src
//                 `src_step` units long and `src_plane_rows` to a plane
// idx             [B,K], int32 read as u32, so that what is negative is out of range too
// map             u32, one for each row of the window of dst: 1 + the retained row that belongs there, or 0
// An index out of range writes nothing; in a gather its row of dst stays as it was.

struct Params {
  rows: u32, // rows that this dispatch goes over
  row: u32, // length of a row, units
  tile: u32, // log2 of the lanes across a row
  rest: u32, // what is done to rows that the map does not name: REST once among the windows of src, or LEAVE
  seq: u32, // S
  inner: u32, // K, or B where the batch is the second dimension: retained row = outer * inner + rest
  idx_outer: u32, // how far idx moves with outer and with rest, words
  idx_rest: u32,
  all_outer: u32, // how far a row among all moves with outer, with rest and with the index
  all_rest: u32,
  all_step: u32,
  plane_rows: u32, // of a corner: rows to a plane, of dst and of src
  src_plane_rows: u32,
  src_step: u32, // from one row of src to the next, units
  base_shift: u32, // where the window of base begins, units
  dst_first: u32, // the window of dst: its first row, how many, and where they begin in the binding, units
  dst_rows: u32,
  dst_shift: u32,
  src_first: u32, // the window of src, likewise
  src_rows: u32,
  src_shift: u32,
  idx_first: u32, // the window of idx: its first index, how many, and where they begin in the binding, words
  idx_count: u32,
  idx_shift: u32,
}

@group(0) @binding(1) var<storage, read> src: array<unit>;
@group(0) @binding(4) var<storage, read> map: array<u32>;
@group(0) @binding(5) var<storage, read> base: array<unit>;

// What is done with a row.
const LEAVE = 0u;
const RETAINED = 1u;
const REST = 2u;

// What is done with a row of dst, and from which row of src, counted within the window.
struct Source {
  kind: u32,
  row: u32,
}

// A row of src, given by its number among all of its rows. LEAVE if it is not in the window.
fn from_src(row: u32) -> Source {
  let within = row - p.src_first;
  return Source(select(LEAVE, RETAINED, within < p.src_rows), within);
}

// Where a retained row lies among all rows; 2^32 - 1 if its index is out of range or not in the window.
fn row_among_all(retained: u32) -> u32 {
  let outer = retained / p.inner;
  let rest = retained - outer * p.inner;
  let i = outer * p.idx_outer + rest * p.idx_rest - p.idx_first;
  let s = idx[p.idx_shift + i];
  let row = outer * p.all_outer + rest * p.all_rest + s * p.all_step;
  return select(0xffffffffu, row, s < p.seq && i < p.idx_count);
}

//! row_to = each
// The dispatch goes over the rows of dst.
fn row_to(row: u32) -> u32 {
  return row;
}

//! row_to = named
// The dispatch goes over the retained rows, which are the window of src, and writes the rows of dst that idx names. The
// result is beyond the window of dst where idx names no row, or one outside of the window.
fn row_to(row: u32) -> u32 {
  return row_among_all(p.src_first + row) - p.dst_first;
}

//! source_of = index
// Retained row `to` is copied from the row that idx names.
fn source_of(to: u32, row: u32) -> Source {
  return from_src(row_among_all(p.dst_first + to));
}

//! source_of = map
// Row `to` of the window of dst is copied from the retained row that the map gives for it.
fn source_of(to: u32, row: u32) -> Source {
  let named = map[to];
  if (named == 0u) {
    return Source(p.rest, 0u);
  }
  return from_src(named - 1u);
}

//! source_of = corner
// Row `to` is the beginning of a row in the corner of src.
fn source_of(to: u32, row: u32) -> Source {
  let q = (p.dst_first + to) / p.plane_rows;
  return from_src(q * p.src_plane_rows + p.dst_first + to - q * p.plane_rows);
}

//! source_of = named
// Row `to` is copied from the retained row of this dispatch row.
fn source_of(to: u32, row: u32) -> Source {
  return Source(RETAINED, row);
}

//! retained = moved
fn retained(at: u32, to: u32) -> unit {
  return src[at];
}

//! retained = zeroed
fn retained(at: u32, to: u32) -> unit {
  return unit();
}

//! retained = added
// Added to what is in dst.
fn retained(at: u32, to: u32) -> unit {
  return bitcast<unit>(bitcast<number>(dst[to]) + bitcast<number>(src[at]));
}

//! rest = left
// Whether the rest is written is a constant: on SwiftShader the loop alone took 64-byte rows from 1.3 copies to 2.
const RESTS = false;
fn rest(at: u32) -> unit {
  return unit();
}

//! rest = copied
const RESTS = true;
fn rest(at: u32) -> unit {
  return base[at];
}

//! rest = zeroed
const RESTS = true;
fn rest(at: u32) -> unit {
  return unit();
}

//! work = units
// Rows that begin at multiples of a unit.
fn work(at: Place) {
  let to = row_to(at.row);
  if (to >= p.dst_rows) {
    return;
  }
  let origin = source_of(to, at.row);
  if (origin.kind == LEAVE) {
    return;
  }
  let dst_row = p.dst_shift + to * p.row;
  let src_row = p.src_shift + origin.row * p.src_step;
  let base_row = p.base_shift + to * p.row;
  for (var c = at.first; c < p.row; c += at.step) {
    // One store for both kinds of rows. With a loop for each, SwiftShader, whose four lanes are four rows here, went through
    // both: a scatter into a copy took 2.3 copies at 64 B and 1.6 at 256 B, this takes 1.9 and 1.4.
    var moved: unit;
    if (!RESTS || origin.kind == RETAINED) {
      moved = retained(src_row + c, dst_row + c);
    } else {
      moved = rest(base_row + c);
    }
    dst[dst_row + c] = moved;
  }
}

//! work = bytes
// Rows of any number of bytes, at any byte: a unit is a word, and lengths and shifts of rows count bytes.
//
// Words of dst that lie within one row are written whole, each joined from two words of the source. A word that a row
// shares, with other rows or with bytes that are not this dispatch's, is joined from runs of bytes, one run for each
// row; all other bytes of it are kept. Such a word is written by the first of its rows that is not left alone. (In
// place, the map tells which rows those are.) So no two lanes write the same word.

// Four bytes of two words, from bit `skip` on: 0, 8, 16 or 24.
fn joined(low: u32, high: u32, skip: u32) -> u32 {
  return (low >> skip) | ((high << (31u - skip)) << 1u);
}

// Four bytes, from byte `at` of the binding on, of a row that idx names (load_retained) or of another one (load_rest).
// Bytes beyond the row may be read but are not used. Nothing is read beyond the binding.
fn load_retained(at: u32) -> u32 {
  return joined(retained(at >> 2u, 0u), retained((at >> 2u) + 1u, 0u), (at & 3u) * 8u);
}

fn load_rest(at: u32) -> u32 {
  return joined(rest(at >> 2u), rest((at >> 2u) + 1u), (at & 3u) * 8u);
}

// Writes a word that row `to` shares with others, if it is that row's turn to write it.
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

//! work = inversion
// Makes the map of a window in dst, which is zeroed before: 1 + the retained row that belongs to a row, or 0.
fn work(at: Place) {
  let to = row_to(at.row);
  if (to < p.dst_rows) {
    dst[to] = at.row + 1u;
  }
}

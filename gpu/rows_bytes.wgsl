// rows.wgsl for rows of any number of bytes, at any byte; bindings and operations are as there.
//
// Words of dst that lie within a row are moved whole, each put together from two words of the source. A word that a row
// shares, with its neighbours or with what is not this call's, is put together from runs of bytes, each of one row, and
// what it holds of others stays. It belongs to the row that begins it: of all rows in gather, scatter_copy,
// scatter_zeros, zero_copy and slice, of the retained ones in scatter and zero, where `map` tells which those are and no
// other word is touched. So no two lanes write one word.

struct Params {
  rows: u32, // rows that this dispatch goes over
  row: u32, // length of a row, bytes
  tile: u32, // log2 of the lanes across a row
  seq: u32, // S
  inner: u32, // K, or B where the batch is the second dimension: retained row = outer * inner + rest
  idx_outer: u32, // how far idx moves with outer and with rest, words
  idx_rest: u32,
  all_outer: u32, // how far a row among all moves with outer, with rest and with the index
  all_rest: u32,
  all_step: u32,
  dst_first: u32, // the window of dst: its first row, how many, and where they begin in the binding, bytes
  dst_rows: u32,
  dst_shift: u32,
  src_first: u32, // the window of src, likewise
  src_rows: u32,
  src_shift: u32,
  base_shift: u32, // where the window of base begins, bytes
  idx_first: u32, // the window of idx: its first index, how many, and where they begin in the binding, words
  idx_count: u32,
  idx_shift: u32,
  keep: u32, // 1: rows that idx does not name are written too, once among the windows of src
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> src: array<u32>;
@group(0) @binding(2) var<storage, read> idx: array<u32>;
@group(0) @binding(3) var<storage, read_write> dst: array<u32>;
@group(0) @binding(4) var<storage, read> map: array<u32>;
@group(0) @binding(5) var<storage, read> base: array<u32>;

// The row among all that a retained row lies at; 2^32 - 1 where its index is out of range, or not in the window.
fn row_among_all(retained: u32) -> u32 {
  let outer = retained / p.inner;
  let rest = retained - outer * p.inner;
  let i = outer * p.idx_outer + rest * p.idx_rest - p.idx_first;
  let s = idx[p.idx_shift + i];
  let row = outer * p.all_outer + rest * p.all_rest + s * p.all_step;
  return select(0xffffffffu, row, s < p.seq && i < p.idx_count);
}

// A lane's row among those of the dispatch, and its first word there and the step to the next one.
struct Place {
  row: u32,
  first: u32,
  step: u32,
}

fn place_of(lane: u32, group: vec3u, groups: vec3u) -> Place {
  let across = 1u << p.tile;
  return Place(
    (group.y * groups.x + group.x) * (256u >> p.tile) + (lane >> p.tile),
    group.z * across + (lane & (across - 1u)),
    groups.z * across,
  );
}

// `count` bytes of src from byte `at` on, 1 to 4 of them; only words that hold one of them are read.
fn load_src(at: u32, count: u32) -> u32 {
  let skip = (at & 3u) * 8u;
  var bits = src[at >> 2u] >> skip;
  if (skip + count * 8u > 32u) {
    bits |= src[(at >> 2u) + 1u] << (32u - skip);
  }
  return bits;
}

// The same of base.
fn load_base(at: u32, count: u32) -> u32 {
  let skip = (at & 3u) * 8u;
  var bits = base[at >> 2u] >> skip;
  if (skip + count * 8u > 32u) {
    bits |= base[(at >> 2u) + 1u] << (32u - skip);
  }
  return bits;
}

// The words of dst that lie within row `to` of the window: the first one's number, and how many.
fn words_within(to: u32) -> vec2u {
  let start = p.dst_shift + to * p.row;
  let first = (start + 3u) >> 2u;
  let end = (start + p.row) >> 2u;
  return vec2u(first, end - min(first, end));
}

// Moves those from the row of src that begins at byte `source`.
fn copy_words(at: Place, to: u32, source: u32) {
  let words = words_within(to);
  let begin = source + words.x * 4u - (p.dst_shift + to * p.row);
  let skip = (begin & 3u) * 8u;
  if (skip == 0u) {
    for (var w = at.first; w < words.y; w += at.step) {
      dst[words.x + w] = src[(begin >> 2u) + w];
    }
    return;
  }
  for (var w = at.first; w < words.y; w += at.step) {
    let word = (begin >> 2u) + w;
    dst[words.x + w] = (src[word] >> skip) | (src[word + 1u] << (32u - skip));
  }
}

// The same from base.
fn keep_words(at: Place, to: u32) {
  let words = words_within(to);
  let begin = p.base_shift + words.x * 4u - p.dst_shift;
  let skip = (begin & 3u) * 8u;
  if (skip == 0u) {
    for (var w = at.first; w < words.y; w += at.step) {
      dst[words.x + w] = base[(begin >> 2u) + w];
    }
    return;
  }
  for (var w = at.first; w < words.y; w += at.step) {
    let word = (begin >> 2u) + w;
    dst[words.x + w] = (base[word] >> skip) | (base[word + 1u] << (32u - skip));
  }
}

fn zero_words(at: Place, to: u32) {
  let words = words_within(to);
  for (var w = at.first; w < words.y; w += at.step) {
    dst[words.x + w] = 0u;
  }
}

const NONE = 0xffffffffu; // a word that no window reaches: it is left alone

// The words that row `to` shares at its beginning and at its end; NONE where there is none, or it is the same.
fn edges_of(to: u32) -> vec2u {
  let start = p.dst_shift + to * p.row;
  let end = start + p.row;
  let tail = select(NONE, end >> 2u, (end & 3u) != 0u);
  let head = select(NONE, start >> 2u, (start & 3u) != 0u && start >> 2u != tail);
  return vec2u(head, tail);
}

// Of those, the ones that begin with this row, or with the window.
fn own_edges_of(to: u32) -> vec2u {
  let edges = edges_of(to);
  let start = p.dst_shift + to * p.row;
  return vec2u(select(NONE, edges.x, to == 0u), select(NONE, edges.y, to == 0u || edges.y * 4u >= start));
}

// A word of dst that is put together.
struct Word {
  number: u32,
  at: u32, // its next byte, and the end of those within the window
  end: u32,
  row: u32, // where that byte is: the row in the window, and the byte of the row
  column: u32,
  bits: u32, // what is there already, and which bytes that is
  mask: u32,
}

fn word_of(number: u32) -> Word {
  let at = max(number * 4u, p.dst_shift);
  let end = min(number * 4u + 4u, p.dst_shift + p.dst_rows * p.row);
  let row = (at - p.dst_shift) / p.row;
  return Word(number, at, end, row, at - p.dst_shift - row * p.row, 0u, 0u);
}

// How many of the word's next bytes are of one row.
fn run(word: Word) -> u32 {
  return min(word.end - word.at, p.row - word.column);
}

// Puts in the next `count` bytes, 1 to 4, the lowest of `bits`.
fn put(word: ptr<function, Word>, count: u32, bits: u32) {
  let ones = 0xffffffffu >> (32u - count * 8u);
  let place = ((*word).at & 3u) * 8u;
  (*word).bits |= (bits & ones) << place;
  (*word).mask |= ones << place;
}

fn advance(word: ptr<function, Word>, count: u32) {
  (*word).at += count;
  (*word).row += 1u;
  (*word).column = 0u;
}

fn store(word: Word) {
  if (word.mask == 0xffffffffu) {
    dst[word.number] = word.bits;
  } else if (word.mask != 0u) {
    dst[word.number] = (dst[word.number] & ~word.mask) | word.bits;
  }
}

fn gather_word(number: u32) {
  var word = word_of(number);
  while (word.at < word.end) {
    let count = run(word);
    let source = row_among_all(p.dst_first + word.row) - p.src_first;
    if (source < p.src_rows) {
      put(&word, count, load_src(p.src_shift + source * p.row + word.column, count));
    }
    advance(&word, count);
  }
  store(word);
}

@compute @workgroup_size(256)
fn gather(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let at = place_of(lane, group, groups);
  if (at.row >= p.rows) {
    return;
  }
  let source = row_among_all(p.dst_first + at.row) - p.src_first;
  if (source < p.src_rows) {
    copy_words(at, at.row, p.src_shift + source * p.row);
  }
  if (at.first == 0u) {
    let edges = own_edges_of(at.row);
    gather_word(edges.x);
    gather_word(edges.y);
  }
}

fn scatter_word(number: u32, owner: u32) {
  var word = word_of(number);
  while (word.at < word.end) {
    let count = run(word);
    let named = map[word.row];
    if (named != 0u && word.row < owner) {
      return;
    }
    let source = named - 1u - p.src_first;
    if (named != 0u && source < p.src_rows) {
      put(&word, count, load_src(p.src_shift + source * p.row + word.column, count));
    }
    advance(&word, count);
  }
  store(word);
}

@compute @workgroup_size(256)
fn scatter(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let at = place_of(lane, group, groups);
  if (at.row >= p.rows) {
    return;
  }
  let to = row_among_all(at.row) - p.dst_first;
  if (to >= p.dst_rows || map[to] != at.row + 1u) {
    return;
  }
  let source = at.row - p.src_first;
  if (source < p.src_rows) {
    copy_words(at, to, p.src_shift + source * p.row);
  }
  if (at.first == 0u) {
    let edges = edges_of(to);
    scatter_word(edges.x, to);
    scatter_word(edges.y, to);
  }
}

fn zero_word(number: u32, owner: u32) {
  var word = word_of(number);
  while (word.at < word.end) {
    let count = run(word);
    let named = map[word.row];
    if (named != 0u && word.row < owner) {
      return;
    }
    if (named != 0u) {
      put(&word, count, 0u);
    }
    advance(&word, count);
  }
  store(word);
}

@compute @workgroup_size(256)
fn zero(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let at = place_of(lane, group, groups);
  if (at.row >= p.rows) {
    return;
  }
  let to = row_among_all(at.row) - p.dst_first;
  if (to >= p.dst_rows || map[to] != at.row + 1u) {
    return;
  }
  zero_words(at, to);
  if (at.first == 0u) {
    let edges = edges_of(to);
    zero_word(edges.x, to);
    zero_word(edges.y, to);
  }
}

fn scatter_copy_word(number: u32) {
  var word = word_of(number);
  while (word.at < word.end) {
    let count = run(word);
    let named = map[word.row];
    let source = named - 1u - p.src_first;
    if (named == 0u && p.keep == 1u) {
      put(&word, count, load_base(p.base_shift + word.row * p.row + word.column, count));
    } else if (named != 0u && source < p.src_rows) {
      put(&word, count, load_src(p.src_shift + source * p.row + word.column, count));
    }
    advance(&word, count);
  }
  store(word);
}

@compute @workgroup_size(256)
fn scatter_copy(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let at = place_of(lane, group, groups);
  if (at.row >= p.rows) {
    return;
  }
  let named = map[at.row];
  let source = named - 1u - p.src_first;
  if (named == 0u && p.keep == 1u) {
    keep_words(at, at.row);
  } else if (named != 0u && source < p.src_rows) {
    copy_words(at, at.row, p.src_shift + source * p.row);
  }
  if (at.first == 0u) {
    let edges = own_edges_of(at.row);
    scatter_copy_word(edges.x);
    scatter_copy_word(edges.y);
  }
}

fn scatter_zeros_word(number: u32) {
  var word = word_of(number);
  while (word.at < word.end) {
    let count = run(word);
    let named = map[word.row];
    let source = named - 1u - p.src_first;
    if (named == 0u && p.keep == 1u) {
      put(&word, count, 0u);
    } else if (named != 0u && source < p.src_rows) {
      put(&word, count, load_src(p.src_shift + source * p.row + word.column, count));
    }
    advance(&word, count);
  }
  store(word);
}

@compute @workgroup_size(256)
fn scatter_zeros(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let at = place_of(lane, group, groups);
  if (at.row >= p.rows) {
    return;
  }
  let named = map[at.row];
  let source = named - 1u - p.src_first;
  if (named == 0u && p.keep == 1u) {
    zero_words(at, at.row);
  } else if (named != 0u && source < p.src_rows) {
    copy_words(at, at.row, p.src_shift + source * p.row);
  }
  if (at.first == 0u) {
    let edges = own_edges_of(at.row);
    scatter_zeros_word(edges.x);
    scatter_zeros_word(edges.y);
  }
}

fn zero_copy_word(number: u32) {
  var word = word_of(number);
  while (word.at < word.end) {
    let count = run(word);
    var bits = 0u;
    if (map[word.row] == 0u) {
      bits = load_base(p.base_shift + word.row * p.row + word.column, count);
    }
    put(&word, count, bits);
    advance(&word, count);
  }
  store(word);
}

@compute @workgroup_size(256)
fn zero_copy(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let at = place_of(lane, group, groups);
  if (at.row >= p.rows) {
    return;
  }
  if (map[at.row] != 0u) {
    zero_words(at, at.row);
  } else {
    keep_words(at, at.row);
  }
  if (at.first == 0u) {
    let edges = own_edges_of(at.row);
    zero_copy_word(edges.x);
    zero_copy_word(edges.y);
  }
}

// The row of src that row `to` is the beginning of, each in its window.
fn sliced_row(to: u32) -> u32 {
  let row = p.dst_first + to;
  let q = row / p.inner;
  return q * p.all_outer + (row - q * p.inner) - p.src_first;
}

fn slice_word(number: u32) {
  var word = word_of(number);
  while (word.at < word.end) {
    let count = run(word);
    let source = sliced_row(word.row);
    if (source < p.src_rows) {
      put(&word, count, load_src(p.src_shift + source * p.all_step + word.column, count));
    }
    advance(&word, count);
  }
  store(word);
}

@compute @workgroup_size(256)
fn slice(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let at = place_of(lane, group, groups);
  if (at.row >= p.rows) {
    return;
  }
  let source = sliced_row(at.row);
  if (source < p.src_rows) {
    copy_words(at, at.row, p.src_shift + source * p.all_step);
  }
  if (at.first == 0u) {
    let edges = own_edges_of(at.row);
    slice_word(edges.x);
    slice_word(edges.y);
  }
}

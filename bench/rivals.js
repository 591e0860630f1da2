/** Other ways to draw K of S positions, ascending, each as fast as plain JavaScript was found to do it. */

/** @typedef {(out: Int32Array, start: number, kept: number) => void} Draw Draws a row into `out` from `start` on. */

/**
 * Fisher-Yates over a permutation that is never reset (any permutation will do), then a typed sort.
 * @param {number} seqLength
 * @returns {Draw}
 */
export function fisherYatesSort(seqLength) {
  const permutation = Int32Array.from({ length: seqLength }, (_, i) => i);
  return (out, start, kept) => {
    shuffle(permutation, kept);
    const row = out.subarray(start, start + kept);
    row.set(permutation.subarray(0, kept));
    row.sort();
  };
}

/**
 * The same, put into order by marking positions and reading the marks.
 * @param {number} seqLength
 * @returns {Draw}
 */
export function fisherYatesMarks(seqLength) {
  const permutation = Int32Array.from({ length: seqLength }, (_, i) => i);
  const marks = new Uint8Array(seqLength);
  return (out, start, kept) => {
    shuffle(permutation, kept);
    for (let i = 0; i < kept; i++) marks[permutation[i]] = 1;
    // Without a branch: every position is written, and only marked ones move on.
    const end = start + kept;
    let n = start;
    for (let i = 0; n < end; i++) {
      out[n] = i;
      n += marks[i];
      marks[i] = 0;
    }
  };
}

/**
 * The same with a bitmap: 32 marks a word, of which only those that are set cost time.
 * @param {number} seqLength
 * @returns {Draw}
 */
export function fisherYatesBitmap(seqLength) {
  const permutation = Int32Array.from({ length: seqLength }, (_, i) => i);
  const bitmap = new Uint32Array(Math.ceil(seqLength / 32));
  return (out, start, kept) => {
    shuffle(permutation, kept);
    for (let i = 0; i < kept; i++) bitmap[permutation[i] >>> 5] |= 1 << (permutation[i] & 31);
    let n = start;
    for (let w = 0; w < bitmap.length; w++) {
      for (let word = bitmap[w]; word !== 0; word &= word - 1) {
        out[n++] = 32 * w + 31 - Math.clz32(word & -word);
      }
      bitmap[w] = 0;
    }
  };
}

/**
 * @param {Int32Array} permutation
 * @param {number} kept
 */
function shuffle(permutation, kept) {
  const length = permutation.length;
  for (let i = 0; i < kept; i++) {
    const j = i + Math.floor(Math.random() * (length - i));
    const taken = permutation[j];
    permutation[j] = permutation[i];
    permutation[i] = taken;
  }
}

/**
 * Selection sampling: Knuth, TAOCP volume 2, 3.4.2, algorithm S.
 * @param {number} seqLength
 * @returns {Draw}
 */
export function selectionSampling(seqLength) {
  return (out, start, kept) => {
    let wanted = kept;
    let n = start;
    for (let i = 0; wanted > 0; i++) {
      if ((seqLength - i) * Math.random() < wanted) {
        out[n++] = i;
        wanted--;
      }
    }
  };
}

/**
 * The same without a branch, over an xorshift32 (Marsaglia 2003) of its own: not seeded by position.
 * @param {number} seqLength
 * @returns {Draw}
 */
export function selectionXorshift(seqLength) {
  let state = 0x9e3779b9;
  return (out, start, kept) => {
    let wanted = kept;
    let n = start;
    let x = state;
    for (let i = 0; wanted > 0; i++) {
      x ^= x << 13;
      x ^= x >>> 17;
      x ^= x << 5;
      const take = (seqLength - i) * ((x >>> 0) * 2 ** -32) < wanted ? 1 : 0;
      out[n] = i;
      n += take;
      wanted -= take;
    }
    state = x;
  };
}

/**
 * A random key for each position, in the low bits of which the position travels, and a typed sort.
 * @param {number} seqLength
 * @returns {Draw}
 */
export function sortKeys(seqLength) {
  const keys = new Float64Array(seqLength);
  return (out, start, kept) => {
    for (let i = 0; i < seqLength; i++) keys[i] = Math.floor(Math.random() * 2 ** 28) * 2 ** 25 + i;
    keys.sort();
    const row = out.subarray(start, start + kept);
    for (let i = 0; i < kept; i++) row[i] = keys[i] % 2 ** 25;
    row.sort();
  };
}

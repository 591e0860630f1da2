/** Small seeded generators for weights and data. What is retained is drawn by the library itself. */

/** Numbers that depend on the words given and on nothing else. */
export class Random {
  #state: number;

  /** @param words Whole numbers; each enters by its lowest 32 bits. */
  constructor(...words: readonly number[]) {
    let state = 0x9e3779b9;
    for (const word of words) state = mix((state ^ mix(word >>> 0)) + 0x85ebca6b);
    this.#state = state;
  }

  /** Uniform in [0, 1): mulberry32 (Tommy Ettinger, public domain). */
  uniform(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let a = this.#state;
    a = Math.imul(a ^ (a >>> 15), a | 1);
    a ^= a + Math.imul(a ^ (a >>> 7), a | 61);
    return ((a ^ (a >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number from 0 to `count - 1`. */
  below(count: number): number {
    return Math.floor(this.uniform() * count);
  }

  /** Standard normal, by Box and Muller. */
  normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    return radius * Math.cos(2 * Math.PI * this.uniform());
  }

  /** Puts `values` into a random order (Fisher and Yates). */
  shuffle<T extends { length: number; [at: number]: unknown }>(values: T): T {
    for (let i = values.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      const kept = values[i];
      values[i] = values[j];
      values[j] = kept;
    }
    return values;
  }
}

/** The finalizer of MurmurHash3 (Austin Appleby, public domain). */
function mix(word: number): number {
  let h = word | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

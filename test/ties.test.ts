/** Selection by keys that never occur by chance: ties, clusters, and keys far from where they are expected. */
import fc from "fast-check";
import { beforeAll, expect, test } from "vitest";
import { selectByRank } from "../src/backends/reference/sampling.ts";
import { expectBytes, randomSource } from "./suites/data.ts";
import { sampleInjected, selectInjected, type TestingCore, testingCore } from "./suites/testing-core.ts";

let wasm: TestingCore;
beforeAll(async () => {
  wasm = await testingCore();
});

const MAX = 0xffffffff;
const TILE = 2 ** 17;
/** How many candidates the core has room for. */
const ROOM = 65536;

/** Makes the key of token `i`, where the K-th smallest of S keys is expected to be near `guess`. */
type KeyMaker = (a: { random: () => number; i: number; seq: number; guess: number }) => number;

/** Keys between expected neighbours lie about this far apart. */
const gap = (seq: number) => Math.ceil(2 ** 32 / seq);

const KEYS: Readonly<Record<string, KeyMaker>> = {
  uniform: ({ random }) => random(),
  "all zero": () => 0,
  "all ones": () => MAX,
  "all at the guess": ({ guess }) => guess,
  "all just above the guess": ({ guess }) => guess + 1,
  "all just below the guess": ({ guess }) => guess - 1,
  "on both sides of the guess": ({ random, guess }) => guess - 1 + (random() % 3),
  "seven values": ({ random }) => (random() % 7) * 0x24924924,
  "two values": ({ random }) => (random() % 2 ? 5 : MAX - 5),
  "both ends": ({ random }) => (random() % 2 ? random() % 16 : MAX - (random() % 16)),
  "all low": ({ random }) => random() >>> 12,
  "all high": ({ random }) => MAX - (random() >>> 12),
  ascending: ({ i, seq }) => i * Math.floor(2 ** 32 / seq),
  descending: ({ i, seq }) => MAX - i * Math.floor(2 ** 32 / seq),
  "a cluster near the guess": ({ random, guess, seq }) =>
    random() % 4 ? guess - 40 * gap(seq) + (random() % (80 * gap(seq))) : random(),
  "a hole above the guess": ({ random, guess, seq }) => {
    const key = random();
    return key > guess && key - guess < (seq / 4) * gap(seq) ? key + 2 ** 30 : key;
  },
  "a hole below the guess": ({ random, guess, seq }) => {
    const key = random();
    return key <= guess && guess - key < (seq / 4) * gap(seq) ? guess - 2 ** 30 : key;
  },
  "too few below, and the rest some way above": ({ random, guess, i, seq }) =>
    i % 9 ? random() % (guess + 1) : guess + (i % 7) * 3 * gap(seq),
  "too many below, most of them just so": ({ random, guess, i, seq }) =>
    i % 9 ? guess - (random() % (seq * gap(64 * seq))) : random(),
};

interface Case {
  readonly seq: number;
  readonly kept: number;
  readonly keys: string;
  readonly seed: number;
  /** One in so many tokens is kept, or padding; 0 for no such mask. */
  readonly keepOneIn: number;
  readonly padOneIn: number;
  readonly prefix: number;
}

function masksOf(c: Case, random: () => number) {
  const bytes = (one: (i: number) => boolean) =>
    Uint8Array.from({ length: c.seq }, (_, i) => (one(i) ? 1 : 0));
  const keep = c.keepOneIn > 0 ? bytes(() => random() % c.keepOneIn === 0) : undefined;
  const real = c.padOneIn > 0 ? bytes(() => random() % c.padOneIn !== 0) : undefined;
  return { keep, real, prefix: c.prefix };
}

function check(c: Case): void {
  const random = randomSource(c.seed);
  const masks = masksOf(c, random);
  const classes = Uint8Array.from({ length: c.seq }, (_, i) => {
    if (i < c.prefix || masks.keep?.[i]) return 0;
    return masks.real?.[i] === 0 ? 2 : 1;
  });
  const count = (wanted: number) => classes.reduce((n, one) => n + (one === wanted ? 1 : 0), 0);
  const [first, others] = [count(0), count(1)];
  // The guess is for what the contested class still has to give.
  const [need, pool] =
    c.kept - first > others ? [c.kept - first - others, c.seq - first - others] : [c.kept - first, others];
  const guess = Math.floor(Math.max(0, Math.min((need / pool) * 2 ** 32 || 0, MAX)));
  const keys = new Uint32Array(c.seq);
  for (let i = 0; i < c.seq; i++) keys[i] = KEYS[c.keys]({ random, i, seq: c.seq, guess });

  const selected = selectInjected(wasm, keys, c.kept, masks);
  if (first > c.kept) {
    expect(selected).toBeUndefined();
    return;
  }
  expect(selected).toBeDefined();
  const expected = selectByRank(classes, keys, c.kept);
  expectBytes(new Uint8Array(selected!.buffer), new Uint8Array(expected.slice().buffer), JSON.stringify(c));
}

function cases(minLength: number, maxLength: number): fc.Arbitrary<Case> {
  return fc
    .record({
      seq: fc.integer({ min: minLength, max: maxLength }),
      kept: fc.nat(),
      keys: fc.constantFrom(...Object.keys(KEYS)),
      seed: fc.nat(),
      keepOneIn: fc.constantFrom(0, 0, 2, 9, 1000),
      padOneIn: fc.constantFrom(0, 0, 1, 2, 9, 1000),
      prefix: fc.constantFrom(0, 0, 1, 5),
    })
    .map((c) => ({ ...c, kept: 1 + (c.kept % c.seq) }));
}

test("any keys, any classes, short rows", () => {
  fc.assert(fc.property(cases(1, 700), check), { numRuns: 3000, seed: 2211 });
});

test("any keys, any classes, rows longer than those whose bins are all searched, of one or two tiles", () => {
  fc.assert(fc.property(cases(4000, 2 * TILE), check), { numRuns: 15, seed: 2211 });
});

const plain = { seed: 3, keepOneIn: 0, padOneIn: 0, prefix: 0 };

test.each(Object.keys(KEYS))("keys %s: rows that one tile holds", (keys) => {
  for (const seq of [4096, 4159]) {
    for (const kept of [1, 2, seq >> 3, (seq >> 1) + 1, seq - 1]) {
      check({ ...plain, seq, kept, keys });
      check({ ...plain, seq, kept, keys, keepOneIn: 10, padOneIn: 3, prefix: 2 });
    }
  }
});

test.each(Object.keys(KEYS))("keys %s: rows longer than a tile", (keys) => {
  const seq = TILE + 97;
  for (const kept of [seq >> 3, seq - 1]) check({ ...plain, seq, kept, keys });
  check({ ...plain, seq, kept: seq >> 2, keys, keepOneIn: 10, padOneIn: 2 });
});

/** Expects the K smallest of keys that are given outright. */
function expectSmallest(keys: Uint32Array<ArrayBuffer>, kept: number, what: string): void {
  const expected = selectByRank(new Uint8Array(keys.length), keys, kept);
  const selected = selectInjected(wasm, keys, kept)!;
  expectBytes(new Uint8Array(selected.buffer), new Uint8Array(expected.slice().buffer), what);
}

// A window with about as many candidates as there is room for is where they are given up for bisection.
test.each([-66, -65, -64, -63, -1, 0, 1, 64])("65536 %i candidates in the window", (more) => {
  const seq = 2 * TILE;
  const kept = seq >> 1;
  const inWindow = ROOM + more;
  const random = randomSource(9);
  const keys = Uint32Array.from({ length: seq }, (_, i) => {
    if (i < inWindow) return 2 ** 31 - 500 + (random() % 1000);
    return i % 2 ? random() >>> 2 : MAX - (random() >>> 2);
  });
  expectSmallest(keys, kept, "the smallest half");
  expectSmallest(keys, kept + 3000, "more");
});

// The smallest candidates come where there is no room for them: were the others taken for all, they would be selected.
test.each([0, 63])("more candidates than there is room for, after %i tokens that are none", (before) => {
  const [seq, kept, wanted] = [2 * TILE, TILE, 2000];
  const [others, smallest] = [70_000, 3000];
  const bin = 2 ** 18; // keys, for these S and K
  const random = randomSource(9);
  let below = kept - wanted;
  const keys = Uint32Array.from({ length: seq }, (_, i) => {
    const candidate = i - before;
    if (candidate >= 0 && candidate < others) return 2 ** 31 + bin * (1 + (random() % 70)) + (random() % bin);
    if (candidate >= others && candidate < others + smallest) return 2 ** 31 + (random() % bin);
    return below-- > 0 ? random() >>> 2 : MAX - (random() >>> 2);
  });
  expectSmallest(keys, kept, "those of the next bin");
});

// More than there is room for, in a row that one tile holds: those left out would be the smallest, or the largest.
test.each([1, 20, 3000])("all keys of a tile in the window, %i wanted of them", (kept) => {
  const guess = Math.floor((kept * 2 ** 32) / TILE);
  const above = Uint32Array.from({ length: TILE }, (_, i) => guess + 1 + (TILE - 1 - i));
  expectSmallest(above, kept, "descending above the guess");
  const below = Uint32Array.from({ length: TILE }, (_, i) => guess - 2 * i);
  expectSmallest(below, kept, "descending below the guess");
});

// Rows go out behind one another: none may spoil what is there of those before it.
test.each(Object.keys(KEYS))("keys %s: several rows in one call", (name) => {
  for (const [seq, kept, rows] of [
    [500, 120, 40],
    [3000, 2900, 40],
    [66_000, 9000, 3],
    [TILE + 500, 9000, 2],
  ]) {
    const random = randomSource(seq);
    const guess = Math.floor((kept / seq) * 2 ** 32);
    const keys = Uint32Array.from({ length: seq }, (_, i) => KEYS[name]({ random, i, seq, guess }));
    const one = selectByRank(new Uint8Array(seq), keys, kept);
    const expected = Int32Array.from({ length: rows * kept }, (_, i) => one[i % kept]);
    const drawn = sampleInjected(wasm, keys, kept, rows);
    expectBytes(new Uint8Array(drawn.buffer), new Uint8Array(expected.buffer), `${rows} rows of ${seq}`);
  }
});

// How far the missing keys lie from the guess, in expected distances between keys, one by one through all windows.
test("keys that are missing at every distance from the guess", () => {
  const [seq, kept] = [1024, 512];
  const guess = 2 ** 31;
  const distance = 2 ** 22; // between expected neighbours
  for (const missing of [1, 2, 5, 40, 300]) {
    for (let far = 0; far <= 60; far++) {
      const at = Math.floor(far * distance * (1 + missing / 12));
      const above = Uint32Array.from({ length: seq }, (_, i) =>
        (i * 7) % seq < kept - missing ? 17 * i : Math.min(guess + 1 + at + 3 * i, MAX),
      );
      expectSmallest(above, kept, `${missing} too few, the next ${far} away`);
      const below = Uint32Array.from({ length: seq }, (_, i) =>
        (i * 7) % seq < kept + missing ? Math.max(guess - at - 3 * i, 17) : MAX - i,
      );
      expectSmallest(below, kept, `${missing} too many, the last ${far} away`);
    }
  }
});

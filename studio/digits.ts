/** The digits that ship with the page: see node/make-data.ts for how they lie. */

/** Pixels across a digit: as it ships, without its empty edge, and whole. */
const SHIPPED = 24;
export const SIDE = 28;

/** How many digits there are. */
export function digitsIn(data: ArrayBuffer): number {
  return data.byteLength / (1 + (SHIPPED * SHIPPED) / 2);
}

/** Pixels of digit `n`, 28 x 28 bytes from 0 to 255, row by row, and what it shows. */
export function digitAt(data: ArrayBuffer, n: number): { pixels: Uint8Array; label: number } {
  const bytes = new Uint8Array(data);
  const start = digitsIn(data) + (n * SHIPPED * SHIPPED) / 2;
  const edge = (SIDE - SHIPPED) / 2;
  const pixels = new Uint8Array(SIDE * SIDE);
  for (let i = 0; i < SHIPPED * SHIPPED; i++) {
    const level = (bytes[start + (i >> 1)] >> (4 * (i % 2))) & 15;
    pixels[(Math.floor(i / SHIPPED) + edge) * SIDE + (i % SHIPPED) + edge] = level * 17;
  }
  return { pixels, label: bytes[n] };
}

/** Bytes of hexadecimal, which keeps bytes apart, and so compresses to 0.9 KB less than base64 for the core. */
export function fromHex(hex: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: hex.length / 2 }, (_, i) =>
    Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16),
  );
}

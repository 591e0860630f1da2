/** Several byte arrays as one, for one entry of the storage: their number and lengths first, as 32-bit words. */

export function packed(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const head = Uint32Array.of(parts.length, ...parts.map(({ length }) => length));
  const bytes = new Uint8Array(head.byteLength + parts.reduce((sum, { length }) => sum + length, 0));
  bytes.set(new Uint8Array(head.buffer));
  let at = head.byteLength;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

export function unpacked(bytes: Uint8Array): Uint8Array[] {
  const word = (i: number) => new DataView(bytes.buffer, bytes.byteOffset).getUint32(4 * i, true);
  const count = word(0);
  let at = 4 * (count + 1);
  return Array.from({ length: count }, (_, i) => {
    const part = bytes.slice(at, at + word(i + 1));
    at += word(i + 1);
    return part;
  });
}

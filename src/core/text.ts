/**
 * The bytes that scripts/generate.js wrote as text: characters from "#" to "|", a backslash left out, stand for 0 to 88,
 * after "}" for the next 89, after "~" for the last. It compresses to 0.3 KB less than hexadecimal, 1.2 KB less than base64.
 */
export function bytesOfText(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(text.length);
  let [n, page] = [0, 0];
  for (let i = 0; i < text.length; i++) {
    const at = text.charCodeAt(i);
    if (at > 124) page = at - 124;
    else {
      bytes[n++] = at - (at > 92 ? 36 : 35) + 89 * page;
      page = 0;
    }
  }
  return bytes.slice(0, n);
}

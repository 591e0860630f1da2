// The WASM's bytes as TypeScript.
import { readFileSync } from "node:fs";

/**
 * A constant of bytes, as TypeScript.
 * @param {string} name
 * @param {string} what
 * @param {Uint8Array} bytes
 */
export function constant(name, what, bytes) {
  return (
    `/** ${what}, ${bytes.length} bytes, as text. Made by scripts/generate.js from assembly/. */\n` +
    `export const ${name}: string = ${JSON.stringify(asText(bytes))};\n`
  );
}

/**
 * Bytes as printable letters, one for most of them: src/core/text.ts reads them, and says which letters. A byte has the
 * same letter wherever it stands, so this compresses nearly as the bytes do.
 * @param {Uint8Array} bytes
 */
function asText(bytes) {
  const [, letters = ""] = /LETTERS = "(.*)"/.exec(readFileSync("src/core/text.ts", "utf8")) ?? [];
  if (new Set(letters).size !== 88) throw new Error("src/core/text.ts has no 88 letters");
  return Array.from(bytes, (byte) => {
    const place = (byte + 4) % 256;
    return letters.charAt(85 + Math.floor(place / 86)).repeat(place < 86 ? 0 : 1) + letters[place % 86];
  }).join("");
}

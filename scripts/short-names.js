// Shorter names in dist/ for what users never meet: exports of the core, and members of objects that stay within the
// library. On a page this saves 0.2 to 0.35 KB, compressed. The source, and what tests run of it, has the real names.
import { readFileSync } from "node:fs";
import { constant } from "./wasm-text.js";

/**
 * Members of objects that one copy of the library keeps to itself. None is on a tensor, in what its operations take, or
 * on anything of WebGPU's, of JavaScript's or of a caller's: test/short-names.test.ts asks the type checker.
 */
export const MEMBERS = `
  arenas attn bindingBytes bytes dstRows failure free high low members numbering operands parameters params
  operand passing pipelines range recorded request shader sections shiftUnit slab slabs slots software
  srcRowBytes srcRows told unsettled used way whyNot workgroups writable
`
  .trim()
  .split(/\s+/);

/** Exports that keep their names: `sampleRows` tells the core from other modules, maps have a `clear` too. */
const KEPT = ["clear", "memory", "sampleRows"];

/** A letter for each other export of the core. That of random-ltd/webgpu has some of them. */
export function coreNames() {
  const module = new WebAssembly.Module(readFileSync("build/core.wasm"));
  const names = WebAssembly.Module.exports(module)
    .map(({ name }) => name)
    .filter((name) => !KEPT.includes(name))
    .sort();
  return Object.fromEntries(names.map((name, i) => [name, String.fromCharCode(97 + i)]));
}

/** What esbuild shortens in a bundle. */
export function shortMembers() {
  const mangleCache = coreNames();
  const names = [...MEMBERS, ...Object.keys(mangleCache)];
  return { mangleProps: new RegExp(`^(${names.join("|")})$`), mangleCache };
}

/**
 * A core of build/ whose exports have their short names.
 * @param {string} name
 */
export function shortCore(name) {
  return withNames(readFileSync(`build/${name}.wasm`), coreNames());
}

/**
 * Puts the cores with short exports into a bundle.
 * @returns {import("esbuild").Plugin}
 */
export function shortCores() {
  return {
    name: "short cores",
    setup(esbuild) {
      esbuild.onLoad({ filter: /[\\/](core|sampling)-bytes\.ts$/ }, ({ path }) => {
        const name = path.endsWith("core-bytes.ts") ? "core" : "sampling";
        return { contents: constant(`${name}Text`, "The core", shortCore(name)), loader: "ts" };
      });
    },
  };
}

const EXPORTS = 7; // the id of that section of a WASM file

/**
 * A WASM module with other names for its exports. (WebAssembly Core Specification 2.0, section 5.5: a section is its id,
 * the number of its bytes and those; this one is a number of exports, each with its name, kind and index.)
 * @param {Uint8Array} bytes
 * @param {Record<string, string>} names
 */
export function withNames(bytes, names) {
  let at = 8; // behind the magic number and the version
  const number = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++];
      value |= (byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  const parts = [bytes.subarray(0, at)];
  while (at < bytes.length) {
    const start = at;
    const id = bytes[at++];
    const end = number() + at;
    if (id === EXPORTS) {
      const count = number();
      const renamed = leb(count);
      for (let i = 0; i < count; i++) {
        const length = number();
        const name = Buffer.from(bytes.subarray(at, at + length)).toString();
        at += length;
        const kind = bytes[at++];
        const short = Buffer.from(names[name] ?? name);
        renamed.push(...leb(short.length), ...short, kind, ...leb(number()));
      }
      parts.push(Uint8Array.from([EXPORTS, ...leb(renamed.length), ...renamed]));
    } else parts.push(bytes.subarray(start, end));
    at = end;
  }
  return Uint8Array.from(Buffer.concat(parts));
}

/**
 * A number as WASM writes it: seven bits a byte, the lowest first.
 * @param {number} value
 * @returns {number[]}
 */
function leb(value) {
  return value < 128 ? [value] : [(value & 127) | 128, ...leb(value >>> 7)];
}

import { fileURLToPath } from "node:url";
import * as asc from "assemblyscript/asc";
import type { Core } from "../../src/core/core.ts";

/** The core with the exports of assembly/testing.ts. */
export interface TestingCore extends Core {
  injectKeys(address: number): void;
  keyOf(i: number, row: number, layer: number): number;
  keyGroups(block: number, row: number, layer: number, groups: number): void;
  binGroups(block: number, row: number, layer: number, groups: number, from: number, shift: number): void;
}

/** Compiles the core as it is shipped, with that one file more, in memory. */
export async function testingCore(): Promise<TestingCore> {
  const files = new Map<string, string | Uint8Array>();
  const { error, stderr } = await asc.main(
    [
      "assembly/testing.ts",
      ...["--config", "asconfig.json", "--target", "release"],
      ...["--outFile", "testing.wasm"],
      ...["--baseDir", fileURLToPath(new URL("../..", import.meta.url))],
    ],
    { writeFile: (name, contents) => void files.set(name, contents) },
  );
  if (error) throw new Error(stderr.toString());
  const bytes = files.get("testing.wasm") as Uint8Array<ArrayBuffer>;
  const { instance } = await WebAssembly.instantiate(bytes);
  return instance.exports as unknown as TestingCore;
}

/** Has the core take `keys`, token by token, for every row until `injectKeys(0)`; `begin` came before. */
function inject(wasm: TestingCore, keys: Uint32Array<ArrayBuffer>): void {
  const address = wasm.listAddress() + 4 * keys.length + 1024; // beyond three bitmaps and the bins
  wasm.ensure(address + 4 * keys.length);
  new Uint32Array(wasm.memory.buffer, address, keys.length).set(keys);
  wasm.injectKeys(address);
}

/** What the core draws for `rows` rows in one call, K positions each, where token `i` of each has key `keys[i]`. */
export function sampleInjected(
  wasm: TestingCore,
  keys: Uint32Array<ArrayBuffer>,
  kept: number,
  rows: number,
): Int32Array {
  wasm.begin(keys.length, kept);
  inject(wasm, keys);
  wasm.sampleRows(0, 0, rows, keys.length);
  wasm.injectKeys(0);
  return new Int32Array(wasm.memory.buffer, wasm.outAddress(), rows * kept).slice();
}

/**
 * The K positions that the core selects where token `i` has key `keys[i]`.
 *
 * @param keep, real Bytes of 0 and 1 like the contract's keepMask and paddingMask, if any.
 * @returns undefined where more tokens are kept than K.
 */
export function selectInjected(
  wasm: TestingCore,
  keys: Uint32Array<ArrayBuffer>,
  kept: number,
  { keep, real, prefix = 0 }: { keep?: Uint8Array; real?: Uint8Array; prefix?: number } = {},
): Int32Array | undefined {
  const seq = keys.length;
  wasm.begin(seq, kept);
  inject(wasm, keys);
  const memory = () => new Uint8Array(wasm.memory.buffer);
  try {
    if (keep || real || prefix) {
      for (let first = 0; first < seq; first += wasm.stageBytes()) {
        const n = Math.min(wasm.stageBytes(), seq - first);
        if (keep) memory().set(keep.subarray(first, first + n), wasm.inAddress());
        if (real) memory().set(real.subarray(first, first + n), wasm.outAddress());
        wasm.classify(first, n, keep ? wasm.inAddress() : 0, real ? wasm.outAddress() : 0, prefix);
      }
      if (!wasm.settleClasses(kept)) return undefined;
    }
    wasm.select(0, 0);
  } finally {
    wasm.injectKeys(0);
  }
  const out: number[] = [];
  const piece = wasm.stageBytes() >> 2;
  for (let first = 0; first < seq; first += piece) {
    const end = wasm.emit(first, Math.min(piece, seq - first), wasm.outAddress());
    const n = (end - wasm.outAddress()) >> 2;
    for (const position of new Int32Array(wasm.memory.buffer, wasm.outAddress(), n)) out.push(position);
  }
  return Int32Array.from(out);
}

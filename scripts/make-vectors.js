// Writes test/vectors/sampling-rule-1.json from the plain reference: node scripts/make-vectors.js
// A rule never changes: this is run again only to add cases.
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";

process.chdir(fileURLToPath(new URL("..", import.meta.url)));
const outfile = join(mkdtempSync(join(tmpdir(), "random-ltd-")), "library.mjs");
await build({
  stdin: {
    contents:
      'export * from "./src/index.ts"; export { useCPUBackend } from "./src/backends/cpu-backend.ts";',
    resolveDir: ".",
  },
  bundle: true,
  format: "esm",
  outfile,
});
const { gptSampleTokens, tensor, useCPUBackend } = await import(pathToFileURL(outfile).href);
useCPUBackend("reference");

const MAX = 2 ** 32 - 1;
/**
 * Every third of a row, every fifth: masks that can be written down in words.
 * @type {(n: number, batchSize: number, seqLength: number) => number[]}
 */
const every = (n, batchSize, seqLength) =>
  Array.from({ length: batchSize * seqLength }, (_, i) => (i % n === 0 ? 1 : 0));

/**
 * @typedef {"keepMask" | "paddingMask"} MaskName
 * @typedef {object} Case Options of a call, a mask by the n of `every`.
 * @property {string} seed
 * @property {number} step
 * @property {number} batchSize
 * @property {number} layers
 * @property {number} seqLength
 * @property {number} reservedLength
 * @property {number} [batchOffset]
 * @property {number} [layerOffset]
 * @property {number} [keepPrefix]
 * @property {number} [keepMask]
 * @property {number} [paddingMask]
 */

/** @type {Case[]} */
const cases = [
  { seed: "0", step: 0, batchSize: 1, layers: 1, seqLength: 1, reservedLength: 1 },
  { seed: "0", step: 0, batchSize: 1, layers: 1, seqLength: 8, reservedLength: 3 },
  { seed: "7", step: 0, batchSize: 1, layers: 1, seqLength: 16, reservedLength: 4 },
  { seed: "1234", step: 1, batchSize: 2, layers: 3, seqLength: 33, reservedLength: 8 },
  { seed: "1234", step: 100000, batchSize: 2, layers: 2, seqLength: 64, reservedLength: 63 },
  { seed: "18446744073709551615", step: MAX, batchSize: 1, layers: 1, seqLength: 40, reservedLength: 10 },
  { seed: "9223372036854775808", step: 3, batchSize: 1, layers: 1, seqLength: 40, reservedLength: 10 },
  { seed: "5", step: 2, batchSize: 2, layers: 1, seqLength: 24, reservedLength: 6, batchOffset: MAX - 1 },
  { seed: "5", step: 2, batchSize: 1, layers: 2, seqLength: 24, reservedLength: 6, layerOffset: MAX - 1 },
  { seed: "5", step: 9, batchSize: 2, layers: 1, seqLength: 24, reservedLength: 6, keepPrefix: 5 },
  { seed: "6", step: 9, batchSize: 2, layers: 2, seqLength: 30, reservedLength: 12, keepMask: 3 },
  { seed: "6", step: 9, batchSize: 2, layers: 2, seqLength: 30, reservedLength: 12, paddingMask: 3 },
  {
    seed: "6",
    step: 9,
    batchSize: 1,
    layers: 2,
    seqLength: 30,
    reservedLength: 16,
    keepMask: 5,
    paddingMask: 3,
  },
  { seed: "8", step: 4, batchSize: 1, layers: 1, seqLength: 2048, reservedLength: 100 },
  { seed: "8", step: 4, batchSize: 1, layers: 1, seqLength: 70000, reservedLength: 50 },
];

/** @type {MaskName[]} */
const MASKS = ["keepMask", "paddingMask"];
const written = cases.map((given) => {
  const { batchSize, seqLength } = given;
  const flags = MASKS.flatMap((name) => {
    const n = given[name];
    return n === undefined ? [] : [{ name, values: every(n, batchSize, seqLength) }];
  });
  const options = { ...given, ...Object.fromEntries(flags.map(({ name, values }) => [name, values])) };
  const masks = Object.fromEntries(
    flags.map(({ name, values }) => [name, tensor(Uint8Array.from(values), [batchSize, seqLength])]),
  );
  const { sampledIndices } = gptSampleTokens({ ...options, ...masks, seed: BigInt(given.seed) });
  return { options, sampledIndices: [...sampledIndices.data] };
});
const lines = written.map((entry) => `    ${JSON.stringify(entry)}`).join(",\n");
writeFileSync(
  "test/vectors/sampling-rule-1.json",
  `{\n  "samplingRule": 1,\n  "comment": "docs/sampling-rule.md has the rule. seed in decimal; masks [batchSize][seqLength], flat; sampledIndices [layers][batchSize][reservedLength], flat.",\n  "cases": [\n${lines}\n  ]\n}\n`,
);
console.log(`${written.length} cases`);

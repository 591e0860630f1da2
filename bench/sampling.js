// @ts-nocheck: not yet typed
import { gptSampleTokens } from "random-ltd";
import { benchCore } from "./bench-core.js";
import { compare, table } from "./measure.js";
import {
  fisherYatesMarks,
  fisherYatesSort,
  selectionSampling,
  selectionXorshift,
  sortKeys,
} from "./rivals.js";

const CASES = [
  { layers: 24, batchSize: 8, seqLength: 2048, reservedLength: 1024 },
  { layers: 12, batchSize: 32, seqLength: 512, reservedLength: 256 },
  { layers: 4, batchSize: 1, seqLength: 65536, reservedLength: 16384 },
  { layers: 1, batchSize: 1, seqLength: 2 ** 20, reservedLength: 100000 },
];

const RIVALS = { fisherYatesSort, fisherYatesMarks, selectionSampling, selectionXorshift, sortKeys };

/** Nanoseconds a token for each case and contestant. */
export async function sampling(rounds) {
  let step = 0;
  const core = await benchCore();
  core.setSeed(7, 0, 3);
  core.setScalarSeed(7, 0, 3);
  const rows = CASES.map((shape) => {
    const { layers, batchSize, seqLength, reservedLength } = shape;
    const eachLayer = (run) => () => {
      for (let layer = 0; layer < layers; layer++) run(layer, batchSize, seqLength);
    };
    const contestants = {
      floor: eachLayer(core.keysOnly),
      scalar: eachLayer(core.scalarKeys),
      // Another step each time: branches would be learnt otherwise.
      ours: () => gptSampleTokens({ ...shape, seed: 7, step: step++ }),
    };
    for (const [name, make] of Object.entries(RIVALS)) {
      const draw = make(seqLength);
      contestants[name] = () => {
        const out = new Int32Array(layers * batchSize * reservedLength);
        for (let start = 0; start < out.length; start += reservedLength) draw(out, start, reservedLength);
        return out;
      };
    }
    const ms = compare(contestants, { rounds });
    const ns = (name) => (ms[name] * 1e6) / (layers * batchSize * seqLength);
    const rival = (name) => `${ns(name).toFixed(1)} (${(ms[name] / ms.ours).toFixed(2)})`;
    return [
      `${layers}x${batchSize}x${seqLength}, ${reservedLength}`,
      ns("floor").toFixed(2),
      `${ns("scalar").toFixed(2)} (${(ms.scalar / ms.floor).toFixed(2)} floors)`,
      `${ns("ours").toFixed(2)} (${(ms.ours / ms.floor).toFixed(2)} floors)`,
      ...Object.keys(RIVALS).map(rival),
    ];
  });
  const header = [
    "[L,B,S], K",
    "keys only (the floor)",
    "keys only, scalar Philox",
    "gptSampleTokens",
    "Fisher-Yates + sort",
    "Fisher-Yates + marks",
    "selection sampling",
    "selection, xorshift32",
    "sort random keys",
  ];
  return `Sampling, ns a token; in brackets, of rivals, their time over ours\n\n${table(header, rows)}`;
}

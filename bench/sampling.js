import { spawnSync } from "node:child_process";
import { gptSampleTokens } from "random-ltd";
import { findPython } from "../scripts/python.js";
import { benchCore, shippedCore } from "./bench-core.js";
import { clockOf, compare, table } from "./measure.js";
import * as rivals from "./rivals.js";
import { frameworks } from "./rivals-frameworks.js";

/** @typedef {import("./bench-core.js").BenchCore} BenchCore */
/** @typedef {import("./bench-core.js").Core} Core */
/** @typedef {{ layers?: number, batchSize: number, seqLength: number, reservedLength: number }} Shape */

const CASES = [
  { layers: 24, batchSize: 8, seqLength: 2048, reservedLength: 1024 },
  { layers: 12, batchSize: 32, seqLength: 512, reservedLength: 256 },
  { layers: 4, batchSize: 1, seqLength: 65536, reservedLength: 16384 },
  { layers: 1, batchSize: 1, seqLength: 2 ** 20, reservedLength: 100000 },
];

/** From a ViT's shortest to the longest that anyone trains on, and what is next to a power of two. */
const LENGTHS = [64, 197, 256, 512, 1024, 2048, 4096, 8192, 16384, 65536, 2 ** 17, 2 ** 18, 2 ** 20, 2 ** 22];

/** How the rivals are called in the table. */
const NAMES = {
  fisherYatesBitmap: "Fisher-Yates + bitmap",
  fisherYatesMarks: "Fisher-Yates + marks",
  fisherYatesSort: "Fisher-Yates + sort",
  selectionSampling: "selection sampling",
  selectionXorshift: "selection without a branch, xorshift32",
  sortKeys: "sort of random keys",
};
/** Those of bench/rivals_python.py. */
const PYTHON = ["numpy choice", "numpy argpartition", "torch rand.topk", "torch multinomial"];

/** Tokens of a call in the sweep over lengths: alike for all, as to have memory for the result takes time too. */
const TOKENS = 2 ** 22;

/**
 * What rival libraries in Python take, ns a token by name, a record for each case; none where there is no numpy.
 * @param {number} rounds
 * @returns {Record<string, number>[]}
 */
function python(rounds) {
  const found = findPython(["numpy"]);
  if (!found) return CASES.map(() => ({}));
  const cases = CASES.map(({ layers, batchSize, ...shape }) => ({ rows: layers * batchSize, ...shape }));
  const args = ["bench/rivals_python.py", JSON.stringify(cases), String(Math.ceil(rounds / 3))];
  const { stdout, stderr, status } = spawnSync(found, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
}

/**
 * What the core does of a call, its positions left where they are: no memory for a result, no copy, no checks.
 * @param {Core} core
 * @param {Shape} shape
 */
function drawn(core, { layers = 1, batchSize, seqLength, reservedLength }) {
  const piece = core.stageBytes() >> 2;
  const atOnce = Math.floor(piece / reservedLength);
  let step = 0;
  return () => {
    core.setSeed(7, 0, step++);
    core.begin(seqLength, reservedLength);
    for (let layer = 0; layer < layers; layer++) {
      for (let row = 0; row < batchSize; row += Math.max(1, atOnce)) {
        if (atOnce > 0) core.sampleRows(layer, row, Math.min(atOnce, batchSize - row), seqLength);
        else {
          core.select(layer, row);
          for (let i = 0; i < seqLength; i += piece) {
            core.emit(i, Math.min(piece, seqLength - i), core.outAddress());
          }
        }
      }
    }
  };
}

/**
 * Nanoseconds a token of a case, by contestant.
 * @param {BenchCore} core
 * @param {Core} shipped
 * @param {Required<Shape>} shape
 * @param {number} rounds
 * @param {() => number} clock
 * @returns {Record<string, number>}
 */
function measure(core, shipped, shape, rounds, clock) {
  let step = 0;
  const { layers, batchSize, seqLength, reservedLength } = shape;
  /** @param {(layer: number, rows: number, seqLength: number) => unknown} run */
  const eachLayer = (run) => () => {
    for (let layer = 0; layer < layers; layer++) run(layer, batchSize, seqLength);
  };
  /** @type {Record<string, () => unknown>} */
  const contestants = {
    floor: eachLayer(core.keysOnly),
    scalar: eachLayer(core.scalarKeys),
    core: drawn(shipped, shape),
    // The memory for the result by itself, each page of it touched.
    memory: () => new Int32Array(layers * batchSize * reservedLength).fill(1),
    // Another step each time: branches would be learnt otherwise.
    ours: () => gptSampleTokens({ ...shape, seed: 7, step: step++ }),
  };
  for (const [name, make] of Object.entries(rivals)) {
    const draw = make(seqLength);
    contestants[name] = () => {
      const out = new Int32Array(layers * batchSize * reservedLength);
      for (let start = 0; start < out.length; start += reservedLength) draw(out, start, reservedLength);
      return out;
    };
  }
  const ms = compare(contestants, { rounds, clock });
  /** @param {number} ms */
  const perToken = (ms) => (ms * 1e6) / (layers * batchSize * seqLength);
  return Object.fromEntries(Object.entries(ms).map(([name, time]) => [name, perToken(time)]));
}

/**
 * Nanoseconds a token over the length of rows, K = S/2.
 * @param {BenchCore} core
 * @param {Core} shipped
 * @param {number} seqLength
 * @param {number} rounds
 * @param {() => number} clock
 */
function measureLength(core, shipped, seqLength, rounds, clock) {
  const rows = Math.max(1, Math.floor(TOKENS / seqLength));
  const shape = { batchSize: rows, seqLength, reservedLength: seqLength >> 1 };
  let step = 0;
  const floor = () => core.keysOnly(0, rows, seqLength);
  const ours = () => gptSampleTokens({ ...shape, seed: 7, step: step++ });
  const ms = compare({ floor, core: drawn(shipped, shape), ours }, { rounds, clock });
  /** @param {keyof typeof ms} name */
  const ns = (name) => (ms[name] * 1e6) / (rows * seqLength);
  return { seqLength, floor: ns("floor"), core: ns("core"), ours: ns("ours") };
}

/**
 * One row, all arguments checked: microseconds.
 * @param {number} rounds
 * @param {() => number} clock
 */
function measureCalls(rounds, clock) {
  let step = 0;
  return [64, 256, 1024].map((seqLength) => {
    const reservedLength = seqLength >> 1;
    // Written out: V8 makes another hidden class for each `{ ...shape, step }`, which takes three times as long.
    const call = () => gptSampleTokens({ batchSize: 1, seqLength, reservedLength, seed: 7, step: step++ });
    for (let i = 0; i < 20000; i++) call(); // until it is compiled
    const ms = compare({ call }, { rounds, clock });
    return { seqLength, us: ms.call * 1000 };
  });
}

/**
 * Sampling beside the keys alone and beside other ways to draw, over the length of rows, and in small calls.
 * @param {number} rounds
 * @param {boolean} wall
 */
export async function sampling(rounds, wall) {
  const clock = clockOf(wall);
  const [core, shipped] = [await benchCore(), await shippedCore()];
  core.setSeed(7, 0, 3);
  core.setScalarSeed(7, 0, 3);
  const calls = measureCalls(rounds, clock);
  const others = python(rounds);
  const cases = CASES.map((shape, i) => {
    const ns = { ...measure(core, shipped, shape, rounds, clock), ...others[i] };
    return { ...shape, ns };
  });
  const lengths = LENGTHS.map((seqLength) => measureLength(core, shipped, seqLength, rounds, clock));

  // Last, as their heaps are large; and so slow that few runs do.
  for (const [name, make] of Object.entries(frameworks)) {
    for (const { layers, batchSize, seqLength, reservedLength, ns } of cases) {
      try {
        const run = await make(layers * batchSize, seqLength, reservedLength);
        const { drawn: ms } = compare({ drawn: run }, { rounds: 1, sampleMs: 0, warmups: 1, clock });
        ns[name] = (ms * 1e6) / (layers * batchSize * seqLength);
      } catch (error) {
        console.error(`${name} is not here: ${error}`);
      }
    }
  }
  return {
    text: report(cases, lengths, calls),
    data: { cases, lengths, calls },
    summary: summary(cases, lengths, calls),
  };
}

/** @typedef {Required<Shape> & { ns: Record<string, number> }} Case */
/** @typedef {ReturnType<typeof measureLength>} Length */
/** @typedef {{ seqLength: number, us: number }} Call */

/** @param {Case} shape */
const nameOf = ({ layers, batchSize, seqLength, reservedLength }) =>
  `${layers}x${batchSize}x${seqLength}, ${reservedLength}`;

/** @param {readonly Length[]} lengths */
const bestOf = (lengths) =>
  Math.min(...lengths.filter(({ seqLength }) => seqLength >= 1024).map(({ ours }) => ours));

/**
 * @param {readonly Case[]} cases
 * @param {readonly Length[]} lengths
 * @param {readonly Call[]} calls
 */
function report(cases, lengths, calls) {
  /** @param {number} ns @param {number} floor */
  const inFloors = (ns, floor) => `${ns.toFixed(2)} (${(ns / floor).toFixed(2)})`;
  /** @param {string} label @param {(ns: Record<string, number>) => string} cell */
  const line = (label, cell) => [label, ...cases.map(({ ns }) => cell(ns))];
  /** @param {string} label @param {string} name */
  const rival = (label, name) =>
    line(label, (ns) =>
      name in ns ? `${ns[name].toFixed(1)} (${(ns[name] / ns.ours).toFixed(1)})` : "not here",
    );
  const best = bestOf(lengths);
  return [
    "Sampling, ns a token; in brackets, of ours times over the floor, of rivals times over ours",
    table(
      ["[L,B,S], K", ...cases.map(nameOf)],
      [
        line("keys only (the floor)", ({ floor }) => floor.toFixed(2)),
        line("keys only, scalar Philox", ({ scalar }) => scalar.toFixed(2)),
        line("gptSampleTokens", ({ ours, floor }) => inFloors(ours, floor)),
        line("of it in the core", ({ core, floor }) => inFloors(core, floor)),
        line("new memory for the result, alone", ({ memory, floor }) => inFloors(memory, floor)),
        ...Object.entries(NAMES).map(([name, label]) => rival(label, name)),
        ...[...Object.keys(frameworks), ...PYTHON].map((name) => rival(name, name)),
      ],
    ),
    `Over the length of rows, ${TOKENS} tokens a call, K = S/2; the last column over the best from S = 1024 on`,
    table(
      ["S", "keys only", "gptSampleTokens", "of it in the core", "over the best"],
      lengths.map(({ seqLength, floor, core, ours }) => [
        seqLength,
        floor.toFixed(2),
        inFloors(ours, floor),
        inFloors(core, floor),
        (ours / best).toFixed(2),
      ]),
    ),
    "One row, microseconds a call",
    table(
      ["S", "gptSampleTokens"],
      calls.map(({ seqLength, us }) => [seqLength, us.toFixed(2)]),
    ),
  ].join("\n\n");
}

/**
 * The figures that something is wanted of.
 * @param {readonly Case[]} cases
 * @param {readonly Length[]} lengths
 * @param {readonly Call[]} calls
 */
function summary(cases, lengths, calls) {
  const best = bestOf(lengths);
  const worst = Math.max(...lengths.filter(({ seqLength }) => seqLength >= 1024).map(({ ours }) => ours));
  return [
    ...cases.map((shape, i) => ({
      figure: `sampling over the keys alone, ${nameOf(shape)}`,
      ratio: shape.ns.ours / shape.ns.floor,
      wanted: `at most ${[1.5, 1.6, 1.35, 1.35][i]}`,
    })),
    ...cases.map((shape) => ({
      figure: `the fastest JavaScript rival over sampling, ${nameOf(shape)}`,
      ratio: Math.min(...Object.keys(rivals).map((name) => shape.ns[name])) / shape.ns.ours,
      wanted: "at least 3",
    })),
    { figure: "the slowest S from 1024 on over the best", ratio: worst / best, wanted: "at most 1.25" },
    ...lengths
      .filter(({ seqLength }) => seqLength === 197 || seqLength === 256)
      .map(({ seqLength, ours, floor }) => ({
        figure: `sampling over the keys alone, S ${seqLength}`,
        ratio: ours / floor,
        wanted: "at most 2.2",
      })),
    { figure: "one row of 256 tokens, us", ratio: calls[1].us, wanted: "at most 2" },
  ];
}

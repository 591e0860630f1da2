// Rows of tokens in TF.js: this library's kernels against TF.js's own best way, on each backend.
//   node bench/tfjs.js [backend ...]     after node scripts/build.js; installs TF.js on the first run
// Processor time, which other work on the machine touches less than the wall's: a ratio is the median of TF.js's over
// ours in samples that follow one another. WebGPU runs over SwiftShader, whose threads count too.
// Each side has its indices in a tensor: ours [B,K], TF.js's pairs [B,K,2], for which a user has to spread [B,K] first.
import { pathToFileURL } from "node:url";
import { build } from "esbuild";
import { gptSampleTokens, layerOf } from "random-ltd";
import { loadSwiftShader } from "../scripts/swiftshader.js";
import { bundle, folder, loadTF } from "../scripts/tfjs/load.js";
import { median, processorTime } from "./measure.js";

loadSwiftShader();
const { create, globals } = await import("webgpu");
Object.assign(globalThis, globals);
const gpu = create([]);
Object.defineProperty(globalThis, "navigator", { value: { gpu, userAgent: "node" }, configurable: true });
const tf = await loadTF();

// The public entry, its TF.js being the one of the bundle.
const outfile = `${folder}bench-${process.pid}.mjs`;
/** @param {import("esbuild").PluginBuild} b */
const named = (b) => b.onResolve({ filter: /^@tensorflow\// }, () => ({ path: bundle, external: true }));
const entry = { stdin: { contents: 'export * from "random-ltd/tfjs";', resolveDir: import.meta.dirname } };
await build({
  ...entry,
  outfile,
  bundle: true,
  format: "esm",
  plugins: [{ name: "tf", setup: (b) => void named(b) }],
});
const { GatherTokens, ScatterTokens } = await import(pathToFileURL(outfile).href);

const SIZES = [
  { B: 8, S: 512, K: 256, C: 256 },
  { B: 4, S: 1024, K: 128, C: 768 },
  { B: 32, S: 64, K: 32, C: 16 },
];
/**
 * Rounds, and milliseconds that a sample takes at least: short, so that neighbours find the machine alike. But to wait
 * for WebGPU takes some itself, and a step queues many operations.
 */
const EFFORTS = {
  cpu: { rounds: 51, sample: 0.5 },
  wasm: { rounds: 301, sample: 0.5 },
  webgpu: { rounds: 41, sample: 40 },
};

/** @typedef {import("@tensorflow/tfjs-core").Tensor} Tensor */
/** @typedef {() => Tensor | Tensor[]} Way */

/**
 * Milliseconds of one of `n` runs of `fn`, their work done.
 * @param {Way} fn
 * @param {number} n
 */
async function time(fn, n) {
  const start = processorTime();
  for (let i = 0; i < n; i++) for (const t of [fn()].flat()) t.dispose();
  if (tf.getBackend() === "webgpu") {
    tf.backend().ensureCommandEncoderReady();
    tf.backend().endComputePassEncoder();
    tf.backend().submitQueue();
    await tf.backend().queue.onSubmittedWorkDone();
  }
  return (processorTime() - start) / n;
}

/**
 * Milliseconds of several ways that take turns, in each round in the other order.
 * @param {Record<string, Way>} ways
 * @returns {Promise<Record<string, number[]>>}
 */
async function compare(ways) {
  const { rounds, sample } = EFFORTS[/** @type {keyof typeof EFFORTS} */ (tf.getBackend())];
  /** @type {{ name: string, fn: Way, n: number, times: number[] }[]} */
  const all = [];
  for (const [name, fn] of Object.entries(ways)) {
    let n = 8;
    while ((await time(fn, n)) * n < sample) n *= 2; // warms up, too
    all.push({ name, fn, n: Math.ceil(sample / (await time(fn, n))), times: [] });
  }
  for (let round = 0; round < rounds; round++) {
    for (const { fn, n, times } of all.reverse()) times.push(await time(fn, n));
  }
  return Object.fromEntries(all.map(({ name, times }) => [name, times]));
}

// What TF.js itself takes for any kernel of one result on wasm.
/** @param {{ backend: any, attrs: any }} call */
const kernelFunc = ({ backend, attrs }) => backend.makeOutput(attrs.shape, "float32");
tf.registerKernel({ kernelName: "OutputAlone", backendName: "wasm", kernelFunc });

const table = [];
const backends = process.argv.length > 2 ? process.argv.slice(2) : ["cpu", "wasm", "webgpu"];
for (const backend of backends) {
  await tf.setBackend(backend);
  for (const { B, S, K, C } of SIZES) {
    const request = { reservedLength: K, seqLength: S, batchSize: B, seed: 1 };
    const positions = layerOf(gptSampleTokens(request).sampledIndices, 0);
    const x = tf.randomNormal([B, S, C]);
    const part = tf.randomNormal([B, K, C]);
    const zeros = tf.zeros([B, K, C]);
    const indices = tf.tensor(positions.data, [B, K], "int32");
    // What TF.js's operations take, made beforehand: pairs of row and position.
    const pairs = Int32Array.from({ length: 2 * B * K }, (_, i) =>
      i % 2 === 0 ? Math.floor(i / 2 / K) : positions.data[i >> 1],
    );
    const nd = tf.tensor(pairs, [B, K, 2], "int32");
    // On cpu TF.js writes into its very input, so that one is copied first.
    const copied = () => (backend === "cpu" ? tf.tensor(x.dataSync().slice(), x.shape) : x);
    /** @param {Tensor} y */
    const update = (y) => tf.tidy(() => tf.tensorScatterUpdate(copied(), nd, y));
    /** @type {Record<string, Record<string, Way>>} */
    const operations = {
      "gather, forward": {
        ours: () => GatherTokens.forward(x, indices),
        "tf.gather": () => tf.gather(x, indices, 1, 1),
        gatherND: () => tf.gatherND(x, nd),
      },
      "gather, backward": {
        ours: () => GatherTokens.backward(part, indices, { seqLength: S }),
        scatterND: () => tf.scatterND(nd, part, [B, S, C]),
      },
      "scatter, forward": {
        ours: () => ScatterTokens.forward(x, part, indices),
        tensorScatterUpdate: () => update(part),
      },
      "scatter, backward": {
        ours: () => Object.values(ScatterTokens.backward(x, indices)),
        "zeros by tensorScatterUpdate, gatherND": () => [update(zeros), tf.gatherND(x, nd)],
      },
    };
    for (const [operation, ways] of Object.entries(operations)) {
      if (backend === "wasm") delete ways["tf.gather"]; // its rows are wrong there
      const { ours, ...theirs } = await compare(ways);
      const shape = operation === "gather, forward" ? [B, K, C] : [B, S, C];
      const bare = { alone: () => tf.engine().runKernel("OutputAlone", { x, indices }, { shape }) };
      const { alone } = backend === "wasm" ? await compare(bare) : {};
      const ratios = Object.entries(theirs).map(([by, times]) => {
        return { by, ms: median(times), ratio: median(times.map((ms, i) => ms / ours[i])) };
      });
      const { by, ms, ratio } = ratios.sort((a, b) => a.ratio - b.ratio)[0];
      table.push({
        ...{ backend, "B,S,K,C": `${[B, S, K, C]}`, operation, "ours ms": median(ours).toFixed(4) },
        ...(alone && { "call, output": median(alone).toFixed(4) }),
        ...{ "TF.js ms": ms.toFixed(4), by, ratio: ratio.toFixed(2) },
      });
    }
    for (const t of [x, part, zeros, indices, nd]) t.dispose();
  }
}
console.table(table);
process.exit(0); // Dawn keeps Node alive

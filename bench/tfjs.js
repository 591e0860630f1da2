// Rows of tokens in TF.js: this library's kernels against TF.js's own best way, on each backend.
//   node bench/tfjs.js [backend ...]     after node scripts/build.js; installs TF.js on the first run
// Medians of alternating runs; a ratio is TF.js's time over ours. WebGPU runs over SwiftShader.
import { pathToFileURL } from "node:url";
import { build } from "esbuild";
import { gptSampleTokens, layerOf } from "random-ltd";
import { loadSwiftShader } from "../scripts/swiftshader.js";
import { bundle, folder, loadTF } from "../test/adapters/tfjs/load.js";

loadSwiftShader();
const { create, globals } = await import("webgpu");
Object.assign(globalThis, globals);
const gpu = create([]);
Object.defineProperty(globalThis, "navigator", { value: { gpu, userAgent: "node" }, configurable: true });
const tf = await loadTF();

// The public entry, its TF.js being the one of the bundle.
const outfile = `${folder}bench-${process.pid}.mjs`;
const named = (b) => b.onResolve({ filter: /^@tensorflow\// }, () => ({ path: bundle, external: true }));
const entry = { stdin: { contents: 'export * from "random-ltd/tfjs";', resolveDir: import.meta.dirname } };
await build({ ...entry, outfile, bundle: true, format: "esm", plugins: [{ name: "tf", setup: named }] });
const { GatherTokens, ScatterTokens, tfjsOps } = await import(pathToFileURL(outfile));

const SIZES = [
  { B: 8, S: 512, K: 256, C: 256 },
  { B: 4, S: 1024, K: 128, C: 768 },
  { B: 32, S: 64, K: 32, C: 16 },
];
const ROUNDS = 31;
/** Milliseconds that a sample takes at least, and each way is warmed up for. */
const SAMPLE = 1;
const WARM = 150;

/** Milliseconds of one of `n` runs of `fn`, their work done. */
async function time(fn, n) {
  const start = performance.now();
  for (let i = 0; i < n; i++) for (const t of [fn()].flat()) t.dispose();
  if (tf.getBackend() === "webgpu") {
    tf.backend().ensureCommandEncoderReady();
    tf.backend().endComputePassEncoder();
    tf.backend().submitQueue();
    await tf.backend().queue.onSubmittedWorkDone();
  }
  return (performance.now() - start) / n;
}

const median = (times) => times.sort((a, b) => a - b)[times.length >> 1];

/** Medians of several ways that take turns. */
async function compare(ways) {
  const all = [];
  for (const [name, fn] of Object.entries(ways)) {
    let last = 0;
    for (const start = performance.now(); performance.now() - start < WARM; ) last = await time(fn, 1);
    all.push({ name, fn, n: Math.ceil(SAMPLE / last), times: [] });
  }
  for (let round = 0; round < ROUNDS; round++) {
    for (const { fn, n, times } of all) times.push(await time(fn, n));
  }
  return Object.fromEntries(all.map(({ name, times }) => [name, median(times)]));
}

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
    // As a wrapped layer has them: positions, like TF.js's pairs, made beforehand.
    const at = tfjsOps.at(positions, { seqLength: S, batchFirst: true });
    at.gather(x).dispose();
    // On cpu TF.js writes into its very input, so that one is copied first.
    const copied = () => (backend === "cpu" ? tf.tensor(x.dataSync().slice(), x.shape) : x);
    const update = (y) => tf.tidy(() => tf.tensorScatterUpdate(copied(), nd, y));
    const operations = {
      "gather, forward": {
        ours: () => at.gather(x),
        "tf.gather": () => tf.gather(x, indices, 1, 1),
        gatherND: () => tf.gatherND(x, nd),
      },
      "gather, backward": {
        ours: () => GatherTokens.backward(part, indices, { seqLength: S }),
        scatterND: () => tf.scatterND(nd, part, [B, S, C]),
      },
      "scatter, forward": {
        ours: () => at.scatter(x, part, false),
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
      const [best, ms] = Object.entries(theirs).sort(([, a], [, b]) => a - b)[0];
      const row = { backend, "B,S,K,C": `${[B, S, K, C]}`, operation };
      table.push({
        ...row,
        "ours ms": ours.toFixed(3),
        "TF.js ms": ms.toFixed(3),
        by: best,
        ratio: (ms / ours).toFixed(2),
      });
    }
    at.release();
    for (const t of [x, part, zeros, indices, nd]) t.dispose();
  }
}
console.table(table);
process.exit(0); // Dawn keeps Node alive

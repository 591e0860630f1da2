// The shaders against a copy of as many bytes and against the kernels that one would write first, as Markdown.
//   node scripts/build.js && node bench/gpu.js               on this machine's GPU, by Dawn (npm `webgpu`)
//   node scripts/build.js && node bench/gpu.js --software    on SwiftShader, where there is none
// --by timestamps (the default; wall time where the device has none) | wall | cpu: processor time of this process,
// which on a software device is the work itself, whatever else the machine does. --rounds N, --most N: the largest B*K.
// --bytes 64,1024: rows. Words after them choose the lines that have one, as in `bench/gpu.js mask steps`.

import { parseArgs } from "node:util";
import {
  dispose,
  GatherTokens,
  gptSampleTokens,
  layerOf,
  maskGather,
  maskSlice,
  prepareGPU,
  requestGPUDevice,
  ScatterTokens,
  tensor,
  toGPU,
} from "random-ltd";
import { loadSwiftShader } from "../scripts/swiftshader.js";
import { rival } from "./gpu-rivals.js";
import { compare, timer } from "./gpu-timer.js";
import { median } from "./measure.js";

const { values: flags, positionals } = parseArgs({
  options: {
    software: { type: "boolean", default: false },
    by: { type: "string", default: "timestamps" },
    rounds: { type: "string", default: "9" },
    most: { type: "string", default: "1048576" },
    bytes: { type: "string", default: "64,256,1024,4096" },
  },
  allowPositionals: true,
});
const rounds = Number(flags.rounds);
/** @param {string} name */
const wanted = (name) => positionals.length === 0 || positionals.some((word) => name.includes(word));

if (flags.software) loadSwiftShader();
const { create } = await import("webgpu");
const gpu = create([]);
const device = await requestGPUDevice({ gpu, features: ["timestamp-query"] });
// Held globally: Dawn crashes where its instance is collected before its devices.
Object.assign(globalThis, { gpu, device });
device.addEventListener("uncapturederror", ({ error }) => {
  console.error(error.message);
  process.exit(1);
});
await prepareGPU(device);
const clock = timer(device, flags.by);

/** @typedef {import("./gpu-timer.js").Recording} Recording */
/** @typedef {import("random-ltd").GPUTensor} GPUTensor */

/** @param {readonly (string | number)[]} cells */
const line = (cells) => `| ${cells.join(" | ")} |`;
/**
 * @param {readonly string[]} header
 * @param {readonly (readonly (string | number)[])[]} rows
 */
const table = (header, rows) => [header, header.map(() => "---"), ...rows].map(line).join("\n");
/** @param {number} n */
const fixed = (n) => n.toFixed(2);

/** @param {number[]} shape */
function zeros(shape) {
  return toGPU(tensor(new Float32Array(shape.reduce((a, b) => a * b)), shape), device);
}

/**
 * Every operation on rows of `rowBytes`, B*K of them out of twice as many. `written` rows are the result's, which a copy
 * of as many reads and writes; `touched` are those that the operation itself reads or writes.
 * @param {number} rowBytes
 * @param {number} count
 */
async function rows(rowBytes, count) {
  const [batch, channels] = [Math.min(8, count / 128), rowBytes / 4];
  const kept = count / batch;
  const seq = 2 * kept;
  const { sampledIndices } = gptSampleTokens({
    reservedLength: kept,
    seqLength: seq,
    batchSize: batch,
    seed: 1,
  });
  const indices = toGPU(layerOf(sampledIndices, 0), device);
  const [all, other] = [zeros([batch, seq, channels]), zeros([batch, seq, channels])];
  const [part, partOut] = [zeros([batch, kept, channels]), zeros([batch, kept, channels])];
  /** @param {number} n */
  const numbers = (n) => ({ rows: n, words: channels, seq, kept });
  /** @param {GPUTensor} src @param {GPUTensor} dst */
  const buffers = (src, dst) => ({ src: src.buffer, idx: indices.buffer, dst: dst.buffer });
  /** @param {number} n @returns {Record<"copy" | "buffer", Recording>} */
  const copies = (n) => ({
    copy: rival(device, "copy", buffers(all, other), numbers(n)),
    buffer: (encoder) => encoder.copyBufferToBuffer(all.buffer, 0, other.buffer, 0, n * rowBytes),
  });
  /** @param {string} name @param {GPUTensor} src @param {GPUTensor} dst */
  const first = (name, src, dst) => rival(device, name, buffers(src, dst), numbers(count));
  /** @type {Recording} */
  const whole = (encoder) => encoder.copyBufferToBuffer(all.buffer, 0, other.buffer, 0, 2 * count * rowBytes);
  const scatterFirst = first("scatter", part, other);
  const zeroFirst = first("zero", part, other);
  const gatherFirst = first("gather", all, partOut);
  /** @type {Record<string, { ours: Recording, naive: Recording, written: number, touched: number }>} */
  const cases = {
    gather: {
      ours: (encoder) => GatherTokens.forward(all, indices, { out: partOut, encoder }),
      naive: gatherFirst,
      written: count,
      touched: 2 * count,
    },
    "scatter in place": {
      ours: (encoder) => ScatterTokens.forward(other, part, indices, { inPlace: true, encoder }),
      naive: scatterFirst,
      written: count,
      touched: 2 * count,
    },
    accumulate: {
      ours: (encoder) =>
        GatherTokens.backward(part, indices, { seqLength: seq, accumulateInto: other, encoder }),
      naive: first("accumulate", part, other),
      written: count,
      touched: 3 * count,
    },
    "scatter into a copy": {
      ours: (encoder) => ScatterTokens.forward(all, part, indices, { out: other, encoder }),
      naive: (encoder) => {
        whole(encoder);
        scatterFirst(encoder);
      },
      written: 2 * count,
      touched: 4 * count,
    },
    "scatter into zeros": {
      ours: (encoder) => GatherTokens.backward(part, indices, { seqLength: seq, out: other, encoder }),
      naive: (encoder) => {
        encoder.clearBuffer(other.buffer);
        scatterFirst(encoder);
      },
      written: 2 * count,
      touched: 3 * count,
    },
    "backward of a scatter, in place": {
      ours: (encoder) =>
        ScatterTokens.backward(other, indices, {
          inPlace: true,
          out: { layerActivationsGrad: partOut },
          encoder,
        }),
      naive: (encoder) => {
        gatherFirst(encoder);
        zeroFirst(encoder);
      },
      written: count,
      touched: 3 * count,
    },
    "backward of a scatter, into a copy": {
      ours: (encoder) =>
        ScatterTokens.backward(all, indices, {
          out: { allActivationsGrad: other, layerActivationsGrad: partOut },
          encoder,
        }),
      naive: (encoder) => {
        gatherFirst(encoder);
        whole(encoder);
        zeroFirst(encoder);
      },
      written: 2 * count,
      touched: 5 * count,
    },
  };
  for (const [name, { ours, naive, written, touched }] of Object.entries(cases)) {
    if (!wanted(name)) continue;
    const found = await compare(clock, { ours, ...copies(written), naive }, rounds);
    console.log(
      line([name, `${rowBytes} B`, count, ...figures(found, written * rowBytes, touched * rowBytes)]),
    );
  }
  for (const t of [indices, all, other, part, partOut]) dispose(t);
}

/**
 * Time, bandwidth and ratios.
 * @param {Record<"ours" | "copy" | "buffer" | "naive", { ms: number, ratio: number }>} found
 * @param {number} written
 */
function figures({ ours, copy, buffer, naive }, written, touched = 2 * written) {
  return [
    fixed(ours.ms),
    fixed(touched / ours.ms / 1e6),
    fixed(copy.ratio),
    fixed((copy.ratio * 2 * written) / touched),
    fixed(buffer.ratio),
    fixed(1 / naive.ratio),
  ];
}

/** @param {number} seq */
async function masks(seq) {
  const kept = seq / 2;
  const { sampledIndices } = gptSampleTokens({ reservedLength: kept, seqLength: seq, batchSize: 1, seed: 1 });
  const indices = toGPU(layerOf(sampledIndices, 0), device);
  const [mask, out] = [zeros([1, 1, seq, seq]), zeros([1, 1, kept, kept])];
  const buffers = { src: mask.buffer, idx: indices.buffer, dst: out.buffer };
  const numbers = { rows: kept, words: kept, seq, kept };
  /** @type {Record<"copy" | "buffer", Recording>} */
  const copies = {
    copy: rival(device, "copy", buffers, numbers),
    buffer: (encoder) => encoder.copyBufferToBuffer(mask.buffer, 0, out.buffer, 0, kept * kept * 4),
  };
  /** @type {[name: string, ours: Recording, first: string][]} */
  const operations = [
    ["mask gather", (encoder) => maskGather(mask, indices, { out, encoder }), "maskGather"],
    ["mask slice", (encoder) => maskSlice(mask, kept, { out, encoder }), "maskSlice"],
  ];
  for (const [name, ours, first] of operations) {
    if (!wanted(name)) continue;
    const naive = rival(device, first, buffers, numbers);
    const found = await compare(clock, { ours, ...copies, naive }, rounds);
    console.log(line([name, `${seq} -> ${kept}`, kept, ...figures(found, kept * kept * 4)]));
  }
  for (const t of [indices, mask, out]) dispose(t);
}

/** Whole steps of 12 layers. The next step's indices are drawn while the GPU works on this one's. */
async function steps() {
  const [layers, batch, seq, kept, channels] = flags.software
    ? [12, 2, 512, 256, 256]
    : [12, 8, 2048, 1024, 768];
  const hidden = zeros([batch, seq, channels]);
  const part = zeros([batch, kept, channels]);
  const held = [0, 1].map(() =>
    toGPU(tensor(new Int32Array(layers * batch * kept), [layers, batch, kept]), device),
  );
  /** @param {number} step */
  const draw = (step) =>
    gptSampleTokens({ reservedLength: kept, seqLength: seq, batchSize: batch, layers, seed: 1, step })
      .sampledIndices;
  /** @param {GPUTensor} indices */
  const move = (indices) => {
    const encoder = device.createCommandEncoder();
    for (let l = 0; l < layers; l++) {
      GatherTokens.forward(hidden, layerOf(indices, l), { out: part, encoder });
      ScatterTokens.forward(hidden, part, layerOf(indices, l), { inPlace: true, encoder });
    }
    device.queue.submit([encoder.finish()]);
  };
  const done = () => device.queue.onSubmittedWorkDone();
  const ready = toGPU(draw(0), device);
  const STEPS = 4;
  /** @type {Record<string, () => Promise<void>>} */
  const ways = {
    "gather and scatter alone": async () => {
      for (let i = 0; i < STEPS; i++) {
        move(ready);
        await done();
      }
    },
    "one after the other": async () => {
      for (let i = 0; i < STEPS; i++) {
        move(toGPU(draw(i), device, { out: held[0] }));
        await done();
      }
    },
    "drawn and uploaded a step ahead": async () => {
      toGPU(draw(0), device, { out: held[0] });
      for (let i = 0; i < STEPS; i++) {
        move(held[i % 2]);
        toGPU(draw(i + 1), device, { out: held[(i + 1) % 2] });
        await done();
      }
    },
    "drawing and uploading alone": async () => {
      for (let i = 0; i < STEPS; i++) toGPU(draw(i), device, { out: held[0] });
      await done();
    },
  };
  /** @type {Record<string, number[]>} */
  const samples = Object.fromEntries(Object.keys(ways).map((name) => [name, []]));
  for (let round = 0; round <= rounds; round++) {
    for (const [name, run] of Object.entries(ways)) {
      const start = performance.now();
      await run();
      if (round > 0) samples[name].push((performance.now() - start) / STEPS);
    }
  }
  const alone = median(samples["gather and scatter alone"]);
  const lines = Object.entries(samples).map(([name, list]) => [
    name,
    fixed(median(list)),
    fixed(median(list) / alone),
  ]);
  /** @type {[string, string[][]]} */
  const result = [`[L,B,S,K,C] = [${layers},${batch},${seq},${kept},${channels}], float32, wall time`, lines];
  return result;
}

const { vendor, architecture, description } = device.adapterInfo;
console.log(
  `${[vendor, architecture, description].filter(Boolean).join(", ")}; time by ${clock.kind}; ${rounds} rounds\n`,
);
const header = [
  "",
  "row",
  "B*K",
  "ms",
  "GB/s",
  "/ vec4 copy",
  "byte for byte",
  "/ copyBufferToBuffer",
  "naive / ours",
];
console.log(table(header, []));
const room = device.limits.maxBufferSize;
for (const rowBytes of flags.bytes.split(",").map(Number)) {
  for (let count = 1024; count <= Number(flags.most); count *= 32) {
    if (2 * count * rowBytes <= room) await rows(rowBytes, count);
  }
}
for (const seq of [1024, 2048]) await masks(seq);
if (wanted("steps")) {
  const [title, stepLines] = await steps();
  console.log(`\n${title}\n\n${table(["a step of 12 layers", "ms", "/ alone"], stepLines)}`);
}
process.exit(0);

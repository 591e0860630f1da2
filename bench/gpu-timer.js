/** Times alternating runs on a GPU, so that what else the machine does falls on all alike. */

import { median } from "./measure.js";

const TIMESTAMP = "timestamp-query";
/** Shortest sample, ms: a software device's clock ticks in 65 us. */
const SAMPLE_MS = 8;

/** @typedef {(encoder: GPUCommandEncoder) => unknown} Recording */

/**
 * @typedef {object} Timer
 * @property {string} kind
 * @property {(record: Recording, repeats: number) => Promise<number>} time Milliseconds of each of so many.
 */

/**
 * How long what `record` puts into an encoder takes: a function of it and how often, in milliseconds each.
 * @param {GPUDevice} device
 * @param {string} kind
 * @returns {Timer}
 */
export function timer(device, kind) {
  if (kind === "timestamps" && !device.features.has(TIMESTAMP)) kind = "wall";
  if (kind !== "timestamps") {
    return {
      kind,
      async time(record, repeats) {
        const encoder = device.createCommandEncoder();
        for (let i = 0; i < repeats; i++) record(encoder);
        const commands = encoder.finish();
        await device.queue.onSubmittedWorkDone();
        const [cpu, start] = [process.cpuUsage(), performance.now()];
        device.queue.submit([commands]);
        await device.queue.onSubmittedWorkDone();
        const { user, system } = process.cpuUsage(cpu);
        return (kind === "cpu" ? (user + system) / 1000 : performance.now() - start) / repeats;
      },
    };
  }
  const querySet = device.createQuerySet({ type: "timestamp", count: 2 });
  const resolved = device.createBuffer({ size: 16, usage: 0x200 | 0x4 });
  const read = device.createBuffer({ size: 16, usage: 0x1 | 0x8 });
  return {
    kind,
    async time(record, repeats) {
      const encoder = device.createCommandEncoder();
      encoder.beginComputePass({ timestampWrites: { querySet, endOfPassWriteIndex: 0 } }).end();
      for (let i = 0; i < repeats; i++) record(encoder);
      encoder.beginComputePass({ timestampWrites: { querySet, beginningOfPassWriteIndex: 1 } }).end();
      encoder.resolveQuerySet(querySet, 0, 2, resolved, 0);
      encoder.copyBufferToBuffer(resolved, 0, read, 0, 16);
      device.queue.submit([encoder.finish()]);
      await read.mapAsync(1);
      const [start, end] = new BigInt64Array(read.getMappedRange().slice(0));
      read.unmap();
      return Number(end - start) / 1e6 / repeats;
    },
  };
}

/**
 * Medians of each contestant's milliseconds, and of each round's ratio to the first one's.
 * @template {string} Name
 * @param {Timer} timer
 * @param {Record<Name, Recording>} contestants
 * @param {number} rounds
 * @returns {Promise<Record<Name, { ms: number, ratio: number }>>}
 */
export async function compare({ time }, contestants, rounds) {
  const entries = [];
  for (const name of /** @type {Name[]} */ (Object.keys(contestants))) {
    const record = contestants[name];
    await time(record, 1);
    const once = await time(record, 2);
    entries.push({
      name,
      record,
      repeats: Math.min(200, Math.ceil(SAMPLE_MS / Math.max(once, 0.01))),
      samples: /** @type {number[]} */ ([]),
    });
  }
  for (let round = 0; round < rounds; round++) {
    for (const entry of entries) entry.samples.push(await time(entry.record, entry.repeats));
  }
  const [{ samples: first }] = entries;
  const medians = entries.map(({ name, samples }) => [
    name,
    { ms: median(samples), ratio: median(first.map((ours, round) => ours / samples[round])) },
  ]);
  return /** @type {Record<Name, { ms: number, ratio: number }>} */ (Object.fromEntries(medians));
}

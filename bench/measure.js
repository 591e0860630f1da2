/** Times alternating runs in one process, so that what else the machine does falls on all alike. */

/** Shortest sample, ms: below it, timers and interruptions would be seen more than the work. */
const SAMPLE_MS = 4;

/**
 * The middle one of some values, or the mean of the middle two.
 * @param {readonly number[]} values
 */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * @param {() => unknown} run
 * @param {number} repeats
 * @param {() => number} clock
 */
function time(run, repeats, clock) {
  const start = clock();
  for (let i = 0; i < repeats; i++) run();
  return (clock() - start) / repeats;
}

/** Milliseconds that this process has computed: waits for a processor that others use don't count. */
export function processorTime() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/**
 * The clock that is asked for: of the wall, or of the processor.
 * @param {boolean} wall
 */
export function clockOf(wall) {
  return wall ? () => performance.now() : processorTime;
}

/**
 * Median milliseconds of each function, all warmed up first and then run in turns.
 *
 * @template {string} Name
 * @param {Record<Name, () => unknown>} contestants
 * @param {{ rounds?: number, clock?: () => number, sampleMs?: number, warmups?: number }} options Milliseconds by
 *   `clock`: of the wall by default. With a `sampleMs` of 0 each sample is a single run, which finds caches as the
 *   contestant before left them. `warmups` runs come first, and as many by which samples are sized.
 * @returns {Record<Name, number>}
 */
export function compare(
  contestants,
  { rounds = 15, clock = () => performance.now(), sampleMs = SAMPLE_MS, warmups = 3 } = {},
) {
  const named = /** @type {[Name, () => unknown][]} */ (Object.entries(contestants));
  const entries = named.map(([name, run]) => {
    time(run, warmups, clock);
    const once = sampleMs > 0 ? time(run, warmups, clock) : 1;
    return {
      name,
      run,
      repeats: Math.max(1, Math.ceil(sampleMs / once)),
      samples: /** @type {number[]} */ ([]),
    };
  });
  for (let round = 0; round < rounds; round++) {
    for (const entry of entries) {
      if (sampleMs > 0) entry.run(); // what the one before left in the caches is gone by then
      entry.samples.push(time(entry.run, entry.repeats, clock));
    }
  }
  const medians = entries.map(({ name, samples }) => [name, median(samples)]);
  return /** @type {Record<Name, number>} */ (Object.fromEntries(medians));
}

/**
 * A Markdown table.
 * @param {readonly string[]} header
 * @param {readonly (readonly (string | number)[])[]} rows
 */
export function table(header, rows) {
  /** @param {readonly (string | number)[]} cells */
  const line = (cells) => `| ${cells.join(" | ")} |`;
  return [line(header), line(header.map(() => "---")), ...rows.map(line)].join("\n");
}

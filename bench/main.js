// Medians of alternating runs, as Markdown: node bench/main.js [--rounds N] [--wall] [--json FILE]
//   [sampling|rows|masks|jax|steps ...]
// --wall: by the wall clock, on a machine that does nothing else; by processor time otherwise.
// All of it takes under five minutes on two cores. At the end: what something is wanted of, beside what is wanted.
// --json: the numbers beside the tables, with the machine and the date; build/bench.json by default.

import { mkdirSync, writeFileSync } from "node:fs";
import os from "node:os";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { table } from "./measure.js";

process.chdir(fileURLToPath(new URL("..", import.meta.url)));

// Loaded one by one, as what one of them leaves in the heap would have the others' collections take longer.
const benches = ["sampling", "rows", "masks", "jax", "steps"];
const { values, positionals } = parseArgs({
  options: {
    rounds: { type: "string", default: "9" },
    wall: { type: "boolean", default: false },
    json: { type: "string", default: "build/bench.json" },
  },
  allowPositionals: true,
});
/** @type {Record<string, unknown>} */
const results = {};
/** @type {{ figure: string, ratio: number, wanted: string }[]} */
const summary = [];
const start = performance.now();
for (const name of positionals.length ? positionals : benches) {
  if (!benches.includes(name)) {
    console.error(`"${name}" expected one of ${benches.join(", ")}`);
    process.exit(2);
  }
  const bench = (await import(`./${name}.js`))[name];
  const { text, data, summary: figures = [] } = await bench(Number(values.rounds), values.wall);
  console.log(`${text}\n`);
  results[name] = data;
  summary.push(...figures);
}
if (summary.length > 0) {
  const lines = summary.map(({ figure, ratio, wanted }) => [figure, ratio.toFixed(2), wanted]);
  console.log(`In short\n\n${table(["figure", "now", "wanted"], lines)}\n`);
}
const seconds = Math.round((performance.now() - start) / 1000);
const machine = { processor: os.cpus()[0].model, cores: os.cpus().length, node: process.version };
const date = new Date().toISOString();
const about = { date, machine, seconds, rounds: Number(values.rounds), wall: values.wall };
console.log(`${date}, ${machine.cores} cores, ${machine.processor}, Node ${machine.node}, ${seconds} s`);
mkdirSync(dirname(values.json), { recursive: true });
writeFileSync(values.json, `${JSON.stringify({ ...about, results, summary }, null, 2)}\n`);

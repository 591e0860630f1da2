// Medians of alternating runs, as Markdown: node bench/main.js [--rounds N] [--wall] [--json FILE]
//   [sampling|rows|masks|jax ...]
// --wall: by the wall clock, on a machine that does nothing else; by processor time otherwise.
// --json: the numbers beside the tables, with the machine and the date; build/bench.json by default.

import { mkdirSync, writeFileSync } from "node:fs";
import os from "node:os";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

process.chdir(fileURLToPath(new URL("..", import.meta.url)));

// Loaded one by one, as what one of them leaves in the heap would have the others' collections take longer.
const benches = ["sampling", "rows", "masks", "jax"];
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
for (const name of positionals.length ? positionals : benches) {
  if (!benches.includes(name)) {
    console.error(`"${name}" expected one of ${benches.join(", ")}`);
    process.exit(2);
  }
  const bench = (await import(`./${name}.js`))[name];
  const { text, data } = await bench(Number(values.rounds), values.wall);
  console.log(`${text}\n`);
  results[name] = data;
}
const machine = { processor: os.cpus()[0].model, cores: os.cpus().length, node: process.version };
mkdirSync(dirname(values.json), { recursive: true });
writeFileSync(
  values.json,
  `${JSON.stringify({ date: new Date().toISOString(), machine, rounds: Number(values.rounds), wall: values.wall, results }, null, 2)}\n`,
);

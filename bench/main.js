// @ts-nocheck: not yet typed
// Medians of alternating runs, as Markdown: node bench/main.js [--rounds N] [--wall] [sampling|rows|masks|jax ...]
// --wall: jax by the wall clock, on a machine that does nothing else; by processor time otherwise.

import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { jax } from "./jax.js";
import { masks } from "./masks.js";
import { rows } from "./rows.js";
import { sampling } from "./sampling.js";

process.chdir(fileURLToPath(new URL("..", import.meta.url)));

const benches = { sampling, rows, masks, jax };
const { values, positionals } = parseArgs({
  options: { rounds: { type: "string", default: "15" }, wall: { type: "boolean", default: false } },
  allowPositionals: true,
});
for (const name of positionals.length ? positionals : Object.keys(benches)) {
  if (!Object.hasOwn(benches, name)) {
    console.error(`"${name}" expected one of ${Object.keys(benches).join(", ")}`);
    process.exit(2);
  }
  console.log(`${await benches[name](Number(values.rounds), values.wall)}\n`);
}

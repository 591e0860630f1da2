// Medians of alternating runs, as Markdown: node bench/main.js [--rounds N] [sampling|rows|masks|jax ...]

import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { jax } from "./jax.js";
import { masks } from "./masks.js";
import { rows } from "./rows.js";
import { sampling } from "./sampling.js";

process.chdir(fileURLToPath(new URL("..", import.meta.url)));

const benches = { sampling, rows, masks, jax };
const { values, positionals } = parseArgs({
  options: { rounds: { type: "string", default: "15" } },
  allowPositionals: true,
});
for (const name of positionals.length ? positionals : Object.keys(benches)) {
  if (!Object.hasOwn(benches, name)) {
    console.error(`"${name}" expected one of ${Object.keys(benches).join(", ")}`);
    process.exit(2);
  }
  console.log(`${await benches[name](Number(values.rounds))}\n`);
}

// The README's table of what runs where, from the record of the matrix.
import { readFileSync } from "node:fs";

/**
 * @typedef {object} Row What the matrix saw in one place.
 * @property {string} [version]
 * @property {{ backend: "wasm" | "reference", digest: string, calls?: number }} cpu
 * @property {{ none: string } | { none?: undefined, from: string, adapter: string, digest: string }} webgpu
 */

const BACKENDS = { wasm: "WebAssembly", reference: "the plain reference" };

/** @param {[string, Row]} row */
function cells([name, { version, cpu, webgpu }]) {
  return [
    version === undefined ? name : `${name} (${version})`,
    `${BACKENDS[cpu.backend]}: \`${cpu.digest}\`${cpu.calls ? ` (${cpu.calls} calls)` : ""}`,
    webgpu.none ?? `${webgpu.from}, over ${webgpu.adapter}: \`${webgpu.digest}\``,
  ];
}

/**
 * The README with the table between its markers written anew.
 * @param {string} readme
 */
export function withTable(readme) {
  const record = ["runtimes", "chromium", "debian"].flatMap((file) =>
    Object.entries(
      JSON.parse(readFileSync(new URL(`../test/runtimes/results/${file}.json`, import.meta.url), "utf8")),
    ),
  );
  const rows = [["", "on the CPU", "WebGPU"], ["---", "---", "---"], ...record.map(cells)];
  const table = rows.map((row) => `| ${row.join(" | ")} |\n`).join("");
  const marked = /(<!-- npm run table -->\n)[\s\S]*(<!-- \/npm run table -->)/;
  if (!marked.test(readme)) throw new Error("README.md has no place for the table");
  return readme.replace(
    marked,
    (_, /** @type {string} */ start, /** @type {string} */ end) => start + table + end,
  );
}

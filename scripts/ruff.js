// Holds the Python in interop/python to ruff's rules and layout: node scripts/ruff.js [--write]
//
// ruff as its makers compile it to WASM, so that it runs wherever Node does. The settings are pyproject.toml's.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { PositionEncoding, Workspace } from "@astral-sh/ruff-wasm-nodejs";

process.chdir(fileURLToPath(new URL("../interop/python", import.meta.url)));

/** The [tool.ruff] tables: one `key = value` a line, each value JSON as well as TOML. */
function settings() {
  /** @type {Record<string, any>} */
  const options = {};
  /** @type {Record<string, any> | undefined} */
  let table;
  for (const line of readFileSync("pyproject.toml", "utf8").split("\n")) {
    const heading = line.match(/^\[(.*)\]$/)?.[1];
    if (heading) {
      table = undefined;
      const [tool, ruff, ...path] = heading.split(".");
      if (tool !== "tool" || ruff !== "ruff") continue;
      table = path.reduce((inner, key) => (inner[key] ??= {}), options);
    } else if (table && line.includes(" = ")) {
      const [key, value] = line.split(/ = (.*)/);
      table[key] = JSON.parse(value);
    }
  }
  return options;
}

const write = process.argv.includes("--write");
const workspace = new Workspace(settings(), PositionEncoding.Utf16);
const files = readdirSync(".", { recursive: true, encoding: "utf8" }).filter(
  (file) => file.endsWith(".py") && !file.startsWith("build/"),
);
let faults = 0;
for (const file of files.map((name) => join(".", name)).sort()) {
  const text = readFileSync(file, "utf8");
  for (const { code, message, start_location: at } of workspace.check(text)) {
    faults++;
    console.log(`interop/python/${file}:${at.row}:${at.column} ${code ?? "syntax"} ${message}`);
  }
  const formatted = workspace.format(text);
  if (formatted === text) continue;
  if (write) writeFileSync(file, formatted);
  else {
    faults++;
    console.log(`interop/python/${file}: not laid out as ruff does it (npm run format)`);
  }
}
console.log(`ruff ${Workspace.version()}: ${files.length} files, ${faults} faults`);
if (faults > 0 || files.length === 0) process.exit(1);

// Runs the matrix of runtimes, records what it sees and writes the README's table from it: npm run table
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { withTable } from "./readme-table.js";

process.chdir(fileURLToPath(new URL("..", import.meta.url)));

const tests = ["runtimes", "chromium", "debian"].map((file) => `test/runtimes/${file}.test.ts`);
const { status } = spawnSync(process.execPath, ["node_modules/vitest/vitest.mjs", "run", ...tests], {
  stdio: "inherit",
  env: { ...process.env, RECORD_RUNTIMES: "1" },
});
if (status !== 0) process.exit(status ?? 1);
writeFileSync("README.md", withTable(readFileSync("README.md", "utf8")));

// Makes the API pages, out/api, and fails on a broken link or a public name without words: node scripts/docs.js
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { installed, installRuntimes } from "./runtimes.js";

process.chdir(fileURLToPath(new URL("..", import.meta.url)));
installRuntimes();
process.exit(
  spawnSync(process.execPath, [installed("typedoc/bin/typedoc")], { stdio: "inherit" }).status ?? 1,
);

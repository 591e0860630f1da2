// Checks the types of every project of the repository: node scripts/typecheck.js. The compiler is named by its file, as the
// older one that test/types.test.ts runs too has a command of the same name.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

process.chdir(fileURLToPath(new URL("..", import.meta.url)));

const PROJECTS = [
  "tsconfig.json",
  "test/tsconfig.json",
  "test/runtimes/tsconfig.float16.json",
  "trainer/tsconfig.json",
  "interop/tsconfig.json",
  "studio/tsconfig.json",
  "scripts/tsconfig.json",
  "assembly/tsconfig.json",
];

let failed = false;
for (const project of PROJECTS) {
  const args = ["node_modules/typescript/bin/tsc", "--noEmit", "-p", project];
  failed = spawnSync(process.execPath, args, { stdio: "inherit" }).status !== 0 || failed;
}
process.exit(failed ? 1 : 0);

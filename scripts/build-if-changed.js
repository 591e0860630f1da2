// Builds, unless what is built is of these very files already: before npm start, npm test and others.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { digestOf, generate } from "./generate.js";

await generate();
const STAMP = "build/built.txt";
const current = () =>
  digestOf([
    ...["src", "package.json", "package-lock.json", "tsconfig.json", "dist"],
    ...["build", "short-names", "wgsl", "wgsl-names"].map((name) => `scripts/${name}.js`),
  ]);
if (!existsSync(STAMP) || readFileSync(STAMP, "utf8") !== current()) {
  const { status } = spawnSync(process.execPath, ["scripts/build.js"], { stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
  writeFileSync(STAMP, `${current()}`);
}

import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The folder of the matrix, whose packages are not the library's. */
export const folder = fileURLToPath(new URL(".", import.meta.url));

/** Installs what the lock file of the matrix names, unless it is there already. */
export function installRuntimes() {
  const lock = readFileSync(`${folder}package-lock.json`, "utf8");
  const stamp = `${folder}node_modules/.installed-lock.json`;
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === lock) return;
  execFileSync("npm", ["ci", "--no-audit", "--no-fund"], { cwd: folder, stdio: "pipe" });
  writeFileSync(stamp, lock);
}

/** The first of some paths under the matrix's node_modules that is there. */
export function installed(...paths) {
  const found = paths.map((path) => `${folder}node_modules/${path}`).find(existsSync);
  if (!found) throw new Error(`none of ${paths.join(", ")} is installed in test/runtimes`);
  return found;
}

import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The folder of the matrix, whose packages are not the library's. */
export const folder = fileURLToPath(new URL("../test/runtimes/", import.meta.url));

const stamp = `${folder}node_modules/.installed-lock.json`;
const turn = fileURLToPath(new URL("../node_modules/.installing-runtimes", import.meta.url));

/** Installs what the lock file of the matrix names, unless it is there already. Files of tests that run at once may. */
export function installRuntimes() {
  const lock = readFileSync(`${folder}package-lock.json`, "utf8");
  const done = () => existsSync(stamp) && readFileSync(stamp, "utf8") === lock;
  if (done()) return;
  takeTurn();
  try {
    if (done()) return;
    execFileSync("npm", ["ci", "--no-audit", "--no-fund"], { cwd: folder, stdio: "pipe" });
    writeFileSync(stamp, lock);
  } finally {
    rmSync(turn);
  }
}

/** Waits until no other process installs. A turn that a killed process left is over. */
function takeTurn() {
  for (;;) {
    try {
      writeFileSync(turn, String(process.pid), { flag: "wx" });
      return;
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    }
    try {
      process.kill(Number(readFileSync(turn)), 0);
    } catch {
      rmSync(turn, { force: true });
    }
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
  }
}

/**
 * The first of some paths under the matrix's node_modules that is there.
 * @param {...string} paths
 */
export function installed(...paths) {
  const found = paths.map((path) => `${folder}node_modules/${path}`).find(existsSync);
  if (!found) throw new Error(`none of ${paths.join(", ")} is installed in test/runtimes`);
  return found;
}

import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A project outside of the tree in which the packed tarball is installed. */
export interface Project {
  readonly folder: string;
  /** Runs a command there and returns what it prints. */
  run(command: string, ...args: string[]): string;
  remove(): void;
}

/** Packs what is built (`npm test` builds first) and installs it. */
export function packedProject(): Project {
  const folder = mkdtempSync(join(tmpdir(), "random-ltd-"));
  const run = (command: string, ...args: string[]) =>
    execFileSync(command, args, { cwd: folder, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  execFileSync("npm", ["pack", "--ignore-scripts", "--pack-destination", folder], { stdio: "pipe" });
  const tarball = readdirSync(folder).find((name) => name.endsWith(".tgz"))!;
  writeFileSync(join(folder, "package.json"), '{ "private": true, "type": "module" }');
  run("npm", "install", "--no-audit", "--no-fund", `./${tarball}`);
  return { folder, run, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

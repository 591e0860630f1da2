import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A project outside of the tree in which the packed tarball is installed. */
export interface Project {
  readonly folder: string;
  /** Runs a command there and returns what it prints. */
  run(command: string, ...args: string[]): string;
  remove(): void;
}

/**
 * Packs what is built (`npm test` builds first) and installs it.
 *
 * @param byNPM Whether npm does, or else the tarball is unpacked where npm would, in a tenth of the time.
 */
export function packedProject({ byNPM = false }: { byNPM?: boolean } = {}): Project {
  const folder = mkdtempSync(join(tmpdir(), "random-ltd-"));
  const run = (command: string, ...args: string[]) =>
    execFileSync(command, args, { cwd: folder, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  execFileSync("npm", ["pack", "--ignore-scripts", "--pack-destination", folder], { stdio: "pipe" });
  const tarball = readdirSync(folder).find((name) => name.endsWith(".tgz"))!;
  writeFileSync(join(folder, "package.json"), '{ "private": true, "type": "module" }');
  if (byNPM) run("npm", "install", "--no-audit", "--no-fund", `./${tarball}`);
  else {
    const to = join(folder, "node_modules/random-ltd");
    mkdirSync(to, { recursive: true });
    run("tar", "-xzf", tarball, "-C", to, "--strip-components=1");
  }
  return { folder, run, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

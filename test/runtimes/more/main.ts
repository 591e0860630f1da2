/**
 * `npm run matrix:more`: the packed tarball in tools that are too heavy for every run of the tests. Installs each into a
 * folder of its own, builds a small page with it, and holds the digests of what runs there to the expected one. What it
 * saw goes into test/runtimes/MORE.md. Names after `--` run these alone and write nothing.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { installRuntimes } from "../../../scripts/runtimes.js";
import { whyNot } from "../../../scripts/swiftshader.js";
import { Project } from "./project.ts";
import { FEW_CALLS, TOOLS } from "./tools.ts";

/** What digest.js gives in all its calls, and in a few: as in ../record.ts, which is Vitest's. */
const [WHOLE, FEW] = ["586595a4a082e268", "eddb36abeece64b2"];

/** Packs the package as it is built. */
function pack(): { tarball: string; folder: string } {
  const folder = mkdtempSync(join(tmpdir(), "random-ltd-pack-"));
  execFileSync("npm", ["pack", "--ignore-scripts", "--pack-destination", folder], { stdio: "pipe" });
  return { folder, tarball: join(folder, readdirSync(folder)[0]) };
}

const reason = whyNot();
if (reason) throw new Error(`Chromium is wanted: ${reason}`);
installRuntimes();
const only = process.argv.slice(2);
const { folder, tarball } = pack();
const rows: string[] = [];
try {
  for (const tool of TOOLS.filter(({ name }) => only.length === 0 || only.includes(name))) {
    const [version] = Object.values(tool.packages);
    const row = (where: string, what: string) => {
      rows.push(`| ${tool.name} ${version} | ${where} | ${what} |`);
      console.log(`${tool.name} ${version}, ${where}: ${what}`);
    };
    let project: Project | undefined;
    try {
      project = new Project(tarball, tool);
      for (const { where, backend, digest } of await tool.run(project)) {
        const expected = where.startsWith("Hermes") ? FEW : WHOLE;
        const right = digest === expected ? "" : `, but ${expected} is right`;
        row(where, `${backend}: \`${digest}\`${right}`);
        if (right) process.exitCode = 1;
      }
    } catch (error) {
      console.error(String(error));
      row("-", "failed");
      process.exitCode = 1;
    } finally {
      project?.remove();
    }
  }
} finally {
  rmSync(folder, { recursive: true });
}

if (only.length === 0) {
  writeFileSync(
    resolve("test/runtimes/MORE.md"),
    `# More tools

What \`npm run matrix:more\` saw: the packed tarball, installed and built by tools that are too heavy for every run of the
tests, and run. \`${WHOLE}\` is the digest of all calls, \`${FEW}\` of the first ${FEW_CALLS}, for interpreters.

| tool | where its output ran | what was seen |
| --- | --- | --- |
${rows.join("\n")}
`,
  );
}

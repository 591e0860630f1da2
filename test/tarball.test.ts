/** What `npm pack` ships: every file has a reason to be there. */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";

/** Kinds of files, and why a user of the package gets them. */
const KINDS: readonly (readonly [string, RegExp])[] = [
  ["npm shows it, and wants it", /^(package\.json|README\.md|LICENSE)$/],
  ["what changed, for those who update", /^CHANGELOG\.md$/],
  ["pages that the README and the docstrings link to", /^docs\/[\w-]+\.md$/],
  ["the pictures of those pages", /^docs\/(evidence\/)?[\w-]+\.(svg|png)$/],
  ["the figures that the README links to", /^bench\/[\w-]+\.md$/],
  ["known answers of the rule, which its page links to", /^test\/vectors\/[\w-]+\.json$/],
  ["entries, their shared parts and maps to src", /^dist\/[\w.-]+\.js(\.map)?$/],
  ["the same where a .wasm is imported as a module", /^dist\/(workerd|edge-light)\/[\w-]+\.js(\.map)?$/],
  ["the core, for those who load it themselves", /^dist\/core\.wasm(\.d\.ts)?$/],
  ["types", /^dist\/(?!core\.wasm)[\w/-]+\.d\.ts$/],
  ["what the maps lead to, for debuggers", /^src\/[\w/-]+(\.d)?\.ts$/],
  // Tools that don't read `exports` find an entry by a folder of its name.
  ["entries for tools that don't read exports", /^(jax|tfjs|webgpu)\/package\.json$/],
];

const [{ files }] = JSON.parse(
  execFileSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  }),
);
const paths: string[] = files.map(({ path }: { path: string }) => path);
const shipped = new Set(paths);

test("each file is of one kind", () => {
  expect(paths.length).toBeGreaterThan(50);
  for (const path of paths)
    expect([path, KINDS.filter(([, kind]) => kind.test(path)).length]).toEqual([path, 1]);
});

test("maps lead to files that are there", () => {
  const maps = paths.filter((path) => path.endsWith(".map"));
  expect(maps.length).toBeGreaterThan(3);
  for (const map of maps) {
    const { sources } = JSON.parse(readFileSync(map, "utf8"));
    for (const source of sources) expect(shipped, map).toContain(join(dirname(map), source));
  }
});

// The README's are shown beside the repository, wherever it is shown.
test("links in docs lead to files that are there, but for what is in the repository alone", () => {
  for (const page of paths.filter((path) => path.startsWith("docs/"))) {
    const links = readFileSync(page, "utf8").matchAll(/\]\(([^)#:\s]+)[^)]*\)/g);
    for (const [, link] of links) {
      const target = join(dirname(page), link);
      if (existsSync(target) && !target.startsWith("interop/")) expect(shipped, page).toContain(target);
    }
  }
});

test("nothing is built as the package is installed", () => {
  const { scripts } = JSON.parse(readFileSync("package.json", "utf8"));
  const atInstall = ["preinstall", "install", "postinstall", "prepare", "preprepare", "postprepare"];
  expect(Object.keys(scripts).filter((name) => atInstall.includes(name))).toEqual([]);
});

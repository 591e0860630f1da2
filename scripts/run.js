// Runs a TypeScript program of this repository under any Node: node scripts/run.js FILE [arguments]. esbuild bundles it
// into build/programs/, packages left outside, in some 50 ms.
import { rmSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));
const [file, ...args] = process.argv.slice(2);
const outfile = join(root, "build/programs", `${basename(file, ".ts")}-${process.pid}.js`);

/**
 * Files of scripts/ are left outside: they look for other files from where they lie.
 * @type {import("esbuild").Plugin}
 */
const scripts = {
  name: "scripts",
  setup: ({ onResolve }) =>
    onResolve({ filter: /\/scripts\/.*\.js$/ }, ({ path, resolveDir }) => ({
      path: pathToFileURL(resolve(resolveDir, path)).href,
      external: true,
    })),
};

/** Bundles `file` into `outfile`. */
await build({
  entryPoints: [resolve(root, file)],
  outfile,
  bundle: true,
  packages: "external",
  format: "esm",
  platform: "node",
  target: "node20",
  logLevel: "warning",
  plugins: [scripts],
});
process.on("exit", () => rmSync(outfile, { force: true }));
process.argv = [process.argv[0], outfile, ...args];
await import(pathToFileURL(outfile).href);

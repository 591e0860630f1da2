/** The bundlers of the matrix, each as it comes. */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import * as esbuild from "esbuild";
import { folder, installed } from "../../scripts/runtimes.js";

export const json = (path: string): any => JSON.parse(readFileSync(path, "utf8"));

/** Loads a package of the matrix. */
export const load: NodeJS.Require = createRequire(join(folder, "package.json"));

/** The version of what doesn't report its own. */
export const packaged = (name: string): string => json(installed(`${name}/package.json`)).version;

/** What bundles files of a project, as modules for Node, into a folder of its name in lower case. */
interface Bundler {
  readonly version: () => string;
  readonly bundle: (root: string, files: readonly string[]) => unknown;
}

/** The scripts by webpack, or by what takes its configuration, as modules for Node. */
function asWebpackDoes(
  bundler: any,
  context: string,
  files: readonly string[],
  folder: string,
): Promise<void> {
  const configuration = {
    mode: "production",
    target: "node20",
    context,
    entry: Object.fromEntries(files.map((file) => [file.replace(".js", ""), `./${file}`])),
    output: { path: join(context, folder), filename: "[name].js", module: true, chunkFormat: "module" },
    experiments: { outputModule: true },
  };
  return new Promise((resolve, reject) => {
    bundler(configuration, (error: Error | null, stats: any) => {
      if (error || stats.hasErrors()) reject(error ?? new Error(stats.toString("errors-only")));
      else resolve();
    });
  });
}

export const BUNDLERS: Readonly<Record<string, Bundler>> = {
  esbuild: {
    version: () => esbuild.version,
    bundle: (root, files) =>
      esbuild.build({
        entryPoints: files.map((file) => join(root, file)),
        ...{ bundle: true, minify: true, format: "esm", target: "es2022", outdir: join(root, "esbuild") },
      }),
  },
  Vite: {
    version: () => packaged("vite"),
    async bundle(root, files) {
      const vite = await import(installed("vite/dist/node/index.js"));
      const build = { lib: { entry: [...files], formats: ["es"] }, outDir: "vite" };
      await vite.build({ root, logLevel: "error", build });
    },
  },
  webpack: {
    version: () => packaged("webpack"),
    bundle: (root, files) => asWebpackDoes(load("webpack"), root, files, "webpack"),
  },
  Rspack: {
    version: () => packaged("@rspack/core"),
    async bundle(root, files) {
      const { rspack } = await import(installed("@rspack/core/dist/index.js"));
      await asWebpackDoes(rspack, root, files, "rspack");
    },
  },
  // Its resolver doesn't read the package's exports, as it comes.
  Parcel: {
    version: () => packaged("parcel"),
    bundle(root, files) {
      const parcel = {
        context: "node",
        outputFormat: "esmodule",
        includeNodeModules: true,
        distDir: "parcel",
      };
      const manifest = join(root, "package.json");
      writeFileSync(manifest, JSON.stringify({ ...json(manifest), targets: { main: false, parcel } }));
      const quiet = ["--no-cache", "--no-source-maps", "--log-level", "error"];
      const run = [installed("parcel/lib/bin.js"), "build", ...files, ...quiet];
      execFileSync(process.execPath, run, { cwd: root, stdio: "pipe" });
    },
  },
};

const begun = new Map<string, unknown>();

/** Has a bundler do its work once, for all tests of it. */
export async function bundled(name: string, root: string, files: readonly string[]): Promise<void> {
  if (!begun.has(name)) begun.set(name, BUNDLERS[name].bundle(root, files));
  await begun.get(name);
}

/** The page: `npm run studio` serves it, `npm run studio:build` makes build/studio, which works from any path. */
import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";
import { makeData } from "./node/make-data.ts";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/**
 * The page itself only samples: of the WASM core it gets the part that samples, as random-ltd/webgpu does. Not the worker,
 * whose build has no plugins, and not the server's modules, which page and worker share.
 */
const samplingAlone = {
  name: "sampling-alone",
  apply: "build" as const,
  enforce: "pre" as const,
  resolveId: (id: string) => (id === "#core-module" ? here("../src/core/sampling-module.ts") : undefined),
};

export default defineConfig(async () => {
  const publicDir = here("../build/studio-data");
  await makeData(publicDir);
  return {
    root: here("."),
    base: "./",
    publicDir,
    resolve: {
      alias: {
        "random-ltd/jax": here("../src/adapters/jax.ts"),
        "random-ltd/webgpu": here("../src/webgpu.ts"),
        "random-ltd": here("../src/index.ts"),
      },
    },
    esbuild: { jsx: "automatic" as const, jsxImportSource: "preact" },
    plugins: [samplingAlone],
    worker: { format: "es" as const },
    build: {
      outDir: here("../build/studio"),
      emptyOutDir: true,
      target: "es2022",
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
    },
  };
});

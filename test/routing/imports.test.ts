import { build } from "esbuild";
import { expect, test } from "vitest";

/** What a page bundles that imports these names only. */
async function bundled(names: string): Promise<string> {
  const { outputFiles } = await build({
    stdin: {
      contents: `import { ${names} } from "../../src/index.ts"; console.log(${names});`,
      resolveDir: import.meta.dirname,
    },
    bundle: true,
    format: "esm",
    write: false,
  });
  return outputFiles[0].text;
}

test("schedule, configuration, checkpoints and learning rate pull in no WASM and no operations", async () => {
  const names =
    "RandomLTDScheduler, parseDataEfficiencyConfig, removeRandomLTDStateDict, addRandomLTDStateDict, LayerTokenLRSchedule";
  const text = await bundled(names);
  expect(text).toContain("seq_per_step");
  expect(text).not.toContain("WebAssembly");
  expect(text).not.toMatch(/^\/\/ .*src\/(backends|wasm|sampling|tokens|masks)/m);
});

test("the layer wrapper does pull them in: the control", async () => {
  expect(await bundled("RandomLayerTokenDrop")).toContain("WebAssembly");
});

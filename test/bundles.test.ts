import { build } from "esbuild";
import { expect, it } from "vitest";

/** What a page's bundler keeps of the built package. */
async function page(code: string): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents: code, resolveDir: "." },
    bundle: true,
    minify: true,
    write: false,
    format: "esm",
    platform: "browser",
  });
  return outputFiles[0].text;
}

it("importing the scheduler alone brings no WASM along", async () => {
  const scheduler = await page(
    'import { RandomLTDScheduler } from "random-ltd"; console.log(RandomLTDScheduler);',
  );
  expect(scheduler).toContain("seq_per_step");
  expect(scheduler).not.toContain("WebAssembly");
  // A control: sampling does.
  const sampling = await page('import { gptSampleTokens } from "random-ltd"; console.log(gptSampleTokens);');
  expect(sampling).toContain("WebAssembly");
});

it("importing nothing by name leaves nothing", async () => {
  expect(await page('import "random-ltd";')).toBe("");
});

/** The built types of the adapter against those of TF.js itself: the build has a page of its own (tfjs-core.d.ts). */
import { execFileSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { folder, installTF } from "../../scripts/tfjs/load.js";

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));

test("they compile with TF.js's, and hold wrong uses", async () => {
  await installTF();
  const file = `${folder}types-${process.pid}.ts`;
  writeFileSync(
    file,
    `import * as tf from "@tensorflow/tfjs-core";
     import * as tfl from "@tensorflow/tfjs-layers";
     import { convertToRandomLTD, type RandomLTDScheduler } from "${path("../../dist/index.js")}";
     import { GatherTokens, randomLTDCallback, randomLTDLayer, tfjsOps } from "${path("../../dist/adapters/tfjs.js")}";
     declare const [scheduler, x, indices]: [RandomLTDScheduler, tf.Tensor3D, tf.Tensor2D];
     export const part: tf.Tensor = GatherTokens.forward(x, indices);
     const stack = convertToRandomLTD([(h: tf.Tensor) => tf.tanh(h)], scheduler, { ops: tfjsOps });
     export const out: tf.Tensor = stack.forward(x);
     const RandomLTD = randomLTDLayer(tfl.layers.Layer);
     const layer = new RandomLTD({ layer: tfl.layers.dense({ units: 4 }), scheduler });
     const model = tfl.sequential();
     model.add(layer);
     export const fitted = model.fit(x, x, { callbacks: randomLTDCallback(scheduler) });
     // @ts-expect-error a layer is required
     new RandomLTD({ scheduler });
     // @ts-expect-error a number is no tensor
     GatherTokens.forward(3, indices);`,
  );
  const options = "--noEmit --strict --skipLibCheck --target es2022 --lib es2023,dom --module esnext".split(
    " ",
  );
  const more = "--moduleResolution bundler --types @webgpu/types".split(" ");
  const roots = ["--typeRoots", path("../../node_modules")];
  // The library's own folder has no TF.js: it finds the one that is installed for the tests.
  const config = `${folder}types-${process.pid}.json`;
  const paths = { "@tensorflow/*": [`${folder}node_modules/@tensorflow/*`] };
  writeFileSync(config, JSON.stringify({ compilerOptions: { paths }, files: [file] }));
  let said = "";
  try {
    const tsc = path("../../node_modules/typescript/bin/tsc");
    execFileSync("node", [tsc, "-p", config, ...options, ...more, ...roots], { stdio: "pipe" });
  } catch (error) {
    said = String((error as { stdout: unknown }).stdout);
  }
  for (const made of [file, config]) rmSync(made);
  expect(said).toBe("");
});

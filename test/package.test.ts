import { readdirSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import resolve from "resolve";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Project, packedProject } from "./suites/packed.ts";

/** The packed tarball, installed in a project outside of the tree. */
describe("the packed package", () => {
  let project: Project;
  beforeAll(() => {
    project = packedProject({ byNPM: true });
  });
  afterAll(() => project.remove());

  it("brings no dependency along", () => {
    const installed = readdirSync(join(project.folder, "node_modules")).filter(
      (name) => !name.startsWith("."),
    );
    expect(installed).toEqual(["random-ltd"]);
  });

  it("samples at the first call", () => {
    writeFileSync(
      join(project.folder, "sample.js"),
      `import { cpuBackend, gptSampleTokens } from "random-ltd";
       const { sampledIndices } = gptSampleTokens({ reservedLength: 4, seqLength: 16, batchSize: 1, seed: 7 });
       console.log(cpuBackend(), sampledIndices.data.join());`,
    );
    // gptSampleTokens on the reference backend, same arguments.
    expect(project.run("node", "sample.js").trim()).toBe("wasm 2,3,8,9");
  });

  it("has an entry for tokens on the GPU that samples alike and refuses the CPU's", () => {
    writeFileSync(
      join(project.folder, "small.js"),
      `import * as whole from "random-ltd";
       import * as small from "random-ltd/webgpu";
       import { random } from "./mixed.js";
       let same = 0;
       for (const options of random(whole)) {
         const [a, b] = [whole, small].map((lib) => {
           try {
             return lib.gptSampleTokens(options).sampledIndices.data.join();
           } catch (error) {
             return error.message;
           }
         });
         if (a !== b) throw new Error(JSON.stringify([options, a, b], (_, x) => (typeof x === "bigint" ? \`\${x}\` : x)));
         same++;
       }
       const { tensor, tokenSort } = small;
       const refused = (call) => {
         try {
           call();
         } catch (error) {
           return \`\${error.name}: \${error.message}\`;
         }
       };
       const idx = tensor(new Int32Array(1), [1, 1]);
       const x = tensor(new Float32Array(4), [1, 2, 2]);
       const part = tensor(new Float32Array(2), [1, 1, 2]);
       const mask = tensor(new Uint8Array(4).fill(1), [1, 1, 2, 2]);
       const sample = { reservedLength: 1, seqLength: 2, batchSize: 1, seed: 1, attnMask: mask };
       const schedule_config = { require_steps: 4, seq_per_step: 1 };
       const scheduler = new small.RandomLTDScheduler({
         ...{ total_layer_num: 1, random_ltd_layer_num: 1, random_ltd_layer_id: [0] },
         ...{ model_mask_name: null, model_type: "decoder", hidden_state_order: "batch_seq_dim" },
         ...{ global_batch_size: 1, micro_batch_size: 1 },
         random_ltd_schedule: { min_value: 1, max_value: 2, schedule_type: "fixed_linear", schedule_config },
       });
       const block = { forward: (states) => states, backward: (grad) => grad };
       const wrapped = (training) => {
         const layer = new small.RandomLayerTokenDrop(block, scheduler, 0);
         if (!training) layer.eval();
         return layer;
       };
       console.log(JSON.stringify({
         same,
         names: Object.keys(whole).join() === Object.keys(small).join(),
         backend: small.cpuBackend(),
         sorted: tokenSort(tensor(new Int32Array([3, 1]), [1, 2]), 4).data.join(),
         refused: [
           () => small.GatherTokens.forward(x, idx),
           () => small.GatherTokens.backward(part, idx, { seqLength: 2 }),
           () => small.GatherTokens.backward(part, idx, { seqLength: 2, accumulateInto: x }),
           () => small.ScatterTokens.forward(x, part, idx, { inPlace: true }),
           () => small.ScatterTokens.backward(x, idx),
           () => small.maskGather(mask, idx),
           () => small.maskSlice(mask, 1),
           () => small.gptSampleTokens(sample),
           () => small.gptSampleTokens({ ...sample, maskMode: "slice-unchecked" }),
           () => small.bertSampleTokens(sample),
           () => wrapped(true).forward(x),
           () => wrapped(false).forward(x),
           () => small.convertToRandomLTD([block], scheduler).forward(x),
         ].map(refused),
         x: x.data.join(),
       }));`,
    );
    // Every kind of call: masks, prefixes, rows of several tiles, several layers.
    writeFileSync(
      join(project.folder, "mixed.js"),
      `export function* random({ tensor }) {
         let x = 20260003;
         const below = (n) => {
           x ^= x << 13;
           x ^= x >>> 17;
           x ^= x << 5;
           return (x >>> 0) % n;
         };
         for (let call = 0; call < 1500; call++) {
           const seqLength = 1 + below(call % 50 === 0 ? 200000 : call % 7 === 0 ? 3000 : 80);
           const [batchSize, layers, reservedLength] = [1 + below(3), 1 + below(3), 1 + below(seqLength)];
           const flags = (of) =>
             tensor(Uint8Array.from({ length: batchSize * seqLength }, () => Number(below(of) === 0)), [batchSize, seqLength]);
           yield {
             ...{ seqLength, reservedLength, batchSize, layers, seed: BigInt(below(2 ** 31)) << 31n, step: below(2 ** 31) },
             ...{ batchOffset: below(2 ** 31), layerOffset: below(2 ** 31) },
             ...(below(3) === 0 ? { keepPrefix: below(Math.min(reservedLength, 4) + 1) } : {}),
             ...(below(3) === 0 ? { keepMask: flags(2 + Math.ceil((4 * seqLength) / reservedLength)) } : {}),
             ...(below(3) === 0 ? { paddingMask: flags(2) } : {}),
           };
         }
       }`,
    );
    const { same, names, backend, sorted, refused, x } = JSON.parse(project.run("node", "small.js"));
    expect({ same, names, backend, sorted, x }).toEqual({
      ...{ same: 1500, names: true, backend: "wasm", sorted: "1,3", x: "0,0,0,0" },
    });
    const arguments_ = "activations retainedGrad retainedGrad allActivations outGrad mask mask".split(" ");
    expect(refused).toEqual(
      [
        ...[...arguments_, "attnMask", "attnMask", "attnMask"],
        ...["hiddenStates", "hiddenStates", "hiddenStates"],
      ].map((name) => `TypeError: "${name}" expected a GPU tensor with random-ltd/webgpu, got a CPU tensor`),
    );
  });

  describe("by tools that don't read exports", () => {
    const entries = ["random-ltd", "random-ltd/jax", "random-ltd/tfjs", "random-ltd/webgpu"];

    // eslint-plugin-import's resolver for Node is the package `resolve`, with `module` before `main`.
    it.each(["module", "main"] as const)("finds each entry by a package.json's %s", (field) => {
      const packageFilter = (manifest: Record<string, any>) => ({ ...manifest, main: manifest[field] });
      for (const entry of entries) {
        const file = resolve.sync(entry, { basedir: project.folder, packageFilter });
        const [, name = "index"] = entry.split("/");
        expect(realpathSync(file)).toBe(
          realpathSync(join(project.folder, `node_modules/random-ltd/dist/${name}.js`)),
        );
      }
    });

    it("has types by TypeScript's node10", () => {
      writeFileSync(
        join(project.folder, "old.ts"),
        `import { gptSampleTokens } from "random-ltd";
         import { requestGPUDevice } from "random-ltd/webgpu";
         export const { data } = gptSampleTokens({ reservedLength: 4, seqLength: 16, batchSize: 1, seed: 7 }).sampledIndices;
         // @ts-expect-error no number: the types are found
         export const device: number = requestGPUDevice();
         export type Jax = typeof import("random-ltd/jax");
         export type TF = typeof import("random-ltd/tfjs");`,
      );
      const tsc = join(process.cwd(), "node_modules/typescript-5.9/bin/tsc");
      // The peers that random-ltd/jax and random-ltd/tfjs import are not there, nor WebGPU's types.
      const options =
        "--noEmit --strict --skipLibCheck --target es2022 --module esnext --moduleResolution node10";
      project.run("node", tsc, ...options.split(" "), "old.ts");
    });
  });

  it("has types for what it exports", () => {
    writeFileSync(
      join(project.folder, "types.ts"),
      `import { type CPUTensor, gptSampleTokens, tensor } from "random-ltd";
       import { requestGPUDevice } from "random-ltd/webgpu";
       requestGPUDevice().then((device) => {
         // @ts-expect-error a number: the types know WebGPU
         const most: string = device.limits.maxBufferSize;
         return most;
       });
       const attnMask = tensor(new Uint8Array(256), [1, 1, 16, 16]);
       const sampled = gptSampleTokens({ reservedLength: 4, seqLength: 16, batchSize: 1, seed: 7n, attnMask });
       export const mask: CPUTensor = sampled.newMask;
       export const indices: Int32Array = sampled.sampledIndices.data;
       // @ts-expect-error a seed is required
       gptSampleTokens({ reservedLength: 4, seqLength: 16, batchSize: 1 });`,
    );
    const tsc = join(process.cwd(), "node_modules/typescript/bin/tsc");
    for (const [module, resolution] of [
      ["nodenext", "nodenext"],
      ["esnext", "bundler"],
    ]) {
      project.run(
        "node",
        tsc,
        "--noEmit",
        "--strict",
        "--target",
        "es2022",
        "--module",
        module,
        "--moduleResolution",
        resolution,
        "types.ts",
      );
    }
  }, 120_000);
});

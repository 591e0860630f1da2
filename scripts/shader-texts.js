// The shaders as an operation runs them: the plans and the texts of src, without a device.
import { build } from "esbuild";
import { readShaders, shortened, writeShaders } from "./wgsl.js";

/**
 * What src/backends/webgpu plans and assembles, from its sources as they are now.
 * @returns {Promise<{
 *   planTokens: typeof import("../src/backends/webgpu/token-plans.ts").planTokens,
 *   planMaskGather: typeof import("../src/backends/webgpu/mask-plans.ts").planMaskGather,
 *   planMaskSlice: typeof import("../src/backends/webgpu/mask-plans.ts").planMaskSlice,
 *   everyShader: typeof import("../src/backends/webgpu/shader-choice.ts").everyShader,
 *   programOf: typeof import("../src/backends/webgpu/programs.ts").programOf,
 *   codeOf: typeof import("../src/backends/webgpu/programs.ts").codeOf,
 * }>}
 */
export async function loadPlans() {
  writeShaders();
  const files = ["token-plans", "mask-plans", "shader-choice", "programs"];
  const contents = files.map((file) => `export * from "./src/backends/webgpu/${file}.ts";`).join("\n");
  const stdin = { contents, resolveDir: new URL("..", import.meta.url).pathname };
  const { outputFiles } = await build({ stdin, bundle: true, write: false, format: "esm", target: "es2022" });
  return import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString("base64")}`);
}

/**
 * How the buffers of a shader may come to share one: none, or `src` and `base` in the buffer of `dst`, each in a
 * binding of its own or in another's. Indices and maps are never there.
 * @param {import("../src/backends/webgpu/programs.ts").Shader} shader
 * @returns {import("../src/backends/webgpu/programs.ts").Sharing[]}
 */
function everySharing({ sections }) {
  /** @type {("src" | "base")[]} */
  const buffers = [];
  if (
    !["retained = zeroed", "work = inversion", "work = quads"].some((label) =>
      sections.includes(/** @type {never} */ (label)),
    )
  ) {
    buffers.push("src");
  }
  if (sections.includes("rest = copied")) buffers.push("base");
  /** @type {import("../src/backends/webgpu/programs.ts").Sharing[]} */
  let ways = [new Map()];
  for (const name of buffers) {
    ways = ways.flatMap((way) => [
      way,
      new Map([...way, [name, name]]),
      new Map([...way, [name, "dst"]]),
      ...(way.get("src") === "src" ? [new Map([...way, [name, /** @type {const} */ ("src")]])] : []),
    ]);
  }
  return ways;
}

/**
 * Every text that a device may be asked to compile, with what tells it from the others.
 * @param {boolean} short As the package has it, or as it is written.
 */
export async function everyText(short) {
  const { everyShader, programOf, codeOf } = await loadPlans();
  const files = short ? shortened(readShaders()) : readShaders();
  return everyShader().flatMap((shader) =>
    everySharing(shader).map((sharing) => ({
      key: programOf(shader, sharing).key,
      code: codeOf(shader, sharing, /** @type {any} */ (files)),
    })),
  );
}

/**
 * What a device refuses of texts: its compiler, or the pipeline.
 * @param {GPUDevice} device
 * @param {{ key: string, code: string }[]} texts
 * @returns {Promise<string[]>} A message for each text that is refused.
 */
export async function refusals(device, texts) {
  const refused = await Promise.all(
    texts.map(async ({ key, code }) => {
      device.pushErrorScope("validation");
      const module = device.createShaderModule({ code });
      const invalid = device.popErrorScope();
      /** @type {GPUComputePipelineDescriptor} */
      const descriptor = {
        layout: "auto",
        compute: { module, entryPoint: "main", constants: { lanes: 128 } },
      };
      const pipeline = device.createComputePipelineAsync(descriptor).then(() => undefined, String);
      const reason = (await invalid)?.message ?? (await pipeline);
      return reason === undefined ? [] : [`${key}\n${reason}\n${numbered(code)}`];
    }),
  );
  return refused.flat();
}

/**
 * A text with its lines numbered.
 * @param {string} code
 */
export function numbered(code) {
  return code
    .split("\n")
    .map((line, i) => `${String(i + 1).padStart(4)}  ${line}`)
    .join("\n");
}

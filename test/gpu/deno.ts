/** Every operation in Deno's own WebGPU, with the folder of SwiftShader as argument: bundled as page.ts is. */
import { requestGPUDevice } from "../../src/index.ts";
import { checkMasks, checkTokens } from "./check.ts";
import { hear } from "./hear.ts";

const { Deno } = globalThis as any;
const [folder] = Deno.args;
Deno.env.set("VK_ICD_FILENAMES", `${folder}/vk_swiftshader_icd.json`);
Deno.dlopen(`${folder}/libvulkan.so.1`, {});

const heard = hear(await requestGPUDevice());
let cases = 0;
for (const dtype of ["float32", "uint8", "float16"] as const) {
  for (const channels of [64, 3]) {
    for (const batchFirst of [true, false]) {
      const sizes = { dtype, batch: 2, seq: 19, kept: 7, channels, batchFirst, seed: channels };
      const c = { ...sizes, readOffset: channels === 64 ? 0 : 3, writeOffset: 4 };
      await checkTokens(heard.device, c);
      await checkMasks(heard.device, { ...c, layers: 2, heads: 2, maskBatch: 2, padding: false });
      await heard.check();
      cases++;
    }
  }
}
console.log(`${cases} cases`);
Deno.exit(0);

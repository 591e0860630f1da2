/** TF.js with its three backends, and a fourth that the adapter doesn't know: the cpu backend under another name. */

import { loadTF } from "../../../scripts/tfjs/load.js";
import { dawn, whyNoDawn } from "../../gpu/dawn.ts";

export const reason: string | undefined = whyNoDawn();

if (reason === undefined) {
  const { globals } = await import("webgpu");
  Object.assign(globalThis, globals);
  const navigator = { gpu: await dawn(), userAgent: "node" };
  Object.defineProperty(globalThis, "navigator", { value: navigator, configurable: true });
}

/** TF.js, its types left open: they are in packages that are installed when this runs. */
export const tf: any = await loadTF();
tf.env().set("IS_TEST", true); // TF.js then checks each kernel for memory that it leaves behind
tf.registerBackend("unknown", () => tf.findBackendFactory("cpu")());
tf.copyRegisteredKernels("cpu", "unknown");

/** The backends by name. */
export const BACKENDS: readonly string[] = ["cpu", "wasm", ...(reason ? [] : ["webgpu"]), "unknown"];

/** The wasm backend with its memory out of our reach. */
export const CLOSED_WASM = "wasm, its memory out of reach";

/** Makes a backend the one in use. */
export async function use(name: string): Promise<void> {
  const closed = name === CLOSED_WASM;
  const backend = closed ? "wasm" : name;
  if (!(await tf.setBackend(backend))) throw new Error(`TF.js didn't start ${backend}`);
  if (backend !== "wasm") return;
  const { wasm } = tf.backend();
  open ??= wasm.asm;
  wasm.asm = closed ? { ...open, memory: undefined } : open;
}
let open: object | undefined;

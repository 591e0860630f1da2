// `node --import` of this gives a script the `navigator.gpu` of a browser: Dawn over SwiftShader.
import { loadSwiftShader } from "../../scripts/swiftshader.js";

loadSwiftShader();
const { create } = await import("webgpu");
const gpu = create([]);
globalThis.heldGPU = gpu; // Dawn crashes where its instance is collected before its devices
Object.defineProperty(globalThis, "navigator", { value: { gpu }, configurable: true });

// The suites of the operations in Deno: its arguments are their bundle and the folder of SwiftShader.
const [bundle, folder] = Deno.args;
Deno.env.set("VK_ICD_FILENAMES", `${folder}/vk_swiftshader_icd.json`);
Deno.dlopen(`${folder}/libvulkan.so.1`, {});
await import(bundle);
const { suites } = /** @type {{ suites: import("./suites.ts").Suites }} */ (
  /** @type {unknown} */ (globalThis)
);
console.log(JSON.stringify(await suites.run()));
Deno.exit(0);

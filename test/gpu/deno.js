// The suites of the operations in Deno: its arguments are their bundle and the folder of SwiftShader.
const [bundle, folder] = Deno.args;
Deno.env.set("VK_ICD_FILENAMES", `${folder}/vk_swiftshader_icd.json`);
Deno.dlopen(`${folder}/libvulkan.so.1`, {});
await import(bundle);
console.log(JSON.stringify(await globalThis.suites.run()));
Deno.exit(0);

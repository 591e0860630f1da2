declare module "*.wasm" {
  const core: WebAssembly.Module;
  export default core;
}
declare module "*.wasm?module" {
  const core: WebAssembly.Module;
  export default core;
}

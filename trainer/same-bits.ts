/** Training that comes to the same bits in every engine. */

/** The opcode of f32x4.relaxed_madd, in a module of a few bytes that asks whether there is one. */
const RELAXED_MADD = [0xfd, 0x85, 0x02];
const PROBE_BYTES = 64;

/**
 * Keeps jax-js from fused multiplications and additions on its WASM backend. It takes WebAssembly's `relaxed_madd` where
 * the engine has it, which rounds once or twice as the processor likes; Node 20 has none. To be called before jax-js is
 * initialized, where runs are to be compared between engines; otherwise leave it, fused is faster.
 */
export function sameBits(): void {
  const { validate } = WebAssembly;
  WebAssembly.validate = (bytes) => {
    const view = ArrayBuffer.isView(bytes)
      ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      : new Uint8Array(bytes);
    const asks =
      view.length < PROBE_BYTES && view.some((_, i) => RELAXED_MADD.every((byte, j) => view[i + j] === byte));
    return !asks && validate(bytes);
  };
}

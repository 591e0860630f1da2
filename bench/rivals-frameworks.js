/** How other frameworks in JavaScript draw K of S positions, ascending: the K largest of random numbers, and a sort. */

import { loadTF } from "../scripts/tfjs/load.js";

/**
 * In jax-js, on its WASM backend.
 * @param {number} rows
 * @param {number} seqLength
 * @param {number} kept
 */
async function jaxTopK(rows, seqLength, kept) {
  const { lax, numpy: np, random } = await import("@jax-js/jax");
  let seed = 0;
  return () => {
    const values = random.uniform(random.key(seed++), [rows, seqLength]);
    const [largest, indices] = lax.topK(values, kept, -1);
    largest.dispose();
    return np.sort(indices, -1).dataSync();
  };
}

/**
 * In TF.js, on its WASM backend. It has no sort, so rows are sorted as typed arrays.
 * @param {number} rows
 * @param {number} seqLength
 * @param {number} kept
 */
async function tfjsTopK(rows, seqLength, kept) {
  const tf = await loadTF();
  await tf.setBackend("wasm");
  return () => {
    /** @type {Int32Array} */
    const positions = tf.tidy(() =>
      tf.topk(tf.randomUniform([rows, seqLength]), kept, false).indices.dataSync(),
    );
    for (let at = 0; at < positions.length; at += kept) positions.subarray(at, at + kept).sort();
    return positions;
  };
}

/** @type {Record<string, (rows: number, seqLength: number, kept: number) => Promise<() => unknown>>} */
export const frameworks = {
  "jax-js, topK of uniform + sort": jaxTopK,
  "TF.js, topk of randomUniform + sort": tfjsTopK,
};

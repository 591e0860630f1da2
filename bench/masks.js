import { gptSampleTokens, maskGather, tensor } from "random-ltd";
import { clockOf, compare, table } from "./measure.js";

const CARRIERS = { float32: Float32Array, bfloat16: Uint16Array, uint8: Uint8Array };
/** Float32Array elements are picked as integers: the fastest form, and NaN payloads survive it. */
const INTEGERS = { float32: Uint32Array, bfloat16: Uint16Array, uint8: Uint8Array };

/** @typedef {keyof typeof CARRIERS} DType */

/**
 * @param {{ layers: number, batch: number, heads: number, seq: number, kept: number, dtype: DType }} sizes
 * @param {number} rounds
 * @param {boolean} wall
 */
function measure({ layers, batch, heads, seq, kept, dtype }, rounds, wall) {
  const mask = tensor(
    new CARRIERS[dtype](batch * heads * seq * seq).fill(1),
    [batch, heads, seq, seq],
    dtype,
  );
  const { sampledIndices } = gptSampleTokens({
    reservedLength: kept,
    seqLength: seq,
    batchSize: batch,
    layers,
    seed: 5,
  });
  const out = maskGather(mask, sampledIndices);
  const same = out.data.slice();
  const from = new INTEGERS[dtype](/** @type {ArrayBuffer} */ (mask.data.buffer));
  const to = new INTEGERS[dtype](/** @type {ArrayBuffer} */ (same.buffer));
  const loop = () => {
    let n = 0;
    for (let lb = 0; lb < layers * batch; lb++) {
      const positions = sampledIndices.data.subarray(lb * kept, (lb + 1) * kept);
      for (let h = 0; h < heads; h++) {
        for (let i = 0; i < kept; i++) {
          const row = (((lb % batch) * heads + h) * seq + positions[i]) * seq;
          for (let j = 0; j < kept; j++) to[n++] = from[row + positions[j]];
        }
      }
    }
  };
  const ms = compare(
    { copy: () => out.data.set(same), ours: () => maskGather(mask, sampledIndices, { out }), loop },
    { rounds, clock: clockOf(wall) },
  );
  /** @param {keyof typeof ms} name */
  const ns = (name) => ((ms[name] * 1e6) / out.data.length).toFixed(2);
  /** @param {keyof typeof ms} name */
  const cell = (name) => `${ns(name)} (${(ms[name] / ms.copy).toFixed(2)})`;
  const shape = `${batch}x${heads}x${seq}x${seq} to ${kept}, ${layers} layers`;
  const cells = [dtype, shape, ns("copy"), cell("ours"), cell("loop"), (ms.loop / ms.ours).toFixed(1)];
  return { cells, data: { layers, batch, heads, seq, kept, dtype, ms } };
}

/**
 * Masks among retained tokens against one contiguous copy of the result, and against a loop in JavaScript.
 * @param {number} rounds
 * @param {boolean} wall
 */
export function masks(rounds, wall) {
  const dtypes = /** @type {DType[]} */ (Object.keys(CARRIERS));
  const measured = dtypes.flatMap((dtype) => [
    measure({ layers: 12, batch: 4, heads: 1, seq: 512, kept: 256, dtype }, rounds, wall),
    measure({ layers: 1, batch: 4, heads: 1, seq: 1024, kept: 128, dtype }, rounds, wall),
  ]);
  const header = ["dtype", "mask", "copy", "maskGather", "JavaScript loop", "loop / ours"];
  const title = "Masks, ns an entry of the result; in brackets, multiples of one contiguous copy";
  const lines = measured.map(({ cells }) => cells);
  const data = measured.map(({ data }) => data);
  const wanted = { float32: 2.2, bfloat16: 4, uint8: 5 };
  const summary = data
    .filter(({ layers }) => layers > 1)
    .map(({ dtype, ms }) => ({
      figure: `maskGather over a copy of its result, ${dtype}`,
      ratio: ms.ours / ms.copy,
      wanted: `at most ${wanted[dtype]}`,
    }));
  return { text: `${title}\n\n${table(header, lines)}`, data, summary };
}

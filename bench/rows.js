import { GatherTokens, gptSampleTokens, layerOf, ScatterTokens, tensor } from "random-ltd";
import { benchCore } from "./bench-core.js";
import { clockOf, compare, table } from "./measure.js";

const BATCH = 4;
/** MiB of hidden states: as many as a small model has, and as many as no cache holds. */
const SIZES = [8, 32];

/**
 * `TypedArray.set` for each row, as one would write it by hand.
 * @param {Uint8Array} to
 * @param {Uint8Array} from
 * @param {Int32Array} positions
 * @param {number} seq
 * @param {number} kept
 * @param {number} bytes
 * @param {boolean} gather
 */
function setRows(to, from, positions, seq, kept, bytes, gather) {
  for (let b = 0; b < BATCH; b++) {
    for (let k = 0; k < kept; k++) {
      const all = (b * seq + positions[b * kept + k]) * bytes;
      const retained = (b * kept + k) * bytes;
      if (gather) to.set(from.subarray(all, all + bytes), retained);
      else to.set(from.subarray(retained, retained + bytes), all);
    }
  }
}

/**
 * @param {import("./bench-core.js").BenchCore} core
 * @param {number} bytes
 * @param {number} share
 * @param {number} size
 * @param {number} rounds
 * @param {boolean} wall
 */
function measure(core, bytes, share, size, rounds, wall) {
  const seq = Math.floor((size * 2 ** 20) / BATCH / bytes);
  const kept = Math.floor(seq / share);
  const { sampledIndices } = gptSampleTokens({
    reservedLength: kept,
    seqLength: seq,
    batchSize: BATCH,
    seed: 5,
  });
  const indices = layerOf(sampledIndices, 0);
  const states = tensor(new Uint8Array(BATCH * seq * bytes).fill(1), [BATCH, seq, bytes]);
  const part = tensor(new Uint8Array(BATCH * kept * bytes).fill(2), [BATCH, kept, bytes]);
  // A contiguous copy takes its turns through all of the states, as the rows are spread over all of them.
  let turn = 0;
  const copy = () => {
    const start = (turn++ % share) * part.data.length;
    part.data.set(states.data.subarray(start, start + part.data.length));
  };
  // The same rows within memory of its own, by nothing but copies: where the states are long, what the machine takes.
  const [from, to] = [2 ** 16, 2 ** 16 + states.data.length];
  const list = to + part.data.length;
  const missing = Math.ceil((list + 4 * BATCH * kept - core.memory.buffer.byteLength) / 2 ** 16);
  if (missing > 0) core.memory.grow(missing);
  new Uint8Array(core.memory.buffer, from, states.data.length).fill(1);
  const numbers = indices.data.map((position, i) => Math.floor(i / kept) * seq + position);
  new Int32Array(core.memory.buffer, list, numbers.length).set(numbers);
  const ms = compare(
    {
      copy,
      machine: () => core.copyRows(to, from, list, numbers.length, bytes),
      gather: () => GatherTokens.forward(states, indices, { out: part }),
      gatherSet: () => setRows(part.data, states.data, indices.data, seq, kept, bytes, true),
      scatter: () => ScatterTokens.forward(states, part, indices, { inPlace: true }),
      scatterSet: () => setRows(states.data, part.data, indices.data, seq, kept, bytes, false),
    },
    { rounds: 4 * rounds, sampleMs: 0, clock: clockOf(wall) },
  );
  /** @param {keyof typeof ms} name */
  const ns = (name) => ((ms[name] * 1e6) / (BATCH * kept)).toFixed(1);
  /** @param {keyof typeof ms} name */
  const cell = (name) => `${ns(name)} (${(ms[name] / ms.copy).toFixed(2)})`;
  const cells = [
    bytes,
    `1/${share}`,
    size,
    ns("copy"),
    cell("machine"),
    cell("gather"),
    cell("gatherSet"),
    cell("scatter"),
    cell("scatterSet"),
  ];
  return { cells, data: { bytes, share, size, ms } };
}

/**
 * Rows of tokens against one contiguous copy of as many bytes, and against a `TypedArray.set` a row.
 * @param {number} rounds
 * @param {boolean} wall
 */
export async function rows(rounds, wall) {
  const core = await benchCore();
  const measured = [4, 16, 64, 256, 384, 1024, 4096].flatMap((bytes) =>
    [2, 8].flatMap((share) =>
      // A loop over 2^22 short rows takes a quarter of a second, and says no more than one over fewer.
      SIZES.filter((size) => bytes >= 64 || size === SIZES[0]).map((size) => {
        return measure(core, bytes, share, size, rounds, wall);
      }),
    ),
  );
  const header = [
    "row, bytes",
    "K/S",
    "states, MiB",
    "copy",
    "rows within WASM",
    "gather",
    "gather by set",
    "scatter in place",
    "scatter by set",
  ];
  const title = "Rows of tokens, ns a row; in brackets, multiples of one contiguous copy";
  const lines = measured.map(({ cells }) => cells);
  const data = measured.map(({ data }) => data);
  const summary = data
    .filter(({ bytes, share, size }) => bytes === 4096 && share === 2 && size === 32)
    .flatMap(({ ms }) => [
      {
        figure: "gather of 4 KB rows, 32 MiB, over a copy",
        ratio: ms.gather / ms.copy,
        wanted: "at most 1.6",
      },
      { figure: "the machine's own copy of these rows", ratio: ms.machine / ms.copy, wanted: "" },
    ]);
  return { text: `${title}\n\n${table(header, lines)}`, data, summary };
}

/**
 * Calls over all parameters, and one number for all of their results: `digest` of everything that runs on the
 * CPU, `placedDigest` of what runs where tensors live. Every runtime must give the same. Plain JavaScript, so
 * that each can run it as it is.
 *
 * @import { CPUTensor, DType, GPUTensor, IndexTensor, SampleOptions, Tensor } from "../../src/index.ts"
 * @import * as Library from "../../src/index.ts"
 */

const { imul } = Math; // edge-runtime looks globals up slowly

/**
 * Words of 32 bits, the same everywhere (Marsaglia, "Xorshift RNGs", 2003), and numbers from 0 to n - 1.
 * @param {number} seed
 */
function numbers(seed) {
  let x = seed;
  const word = () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return x >>> 0;
  };
  /** @param {number} n */
  const below = (n) => word() % n;
  return { word, below };
}

/** FNV-1a's step over words of 4 bytes, the last padded, in two lanes of 32 bits. */
function hash() {
  let [a, b] = [0x811c9dc5, 0x01000193];
  return {
    /** @param {CPUTensor} t */
    add({ data, shape, dtype }) {
      const bytes = new Uint8Array(Math.ceil(data.byteLength / 4) * 4);
      bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
      const words = new Int32Array(bytes.buffer);
      for (let i = 0; i < words.length; i++) {
        a = imul(a ^ words[i], 0x01000193);
        b = imul(b ^ words[i], 0x85ebca6b);
      }
      for (const character of `${dtype}${shape}`) a = imul(a ^ character.charCodeAt(0), 0x01000193);
    },
    value: () => [a, b].map((word) => (word >>> 0).toString(16).padStart(8, "0")).join(""),
  };
}

const CARRIERS = {
  float32: Float32Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  uint8: Uint8Array,
  float64: Float64Array, // the last, which no GPU holds
};
const DTYPES = /** @type {DType[]} */ (Object.keys(CARRIERS));
const GPU_DTYPES = DTYPES.slice(0, -1);

/**
 * Tensors of any bits, of flags, and of numbers whose sums are alike everywhere.
 * @param {typeof Library} lib
 * @param {ReturnType<typeof numbers>} from
 */
function random(lib, { word, below }) {
  /** @param {readonly number[]} shape */
  const size = (shape) => shape.reduce((n, length) => n * length, 1);
  /**
   * @template {Float32Array | Uint32Array | Uint8Array} A
   * @param {A} data
   * @param {() => number} number
   */
  const filled = (data, number) => {
    for (let i = 0; i < data.length; i++) data[i] = number();
    return data;
  };
  return {
    /**
     * @param {readonly number[]} shape
     * @param {DType} dtype
     */
    bits(shape, dtype) {
      const [n, Carrier] = [size(shape), CARRIERS[dtype]];
      const { buffer } = filled(new Uint32Array(Math.ceil((n * Carrier.BYTES_PER_ELEMENT) / 4)), word);
      return lib.tensor(new Carrier(buffer, 0, n), shape, dtype);
    },
    /**
     * @param {readonly number[]} shape
     * @param {number} oneIn
     */
    flags: (shape, oneIn) =>
      lib.tensor(
        filled(new Uint8Array(size(shape)), () => (below(oneIn) === 0 ? 1 : 0)),
        shape,
      ),
    /**
     * @param {readonly number[]} shape
     * @param {number} divisor
     */
    floats: (shape, divisor) =>
      lib.tensor(
        filled(new Float32Array(size(shape)), () => below(1000) / divisor),
        shape,
      ),
  };
}

/**
 * @param {typeof Library} lib The package's exports.
 * @returns {string} 16 hexadecimal digits.
 */
export function digest(lib, calls = 3000) {
  const { word, below } = numbers(20260001);
  const { bits, flags, floats } = random(lib, { word, below });
  const result = hash();

  for (let call = 0; call < calls; call++) {
    const seqLength = 1 + below(call % 150 === 0 ? 70000 : call % 21 === 0 ? 3000 : 80);
    const reservedLength = 1 + below(seqLength);
    const [batchSize, layers] = [1 + below(3), 1 + below(3)];
    /** @type {SampleOptions & { attnMask?: undefined }} */
    const options = {
      reservedLength,
      seqLength,
      batchSize,
      layers,
      seed: (BigInt(word()) << 32n) | BigInt(word()),
      step: word(),
      batchOffset: below(2 ** 31),
      layerOffset: below(2 ** 31),
    };
    if (below(3) === 0) options.keepPrefix = below(Math.min(reservedLength, 4) + 1);
    // Few enough, nearly always, to fit; else both sides refuse alike.
    if (below(3) === 0)
      options.keepMask = flags([batchSize, seqLength], 2 + Math.ceil((4 * seqLength) / reservedLength));
    if (below(3) === 0) options.paddingMask = flags([batchSize, seqLength], 2);
    let indices;
    try {
      indices = lib.bertSampleTokens(options).sampledIndices;
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      continue;
    }
    result.add(indices);
    if (seqLength > 100) continue;

    const layer = lib.layerOf(indices, layers - 1);
    const batchFirst = below(2) === 0;
    const dtype = DTYPES[below(DTYPES.length)];
    const channels = 1 + below(40);
    /** @param {number} tokens */
    const states = (tokens) => (batchFirst ? [batchSize, tokens, channels] : [tokens, batchSize, channels]);
    const hidden = bits(states(seqLength), dtype);
    const part = lib.GatherTokens.forward(hidden, layer, { batchFirst });
    result.add(part);
    result.add(lib.GatherTokens.backward(part, layer, { batchFirst, seqLength }));
    const changed = bits(states(reservedLength), dtype);
    result.add(lib.ScatterTokens.forward(hidden, changed, layer, { batchFirst }));
    const grads = lib.ScatterTokens.backward(hidden, layer, { batchFirst });
    result.add(grads.allActivationsGrad);
    result.add(grads.layerActivationsGrad);
    const accumulateInto = floats(hidden.shape, 7);
    const added = floats(part.shape, 3);
    result.add(lib.GatherTokens.backward(added, layer, { batchFirst, seqLength, accumulateInto }));

    const query = below(4) === 0 ? 1 : seqLength;
    const mask = bits([below(2) ? 1 : batchSize, 1 + below(2), query, seqLength], dtype);
    result.add(lib.maskGather(mask, indices));
    result.add(lib.maskSlice(mask, reservedLength));
    // The first row for all, descending.
    const unsorted = Int32Array.from(
      layer.data,
      (_, i) => layer.data[reservedLength - 1 - (i % reservedLength)],
    );
    result.add(lib.tokenSort(lib.tensor(unsorted, layer.shape), seqLength));
  }
  return result.value();
}

const MARGIN = 24;
const SENTINEL = 0x5a;

/**
 * All bytes of a memory in which a tensor lies at `byteOffset`, between bytes that must not change.
 * @param {CPUTensor} t
 * @param {number} byteOffset
 */
function surrounded({ data }, byteOffset) {
  const all = new Uint8Array(Math.ceil((byteOffset + data.byteLength + MARGIN) / 8) * 8).fill(SENTINEL);
  all.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), byteOffset);
  return all;
}

/**
 * A place for tensors: `put` lays one at an offset of a larger memory, `get` reads that whole memory, or a
 * tensor that the library made, and `free` ends either.
 * @template {Tensor} T
 * @typedef {object} Place
 * @property {(t: CPUTensor, byteOffset: number) => T} put
 * @property {(t: T) => CPUTensor | Promise<CPUTensor>} get
 * @property {(t: T) => void} free
 */

/**
 * JavaScript's memory.
 * @param {typeof Library} lib
 * @returns {Place<CPUTensor>}
 */
export function inMemory(lib) {
  /** @type {Set<CPUTensor>} */
  const placed = new Set();
  return {
    put(t, byteOffset) {
      const { buffer } = surrounded(t, byteOffset);
      const on = lib.tensor(new CARRIERS[t.dtype](buffer, byteOffset, t.data.length), t.shape, t.dtype);
      placed.add(on);
      return on;
    },
    get(t) {
      if (!placed.has(t)) return t;
      const all = new Uint8Array(t.data.buffer);
      return lib.tensor(all, [all.length]);
    },
    free: (t) => placed.delete(t),
  };
}

/**
 * Buffers of a GPUDevice.
 * @param {typeof Library} lib
 * @param {GPUDevice} device
 * @returns {Place<GPUTensor>}
 */
export function onDevice(lib, device) {
  /** @type {Map<GPUTensor, GPUBuffer>} */
  const placed = new Map();
  const usage = 0x80 | 0x04 | 0x08; // STORAGE, COPY_SRC, COPY_DST
  return {
    put(t, byteOffset) {
      const all = surrounded(t, byteOffset);
      const buffer = device.createBuffer({ size: all.length, usage });
      device.queue.writeBuffer(buffer, 0, all);
      const on = lib.gpuTensor(buffer, t.shape, t.dtype, { device, byteOffset });
      placed.set(on, buffer);
      return on;
    },
    get(t) {
      const buffer = placed.get(t);
      return lib.toCPU(buffer ? lib.gpuTensor(buffer, [buffer.size], "uint8", { device }) : t);
    },
    free(t) {
      const buffer = placed.get(t);
      if (buffer) buffer.destroy();
      else lib.dispose(t);
      placed.delete(t);
    },
  };
}

/**
 * Every operation on tokens and masks, each of `cases` in new shapes: each dtype that GPUs hold, in both
 * layouts, with results of the library's making and with results laid where the caller says.
 *
 * @template {Tensor} T
 * @param {typeof Library} lib The package's exports.
 * @param {Place<T>} place Where the tensors live: {@link inMemory} or {@link onDevice}.
 * @returns {Promise<string>} 16 hexadecimal digits, the same for every place.
 */
export async function placedDigest(lib, place, cases = 72) {
  const { word, below } = numbers(20260002);
  const { bits, floats } = random(lib, { word, below });
  const { GatherTokens, ScatterTokens } = lib;
  const result = hash();

  for (let n = 0; n < cases; n++) {
    const dtype = GPU_DTYPES[n % 6];
    const batchFirst = n % 12 < 6;
    const given = n % 24 < 12;
    const [layers, batchSize, seqLength] = [1 + below(3), 1 + below(3), 2 + below(60)];
    const reservedLength = 1 + below(seqLength);
    // Odd, and whole lanes of 16 bytes.
    const channels = below(2) ? 1 + 2 * below(20) : 16 * (1 + below(4));
    /** @param {number} tokens */
    const states = (tokens) => (batchFirst ? [batchSize, tokens, channels] : [tokens, batchSize, channels]);
    const [all, part] = [bits(states(seqLength), dtype), bits(states(reservedLength), dtype)];

    /** @type {T[]} */
    const made = [];
    /** @param {CPUTensor} t @param {number} byteOffset */
    const put = (t, byteOffset) => {
      const placed = place.put(t, byteOffset);
      made.push(placed);
      return placed;
    };
    /** @param {CPUTensor} t */
    const read = (t) => put(t, t.data.BYTES_PER_ELEMENT * below(9));
    /** @param {CPUTensor} t */
    const written = (t) => put(t, 4 * below(70));
    /** @param {readonly number[]} shape */
    const out = (shape) => (given ? written(bits(shape, dtype)) : undefined);

    const sampled = lib.bertSampleTokens({ reservedLength, seqLength, batchSize, layers, seed: n });
    const indices = /** @type {IndexTensor} */ (
      below(3) ? read(sampled.sampledIndices) : sampled.sampledIndices
    );
    const layer = lib.layerOf(indices, layers - 1);
    const [here, there] = [read(all), read(part)];
    const layout = { batchFirst };
    const results = [
      GatherTokens.forward(here, layer, { ...layout, out: out(part.shape) }),
      GatherTokens.backward(there, layer, { ...layout, seqLength, out: out(all.shape) }),
      ScatterTokens.forward(here, there, layer, { ...layout, out: out(all.shape) }),
      ScatterTokens.forward(written(all), there, layer, { ...layout, inPlace: true }),
    ];
    const grads = { allActivationsGrad: out(all.shape), layerActivationsGrad: out(part.shape) };
    results.push(...Object.values(ScatterTokens.backward(here, layer, { ...layout, out: grads })));
    results.push(...Object.values(ScatterTokens.backward(written(all), layer, { ...layout, inPlace: true })));
    const accumulateInto = written(floats(all.shape, 7));
    const added = read(floats(part.shape, 3));
    results.push(GatherTokens.backward(added, layer, { ...layout, seqLength, accumulateInto }));

    const [heads, query] = [1 + below(2), below(4) ? seqLength : 1];
    const mask = read(bits([below(2) ? 1 : batchSize, heads, query, seqLength], dtype));
    const [maskBatch, kept] = [mask.shape[0], query === 1 ? 1 : reservedLength];
    const perLayer = [batchSize, heads, kept, reservedLength];
    results.push(
      lib.maskGather(mask, indices, { out: out([layers, ...perLayer]) }),
      lib.maskGather(mask, layer, { out: out(perLayer) }),
      lib.maskSlice(mask, reservedLength, { out: out([maskBatch, heads, kept, reservedLength]) }),
    );

    for (const t of await Promise.all(results.map(place.get))) result.add(t);
    for (const t of new Set([...made, ...results])) place.free(t);
  }
  return result.value();
}

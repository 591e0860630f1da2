/**
 * A few thousand calls of everything that runs on the CPU, over all parameters, and one number for all results. Every
 * runtime must give the same. Plain JavaScript, so that each can run it as it is.
 */

const { imul } = Math; // edge-runtime looks globals up slowly

/** Numbers from 0 to n - 1, the same everywhere (Marsaglia, "Xorshift RNGs", 2003). */
function numbers(seed) {
  let x = seed;
  return (n) => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) % n;
  };
}

/** FNV-1a over bytes, in two lanes of 32 bits. */
function hash() {
  let [a, b] = [0x811c9dc5, 0x01000193];
  return {
    add({ data, shape, dtype }) {
      const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
      for (const byte of bytes) {
        a = imul(a ^ byte, 0x01000193);
        b = imul(b ^ byte, 0x85ebca6b);
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
  float64: Float64Array,
  int32: Int32Array,
  uint32: Uint32Array,
  uint8: Uint8Array,
};

/** @param lib The package's exports. @returns {string} 16 hexadecimal digits. */
export function digest(lib, calls = 1000) {
  const below = numbers(20260001);
  const result = hash();
  const bits = (shape, dtype) => {
    const count = shape.reduce((n, length) => n * length, 1);
    const data = new CARRIERS[dtype](count);
    const bytes = new Uint8Array(data.buffer);
    for (let i = 0; i < bytes.length; i++) bytes[i] = below(256);
    return lib.tensor(data, shape, dtype);
  };
  const flags = (shape, oneIn) => {
    const data = Uint8Array.from({ length: shape[0] * shape[1] }, () => (below(oneIn) === 0 ? 1 : 0));
    return lib.tensor(data, shape);
  };

  for (let call = 0; call < calls; call++) {
    const seqLength = 1 + below(call % 50 === 0 ? 70000 : call % 7 === 0 ? 3000 : 80);
    const reservedLength = 1 + below(seqLength);
    const [batchSize, layers] = [1 + below(3), 1 + below(3)];
    const options = {
      reservedLength,
      seqLength,
      batchSize,
      layers,
      seed: (BigInt(below(2 ** 32)) << 32n) | BigInt(below(2 ** 32)),
      step: below(2 ** 32),
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
    const dtype = Object.keys(CARRIERS)[below(7)];
    const channels = 1 + below(40);
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
    const into = lib.tensor(
      Float32Array.from(hidden.data, () => below(1000) / 7),
      hidden.shape,
    );
    const added = lib.tensor(
      Float32Array.from(part.data, () => below(1000) / 3),
      part.shape,
    );
    result.add(lib.GatherTokens.backward(added, layer, { batchFirst, seqLength, accumulateInto: into }));

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

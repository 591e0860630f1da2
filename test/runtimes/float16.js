// float16 in a Float16Array: run by a Node that has the class, given the path of src/.
/** @import { CPUTensor } from "../../src/index.ts" */
import assert from "node:assert/strict";

const src = process.argv[2];
/** @type {typeof import("../../src/index.ts")} */
const lib = await import(`${src}/index.ts`);
/** @type {typeof import("../../src/backends/cpu-backend.ts")} */
const { useCPUBackend } = await import(`${src}/backends/cpu-backend.ts`);
const { GatherTokens, ScatterTokens, tensor } = lib;

/**
 * @param {readonly number[]} values
 * @param {readonly number[]} shape
 * @returns {CPUTensor}
 */
const half = (values, shape) => tensor(Float16Array.from(values), shape);
/** @param {CPUTensor} t */
const bits = ({ data }) => [...new Uint16Array(data.buffer, data.byteOffset, data.length)];
/** @param {CPUTensor} t @param {readonly number[]} values */
const holds = (t, values) => {
  assert(t.data instanceof Float16Array);
  assert.equal(t.dtype, "float16");
  assert.deepEqual([...t.data], values);
};
const at = tensor(Int32Array.of(1, 3), [1, 2]);
const halves = [0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5];

for (const backend of /** @type {const} */ (["wasm", "reference"])) {
  useCPUBackend(backend);

  const x = half(halves, [1, 4, 2]);
  const part = GatherTokens.forward(x, at);
  holds(part, [1, 1.5, 3, 3.5]);
  holds(GatherTokens.backward(part, at, { seqLength: 4 }), [0, 0, 1, 1.5, 0, 0, 3, 3.5]);
  const ones = half([1, 1, 1, 1], [1, 2, 2]);
  holds(ScatterTokens.forward(x, ones, at), [0, 0.5, 1, 1, 2, 2.5, 1, 1]);
  const { allActivationsGrad, layerActivationsGrad } = ScatterTokens.backward(x, at);
  holds(allActivationsGrad, [0, 0.5, 0, 0, 2, 2.5, 0, 0]);
  holds(layerActivationsGrad, [1, 1.5, 3, 3.5]);
  assert.equal(ScatterTokens.forward(x, ones, at, { inPlace: true }), x);
  holds(x, [0, 0.5, 1, 1, 2, 2.5, 1, 1]);

  // The two carriers of the dtype go together; the result is in that of the states.
  /** @type {CPUTensor} */
  const asBits = tensor(Uint16Array.of(0x3c00, 0x4000, 0x4200, 0x4400), [1, 2, 2], "float16");
  holds(ScatterTokens.forward(x, asBits, at), [0, 0.5, 1, 2, 2, 2.5, 3, 4]);
  /** @type {CPUTensor} */
  const whole = tensor(new Uint16Array(8), [1, 4, 2], "float16");
  assert(ScatterTokens.forward(whole, ones, at).data instanceof Uint16Array);
  assert.equal(GatherTokens.forward(x, at, { out: asBits }), asBits);
  assert.deepEqual(bits(asBits), [0x3c00, 0x3c00, 0x3c00, 0x3c00]);

  // A NaN keeps its payload.
  const nan = tensor(new Float16Array(Uint16Array.of(0x7c01, 0xfe01).buffer), [1, 2, 1]);
  assert.deepEqual(bits(GatherTokens.forward(nan, tensor(Int32Array.of(0, 1), [1, 2]))), [0x7c01, 0xfe01]);

  const mask = half(
    Array.from({ length: 16 }, (_, i) => (i % 4 > i / 4 ? -9 : 0)),
    [1, 1, 4, 4],
  );
  holds(lib.maskGather(mask, at), [0, -9, 0, 0]);
  holds(lib.maskSlice(mask, 2), [0, -9, 0, 0]);
  const sampled = { reservedLength: 2, seqLength: 4, batchSize: 1, seed: 7, attnMask: mask };
  holds(lib.gptSampleTokens(sampled).newMask, [0, -9, 0, 0]);
}
useCPUBackend(undefined);

// A wrapped layer sees the same kind of array whether or not tokens are dropped, forward and backward.
const scheduler = new lib.RandomLTDScheduler({
  total_layer_num: 1,
  random_ltd_layer_num: 1,
  random_ltd_layer_id: [0],
  global_batch_size: 1,
  random_ltd_schedule: {
    min_value: 2,
    max_value: 4,
    schedule_type: "fixed_linear",
    schedule_config: { require_steps: 10, seq_per_step: 1 },
  },
});
/** @type {CPUTensor[]} */
const seen = [];
/** @param {CPUTensor} t */
const doubled = (t) =>
  tensor(
    t.data.map((x) => x * 2),
    t.shape,
    t.dtype,
  );
const layer = {
  /** @param {CPUTensor} h @param {{ table: CPUTensor }} kwargs */
  forward(h, { table }) {
    seen.push(h, table);
    return doubled(h);
  },
  /** @param {CPUTensor} g */
  backward(g) {
    seen.push(g);
    return doubled(g);
  },
};
const stack = lib.convertToRandomLTD([layer], scheduler, { alongSequence: { table: "seq_dim" } });
const step = () => {
  const out = stack.forward(half([1.5, 1.5, 1.5, 1.5], [1, 4, 1]), { table: half([0.5, 1, 1.5, 2], [4]) });
  return [out, stack.backward(out)];
};
const [out, grad] = step();
const retained = [...(stack.sample(1, 4).get(0)?.data ?? [])];
/** @param {number} most @param {number} few */
const withOnes = (most, few) => [0, 1, 2, 3].map((s) => (retained.includes(s) ? most : few));
holds(out, withOnes(3, 1.5));
holds(grad, withOnes(6, 1.5));
stack.eval();
holds(step()[0], [3, 3, 3, 3]);
assert.equal(seen.length, 6);
for (const t of seen) assert(t.data instanceof Float16Array);

console.log("every result in a Float16Array");

/** A run that is put away and taken up goes on to the bit; its state is a safetensors file. */
import { defaultDevice, init } from "@jax-js/jax";
import { beforeAll, describe, expect, test } from "vitest";
import { ADAMW } from "../../trainer/optimizer.ts";
import { Run } from "../../trainer/run.ts";
import { decodeArrays, decodeState, encodeArrays, encodeState } from "../../trainer/state.ts";
import { arrows } from "../../trainer/tasks/arrows.ts";
import type { RunConfig } from "../../trainer/types.ts";

const model = { kind: "follower", layers: 3, channels: 8, heads: 1, seq: 16, nodes: 4, hops: 2 } as const;
const task = arrows(model, { heldOutRows: 8 });
const config: RunConfig = {
  task: "arrows",
  model,
  dropping: { how: "layers", layers: [1, 2] },
  lengths: { start: 4, until: 0.6, growth: "constant" },
  optimizer: { ...ADAMW, lr: 0.01 },
  batch: 4,
  budget: { unit: "flops", amount: 12 * 4 * 60_000 },
  seed: 1,
};
let ticks = 0;
const clock = () => 10 * ticks++;

describe("a run", () => {
  beforeAll(async () => {
    await init("wasm");
    defaultDevice("wasm");
  });

  /** Steps to the end, evaluating at step 3 and at the end; put away after step `stop`. */
  async function whole(stop: number) {
    let run = new Run(config, task, { clock });
    while (!run.finished) {
      if (run.totals.step === stop) {
        const bytes = encodeState(await run.state());
        run.dispose();
        run = new Run(config, task, { clock, state: decodeState(bytes) });
      }
      await run.step();
      if (run.totals.step === 3) await run.evaluate();
    }
    await run.evaluate();
    const state = await run.state();
    run.dispose();
    return state;
  }

  test.each([1, 4, 9])("goes on to the bit after step %i", async (stop) => {
    const [once, twice] = [await whole(-1), await whole(stop)];
    expect(once.history.lengths).toContain(4);
    expect(once.history.lengths).toContain(16);
    expect(twice).toEqual(once);
    expect(encodeState(twice)).toEqual(encodeState(once));
  });

  test("learns: the last losses are below the first", async () => {
    const run = new Run({ ...config, budget: { unit: "steps", amount: 60 } }, task, { clock });
    while (!run.finished) await run.step();
    const { losses } = run.history;
    const mean = (values: number[]) => values.reduce((a, b) => a + b) / values.length;
    expect(mean(losses.slice(-10))).toBeLessThan(mean(losses.slice(0, 10)) - 0.1);
    run.dispose();
  });

  test("a state of another run, or of another version, is refused", async () => {
    const run = new Run(config, task, { clock });
    const state = await run.state();
    expect(() => new Run({ ...config, seed: 2 }, task, { state })).toThrow(
      '"state" expected that of a run of',
    );
    expect(() => new Run(config, task, { state: { ...state, version: 2 as never } })).toThrow(
      '"state" expected version 1, got 2',
    );
    run.dispose();
  });

  test("more than seven lengths, and dropping that does not fit, are refused", () => {
    const lengths = { start: 1, until: 1, growth: "linear", by: 1 } as const;
    expect(() => new Run({ ...config, lengths }, task)).toThrow(
      '"lengths" expected at most 7 different K, got 16',
    );
    const dropping = { how: "layers", layers: [1, 3] } as const;
    expect(() => new Run({ ...config, dropping }, task)).toThrow(
      '"dropping" expected ascending layers from 0 to 2, got [1,3]',
    );
    expect(() => new Run({ ...config, dropping: { how: "route", first: 2, last: 1 } }, task)).toThrow(
      '"dropping" expected a first and a last layer from 0 to 2, got 2 and 1',
    );
  });
});

describe("arrays as bytes", () => {
  const arrays = {
    "weights/a": { shape: [2, 2], data: Float32Array.of(1, -0, Number.NaN, 1e-42) },
    b: { shape: [3], data: Int32Array.of(1, -2, 2 ** 31 - 1) },
    scalar: { shape: [], data: Float32Array.of(5) },
  };

  test("come back to the bit, with their metadata", () => {
    const bytes = encodeArrays(arrays, { run: "{}" });
    const back = decodeArrays(bytes);
    expect(back.metadata).toEqual({ run: "{}" });
    expect(back.arrays).toEqual(arrays);
    expect(new Int32Array(back.arrays["weights/a"].data.buffer)).toEqual(
      new Int32Array(arrays["weights/a"].data.buffer),
    );
    // From the middle of another buffer, as a file read by Node is.
    const within = new Uint8Array(bytes.length + 3);
    within.set(bytes, 3);
    expect(decodeArrays(within.subarray(3)).arrays).toEqual(arrays);
    expect(decodeArrays(Buffer.from(bytes)).arrays).toEqual(arrays);
  });

  test("lie as the format says: length, header, data in order", () => {
    const bytes = encodeArrays(arrays, {});
    const view = new DataView(bytes.buffer);
    const length = Number(view.getBigUint64(0, true));
    expect(length % 8).toBe(0);
    const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
    expect(header.b).toEqual({ dtype: "I32", shape: [3], data_offsets: [16, 28] });
    expect(view.getInt32(8 + length + 20, true)).toBe(-2);
  });

  test("broken ones are refused", () => {
    const bytes = encodeArrays(arrays, {});
    expect(() => decodeArrays(bytes.subarray(0, 5))).toThrow('"bytes" expected a safetensors file');
    expect(() => decodeArrays(bytes.subarray(0, 20))).toThrow(RangeError);
    expect(() => decodeArrays(bytes.subarray(0, bytes.length - 1))).toThrow(RangeError);
    expect(() => decodeState(bytes)).toThrow('"bytes" expected the state of a run, got arrays alone');
  });
});

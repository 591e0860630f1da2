/** raiseToKept: where a row keeps more tokens than K, K is the most that any row of the call keeps. */
import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import { useCPUBackend } from "../src/backends/cpu-backend.ts";
import {
  bertSampleTokens,
  type CPUTensor,
  convertToRandomLTD,
  gptSampleTokens,
  maskGather,
  maskSlice,
  RandomLayerTokenDrop,
  type SampleOptions,
  tensor,
} from "../src/index.ts";
import { makeScheduler } from "./routing/settings.ts";
import { Block, noise, squaredLoss } from "./routing/tiny.ts";
import { CPU_BACKENDS } from "./suites/cpu.ts";
import { plainSample } from "./suites/plain-sampling.ts";
import { sampleCases } from "./suites/sampling.ts";

afterEach(() => useCPUBackend(undefined));

/** Tokens of class 0 in each row. */
function keptOf({ batchSize, seqLength, keepPrefix = 0, keepMask }: SampleOptions): number[] {
  return Array.from({ length: batchSize }, (_, b) => {
    const positions = Array.from({ length: seqLength }, (_, i) => i);
    return positions.filter((i) => i < keepPrefix || keepMask?.data[b * seqLength + i] === 1).length;
  });
}

describe.each(CPU_BACKENDS)("on %s", (backend) => {
  test("over all parameters, against the rule at the raised K", () => {
    useCPUBackend(backend);
    let raised = 0;
    const cases = fc.tuple(sampleCases(fc.integer({ min: 1, max: 90 }), 3), fc.nat());
    fc.assert(
      fc.property(cases, ([options, prefix]) => {
        // With raiseToKept the prefix may go to S.
        const call = { ...options, raiseToKept: true, keepPrefix: prefix % (options.seqLength + 1) };
        const reservedLength = Math.max(options.reservedLength, ...keptOf(call));
        if (reservedLength > options.reservedLength) raised++;
        const { sampledIndices } = bertSampleTokens(call);
        expect(sampledIndices.shape).toEqual([options.layers, options.batchSize, reservedLength]);
        expect(sampledIndices.data).toEqual(plainSample({ ...call, reservedLength }));
        expect(gptSampleTokens(call).sampledIndices).toEqual(sampledIndices);
      }),
      { numRuns: 300, seed: 7 },
    );
    expect(raised).toBeGreaterThan(50);
  });

  test("where no row keeps more, nothing changes; the fullest row decides for all", () => {
    useCPUBackend(backend);
    const call = { reservedLength: 4, seqLength: 16, batchSize: 2, seed: 3, step: 9 };
    const keeping = (...counts: number[]) =>
      tensor(
        Uint8Array.from({ length: 32 }, (_, i) => (i % 16 < counts[i >> 4] ? 1 : 0)),
        [2, 16],
      );
    const draw = (more: object) => bertSampleTokens({ ...call, ...more }).sampledIndices;
    expect(draw({ raiseToKept: true })).toEqual(draw({}));
    expect(draw({ raiseToKept: true, keepMask: keeping(4, 0) })).toEqual(draw({ keepMask: keeping(4, 0) }));
    expect(draw({ raiseToKept: true, keepMask: keeping(3, 7) }).shape).toEqual([1, 2, 7]);
    expect(draw({ raiseToKept: true, keepMask: keeping(16, 0) }).shape).toEqual([1, 2, 16]);
    expect(draw({ raiseToKept: true, keepPrefix: 9, keepMask: keeping(3, 7) }).shape).toEqual([1, 2, 9]);
    // A kept token that is padding counts: kept wins.
    const paddingMask = tensor(new Uint8Array(32), [2, 16]);
    expect(draw({ raiseToKept: true, keepMask: keeping(3, 7), paddingMask }).shape).toEqual([1, 2, 7]);
    expect(() => draw({ keepMask: keeping(3, 7) })).toThrow(RangeError);
    expect(() => draw({ raiseToKept: false, keepMask: keeping(3, 7) })).toThrow(RangeError);
    // The rows of the call, not of the whole batch: a micro-batch alone has its own K.
    const second = tensor(keeping(3, 7).data.slice(0, 16), [1, 16]);
    expect(draw({ raiseToKept: true, batchSize: 1, keepMask: second }).shape).toEqual([1, 1, 4]);
  });

  test("masks come at the raised K", () => {
    useCPUBackend(backend);
    const attnMask = tensor(
      Float32Array.from({ length: 256 }, (_, n) => (n % 16 <= n >> 4 ? 0 : -1)),
      [1, 1, 16, 16],
    );
    const call = {
      reservedLength: 4,
      seqLength: 16,
      batchSize: 2,
      seed: 3,
      keepPrefix: 6,
      raiseToKept: true,
    };
    const slice = gptSampleTokens({ ...call, attnMask, maskMode: "slice" });
    expect(slice.newMask).toEqual(maskSlice(attnMask, 6));
    const gathered = bertSampleTokens({ ...call, attnMask });
    expect(gathered.newMask).toEqual(maskGather(attnMask, gathered.sampledIndices));
  });
});

test.each([0, 1, "true", null, {}])("raiseToKept %o is a TypeError", (raiseToKept) => {
  const call = { reservedLength: 4, seqLength: 16, batchSize: 2, seed: 3, raiseToKept } as never;
  for (const sample of [bertSampleTokens, gptSampleTokens]) {
    expect(() => sample(call)).toThrow(TypeError);
    expect(() => sample(call)).toThrow('"raiseToKept" expected a boolean, got ');
  }
  const layer = (h: CPUTensor) => h;
  const make = () =>
    new RandomLayerTokenDrop(layer, makeScheduler({ ids: [0] }), 0, { raiseToKept } as never);
  expect(make).toThrow(TypeError);
});

test("keepPrefix ends at S with raiseToKept, at K without", () => {
  const call = { reservedLength: 4, seqLength: 16, batchSize: 1, seed: 3 };
  expect(bertSampleTokens({ ...call, raiseToKept: true, keepPrefix: 16 }).sampledIndices.shape).toEqual([
    1, 1, 16,
  ]);
  expect(() => bertSampleTokens({ ...call, raiseToKept: true, keepPrefix: 17 })).toThrow(
    new RangeError('"keepPrefix" expected an integer from 0 to 16, got 17'),
  );
  expect(() => bertSampleTokens({ ...call, keepPrefix: 5 })).toThrow(
    new RangeError('"keepPrefix" expected an integer from 0 to 4, got 5'),
  );
});

describe("in a wrapped layer", () => {
  const [B, S, C, K] = [2, 12, 4, 5];
  const keeping = (...counts: number[]) =>
    tensor(
      Uint8Array.from({ length: B * S }, (_, i) => (i % S < counts[Math.floor(i / S)] ? 1 : 0)),
      [B, S],
    );
  const make = (options: object = {}, from = K) => {
    const blocks = [1, 2, 3].map((seed) => new Block(C, seed));
    const settings = { layers: 3, ids: [0, 1, 2], min: from, max: S, model_mask_name: null };
    const stack = convertToRandomLTD(blocks, makeScheduler(settings), { raiseToKept: true, ...options });
    return { blocks, stack };
  };
  const x = () => tensor(noise(B * S * C, 1), [B, S, C]);

  test.each([
    ["K stays where it is enough", [5, 2], {}, K],
    ["K is raised", [3, 8], {}, 8],
    ["the prefix counts", [3, 4], { keepPrefix: 9 }, 9],
    ["a ratio's K is raised", [3, 8], { dropRatio: 0.5 }, 8],
    ["up to all tokens, which pass straight through", [3, 12], {}, S],
    ["a prefix beyond a short row", [0, 0], { keepPrefix: 99 }, S],
  ] as [string, number[], object, number][])("%s", (_, counts, options, expected) => {
    const { stack, blocks } = make(options);
    const keepMask = keeping(...counts);
    const seen: number[] = [];
    for (const block of blocks) {
      const forward = block.forward.bind(block);
      block.forward = (h, kwargs) => {
        seen.push(h.shape[1]);
        return forward(h, kwargs);
      };
    }
    const out = stack.forward(x(), {}, { keepMask });
    expect(seen).toEqual([expected, expected, expected]);
    expect(stack.layerTokens(B, S, { keepMask })).toBe(3 * B * expected);
    const drawn = stack.sample(B, S, { keepMask });
    expect([...drawn.values()].map(({ shape }) => shape[1])).toEqual(expected < S ? seen : []);
    // Indices at hand are held to the same K.
    const again = make(options).stack;
    const indicesOf = (ordinal: number) => drawn.get(ordinal);
    expect(again.forward(x(), {}, { keepMask, indicesOf })).toEqual(out);
    if (expected !== K && expected < S && !("keepPrefix" in options)) {
      expect(() => again.forward(x(), {}, { indicesOf })).toThrow('"indicesOf" expected shape');
    }
  });

  test("without it, too many are a RangeError as before", () => {
    const { stack } = make({ raiseToKept: false });
    const forward = () => stack.forward(x(), {}, { keepMask: keeping(3, 8) });
    expect(forward).toThrow(RangeError);
    expect(forward).toThrow('"keepMask" expected at most 5 kept tokens a row');
  });

  test("a broken keepMask is refused, also where K would pass all on", () => {
    for (const from of [K, S]) {
      const { stack } = make({}, from);
      const broken = tensor(new Uint8Array(B * S).fill(2), [B, S]);
      expect(() => stack.forward(x(), {}, { keepMask: broken })).toThrow('"keepMask" expected values 0 or 1');
      expect(() => stack.forward(x(), {}, { keepMask: tensor(new Uint8Array(S), [1, S]) })).toThrow(
        RangeError,
      );
      expect(() => stack.forward(x(), {}, { keepMask: [1] as never })).toThrow(TypeError);
    }
  });

  test("gradients are those of central differences", () => {
    const { stack, blocks } = make();
    const hidden = x();
    const options = { keepMask: keeping(3, 8) };
    const run = () => squaredLoss(stack.forward(hidden, {}, options), noise(B * S * C, 8));
    const dx = stack.backward(run().grad);
    const numeric = (memory: CPUTensor["data"], i: number) => {
      const before = memory[i];
      const at = (value: number) => {
        memory[i] = value;
        return run().loss;
      };
      const difference = (at(before + 1e-5) - at(before - 1e-5)) / 2e-5;
      memory[i] = before;
      return difference;
    };
    for (let i = 0; i < hidden.data.length; i += 3) {
      expect(dx.data[i]).toBeCloseTo(numeric(hidden.data, i), 6);
    }
    const { grads, weights } = blocks[1];
    for (const name of ["wv", "w2"] as const) {
      expect(grads[name][5]).toBeCloseTo(numeric(weights[name], 5), 6);
    }
  });
});

/** Which arguments look laid out along the sequence, each half of each shape by itself; and what is walked through. */
import { describe, expect, test } from "vitest";
import {
  type CPUTensor,
  convertToRandomLTD,
  type Kwargs,
  RandomLayerTokenDrop,
  tensor,
} from "../../src/index.ts";
import { makeScheduler } from "./settings.ts";

const [B, S, C, K] = [2, 64, 3, 16];
const zeros = (shape: readonly number[]) =>
  tensor(new Float32Array(shape.reduce((n, length) => n * length, 1)), shape);

function forward(kwargs: Kwargs, { batchFirst = true, options = {} as object, mask = false } = {}): Kwargs {
  let seen: Kwargs = {};
  const layer = (h: CPUTensor, got: Kwargs) => {
    seen = got;
    return h;
  };
  const scheduler = makeScheduler({
    ids: [1, 2],
    min: K,
    max: S,
    model_mask_name: mask ? "attention_mask" : null,
    hidden_state_order: batchFirst ? "batch_seq_dim" : "seq_batch_dim",
  });
  new RandomLayerTokenDrop(layer, scheduler, 0, options).forward(
    zeros(batchFirst ? [B, S, C] : [S, B, C]),
    kwargs,
  );
  return seen;
}

describe.each([true, false])("batchFirst %s", (batchFirst) => {
  test.each([
    [S],
    [S, 2],
    [S, B],
    [S, 1, 4],
    [S, S],
    [7, S, S],
    [1, 1, S, S],
    [B, 5, S, S],
  ])("[%s] is refused", (...shape) => {
    const call = () => forward({ table: zeros(shape) }, { batchFirst });
    expect(call).toThrow(
      new RangeError(
        '"table" expected to be named in alongSequence with its layout, or with "unchanged", as it looks laid out ' +
          `along the 64 tokens, got [${shape}]`,
      ),
    );
    const named = { alongSequence: { table: "unchanged" } };
    expect(forward({ table: zeros(shape) }, { batchFirst, options: named }).table).toEqual(zeros(shape));
  });

  test.each([
    [1],
    [B],
    [63],
    [65, 2],
    [B, 63],
    [1, 65, 4],
    [3, 64],
    [B, 3, S],
    [1, 1, 63, S],
    [1, 1, S, 63],
    [B, C, 1, S],
  ])("[%s] goes to the layer", (...shape) => {
    const table = zeros(shape);
    expect(forward({ table }, { batchFirst }).table).toBe(table);
  });
});

test.each([
  [B, S],
  [1, S],
  [B, S, 9],
  [1, S, 9, 2],
])("[%s] is the batch and the sequence, or is not, by hidden_state_order", (...shape) => {
  expect(() => forward({ table: zeros(shape) })).toThrow('"table" expected to be named');
  expect(forward({ table: zeros(shape) }, { batchFirst: false }).table).toEqual(zeros(shape));
});

test("named by model_mask_name or by alongSequence, an argument is held to that alone", () => {
  const attention_mask = zeros([1, 1, S, S]);
  expect(() => forward({ attention_mask })).toThrow('"attention_mask" expected to be named');
  expect(forward({ attention_mask }, { mask: true }).attention_mask).not.toBe(attention_mask);
  const options = { alongSequence: ["table"] };
  expect((forward({ table: zeros([1, S]) }, { options }).table as CPUTensor).shape).toEqual([B, K]);
});

test("evaluation, and K not below S, hand on whatever there is", () => {
  const scheduler = makeScheduler({ ids: [1, 2], min: K, max: S, model_mask_name: null });
  const seen: Kwargs[] = [];
  const stack = convertToRandomLTD(
    [0, 1, 2, 3].map(() => (h: CPUTensor, kwargs: Kwargs) => {
      seen.push(kwargs);
      return h;
    }),
    scheduler,
  );
  const table = zeros([S, 2]);
  expect(() => stack.forward(zeros([B, S, C]), { table })).toThrow(RangeError);
  seen.length = 0;
  stack.eval();
  stack.forward(zeros([B, S, C]), { table });
  stack.train();
  stack.forward(zeros([B, K, C]), { table: zeros([B, K]) });
  expect(seen.length).toBe(8);
});

test("arrays and plain objects are walked through, themselves included; instances of classes are not", () => {
  class Cache {
    readonly keys = zeros([B, S, C]);
  }
  const cycle: Record<string, unknown> = { a: [1, "b", null, undefined] };
  cycle.self = cycle;
  const kwargs = {
    cache: new Cache(),
    config: cycle,
    made: Object.create(null),
    map: new Map([["a", zeros([S])]]),
  };
  expect(forward(kwargs)).toEqual(kwargs);
  cycle.deep = [[{ table: zeros([S]) }]];
  expect(() => forward(kwargs)).toThrow("got [64] at config.deep[0][0].table");
  const named = { options: { alongSequence: { config: "seq_dim" } } };
  expect(() => forward(kwargs, named)).toThrow(
    new TypeError('"config" expected a tensor that runs along the sequence, or null, at config.a[0], got 1'),
  );
  for (const value of [7, "rope", () => 1, new Float32Array(S), new Cache(), new Map()]) {
    expect(() => forward({ rope: value }, { options: { alongSequence: ["rope"] } })).toThrow(TypeError);
  }
});

test("a mask [B,S] is told the ways out", () => {
  expect(() => forward({ attention_mask: zeros([B, S]) }, { mask: true })).toThrow(
    new RangeError(
      '"attention_mask" expected shape [B,H,S,S] or [B,H,1,S] with B 1 or 2 and S 64, got [2,64]: a mask [B,S] goes as ' +
        "[B,1,1,S], by alongSequence, or as the option paddingMask of forward",
    ),
  );
});

describe("layouts", () => {
  const make =
    (layout: unknown, keepPrefix = 0) =>
    () =>
      forward({ t: zeros([S]) }, { options: { alongSequence: { t: layout }, keepPrefix } });

  test.each([
    ["rows", RangeError, '"alongSequence" expected one of "batch_seq_dim"'],
    [7, TypeError, '"alongSequence" expected one of "batch_seq_dim"'],
    [null, TypeError, '"alongSequence" expected one of'],
    [["seq_dim"], TypeError, '"alongSequence" expected one of'],
    [{ batchAxis: 0 }, TypeError, '"seqAxis" expected an integer'],
    [{ seqAxis: 0 }, TypeError, '"batchAxis" expected an integer'],
    [{ seqAxis: -1, batchAxis: 0 }, RangeError, '"seqAxis" expected an integer'],
    [{ seqAxis: 0.5, batchAxis: 0 }, RangeError, '"seqAxis" expected an integer'],
    [{ seqAxis: 1, batchAxis: 1 }, RangeError, '"batchAxis" expected another dimension than seqAxis, got 1'],
    [{ seqAxis: 0, batchAxis: null, firstPosition: -1 }, RangeError, '"firstPosition" expected an integer'],
    [{ seqAxis: 0, batchAxis: null, firstPosition: null }, TypeError, '"firstPosition" expected an integer'],
    [
      { seqAxis: 0, batchAxis: null, firstPositon: 1 },
      TypeError,
      '"firstPositon" expected a known option (did you mean "firstPosition"?), got 1',
    ],
  ] as const)("%j is refused", (layout, kind, message) => {
    expect(make(layout)).toThrow(kind);
    expect(make(layout)).toThrow(message);
  });

  test("a table that begins behind kept tokens wants them kept, and more than them", () => {
    const layout = { seqAxis: 0, batchAxis: null, firstPosition: 2 };
    expect(make(layout, 1)).toThrow(
      new RangeError('"keepPrefix" expected at least 2, the firstPosition of t in alongSequence, got 1'),
    );
    expect(make(layout, 2)).toThrow(
      '"t" expected shape of 62 tokens in dimension 0 (alongSequence says {"seqAxis"',
    );
    const all = { ...layout, firstPosition: K };
    expect(make(all, K)).toThrow(
      '"t" expected more retained tokens than the 16 before its firstPosition, got 16',
    );
  });

  test("indices of the caller's own that drop a prefix which a table leaves out", () => {
    const scheduler = makeScheduler({ ids: [1, 2], min: 2, max: 4, model_mask_name: null });
    const layout = { seqAxis: 0, batchAxis: null, firstPosition: 1 };
    const options = { keepPrefix: 1, alongSequence: { t: layout } };
    const wrapped = new RandomLayerTokenDrop((h: CPUTensor) => h, scheduler, 0, options);
    const call = (...positions: number[]) =>
      wrapped.forward(
        zeros([2, 4, 1]),
        { t: zeros([3]) },
        { indicesOf: () => tensor(Int32Array.from(positions), [2, 2]) },
      );
    call(0, 1, 0, 3);
    expect(() => call(0, 1, 1, 3)).toThrow(
      new RangeError(
        '"indicesOf" expected positions 0 to 0, which a firstPosition of alongSequence leaves out, got row 1 without them',
      ),
    );
    expect(() => call(0, 4, 0, 3)).toThrow(
      '"sortedIndices" expected ascending, distinct positions from 0 to 3',
    );
  });

  test.each([
    ["mask", [B, S, S], "[B,H,S,S] or [B,H,1,S] with B 1 or 2 and S 64"],
    ["mask", [3, 1, S, S], "[B,H,S,S] or [B,H,1,S]"],
    ["mask", [B, 1, 2, S], "[B,H,S,S] or [B,H,1,S]"],
    ["mask", [B, 1, S, 63], "[B,H,S,S] or [B,H,1,S]"],
    ["mask_rows", [B, S, 5], "[B,H,S,S'] with B 1 or 2 and S 64"],
    ["mask_rows", [B, 1, 1, 5], "[B,H,S,S']"],
    ["mask_rows", [3, 1, S, 5], "[B,H,S,S']"],
    [{ seqAxis: 2, batchAxis: 1 }, [3, 3, S], "of 64 tokens in dimension 2 and 1 or 2 rows in 1"],
    [{ seqAxis: 2, batchAxis: 1 }, [3, B, 63], "of 64 tokens in dimension 2"],
    [{ seqAxis: 2, batchAxis: 1 }, [3, B], "of 64 tokens in dimension 2"],
    [{ seqAxis: 0, batchAxis: 1 }, [S], "of 64 tokens in dimension 0"],
  ] as const)("%j of [%s] is refused", (layout, shape, wanted) => {
    const call = () => forward({ t: zeros(shape) }, { options: { alongSequence: { t: layout } } });
    expect(call).toThrow(RangeError);
    expect(call).toThrow(`"t" expected shape ${wanted}`);
    expect(call).toThrow(`got [${shape}]`);
  });
});

test("several masks under model_mask_name are told the way out", () => {
  const full = zeros([1, 1, S, S]);
  for (const attention_mask of [{ full }, [full, full]]) {
    expect(() => forward({ attention_mask }, { mask: true })).toThrow(TypeError);
    expect(() => forward({ attention_mask }, { mask: true })).toThrow(
      '(several masks go by alongSequence, as "mask")',
    );
  }
});

/** An evaluation between a training call and its backward, as a validation in the middle of gradient accumulation is. */
import { describe, expect, test } from "vitest";
import { type CPUTensor, convertToRandomLTD, tensor } from "../../src/index.ts";
import { makeScheduler } from "./settings.ts";

const S = 8;
const ones = () => tensor(new Float64Array(S).fill(1), [1, S, 1]);
const scaled = (t: CPUTensor) =>
  tensor(
    (t.data as Float64Array).map((v) => v * 10),
    t.shape,
  );
// As a framework's layers: backward keeps nothing of forward, so that the wrapper's memory alone is at stake.
const layer = { forward: scaled, backward: scaled };

function make() {
  const scheduler = makeScheduler({ ids: [1, 2], min: 4, max: 8, model_mask_name: null, seed: 5 });
  return { scheduler, stack: convertToRandomLTD([layer, layer, layer, layer], scheduler) };
}

/** The gradient of the row with this number, nothing coming between. */
function wanted(batchOffset: number): CPUTensor {
  const { stack } = make();
  stack.forward(ones(), {}, { batchOffset });
  return stack.backward(ones());
}

describe("backward belongs to training", () => {
  test.each([{}, { batchOffset: 0 }])("with options %o", (options) => {
    for (const batchOffset of [0, 1]) {
      for (const back of [true, false]) {
        const { stack, scheduler } = make();
        stack.forward(ones());
        stack.eval();
        stack.forward(ones(), {}, { batchOffset });
        scheduler.updateSeq(1); // counted in an evaluation or not, the step may have moved on too
        stack.forward(ones());
        if (back) stack.train();
        expect(stack.backward(ones(), options)).toEqual(wanted(0));
      }
    }
  });

  test("with several micro-batches under way, each by its number", () => {
    const { stack } = make();
    stack.forward(ones());
    stack.forward(ones(), {}, { batchOffset: 1 });
    stack.eval();
    for (const batchOffset of [0, 1, 2]) stack.forward(ones(), {}, { batchOffset });
    stack.train();
    expect(wanted(0)).not.toEqual(wanted(1));
    expect(stack.backward(ones())).toEqual(wanted(1));
    expect(stack.backward(ones(), { batchOffset: 0 })).toEqual(wanted(0));
    expect(stack.backward(ones(), { batchOffset: 1 })).toEqual(wanted(1));
    expect(() => stack.backward(ones(), { batchOffset: 2 })).toThrow(RangeError);
  });

  test("where there was no training call, to the last evaluation: every token takes part", () => {
    const { stack } = make();
    stack.eval();
    stack.forward(ones());
    const all = new Float64Array(S).fill(10_000);
    expect(stack.backward(ones()).data).toEqual(all);
    expect(stack.backward(ones(), { batchOffset: 0 }).data).toEqual(all);
    expect(() => stack.backward(ones(), { batchOffset: 1 })).toThrow(RangeError);
    stack.train();
    stack.forward(ones());
    expect(stack.backward(ones())).toEqual(wanted(0));
  });
});

import { expect, test } from "vitest";
import {
  type CPUTensor,
  convertToRandomLTD,
  type FrameworkOps,
  type Kwargs,
  tensor,
  tensorOps,
} from "../../src/index.ts";
import { makeScheduler } from "./settings.ts";
import { causalMask, noise } from "./tiny.ts";

/** Tensors in the way of jax-js: every use consumes a reference, and what has none left is gone. */
let alive = 0;
class Counted {
  readonly value: CPUTensor;
  refs = 1;
  constructor(value: CPUTensor) {
    this.value = value;
    alive++;
  }
  get ref(): Counted {
    if (this.refs === 0) throw new Error("used after its last reference");
    this.refs++;
    return this;
  }
  use(): CPUTensor {
    if (this.refs === 0) throw new Error("used after its last reference");
    if (--this.refs === 0) alive--;
    return this.value;
  }
}

let released = 0;
const countedOps: FrameworkOps<Counted> = {
  isTensor: (value): value is Counted => value instanceof Counted,
  shapeOf: (t) => t.value.shape,
  retain: (t) => t.ref,
  dispose: (t) => {
    t.use();
  },
  at(indices, options) {
    // As an adapter would make its own array of the indices, unless it is given one.
    const made = indices instanceof Counted ? indices.ref : new Counted(indices);
    const at = tensorOps.at(made.value as CPUTensor<Int32Array>, options);
    const wrap = (t: unknown) => new Counted(t as CPUTensor);
    return {
      gather: (x) => wrap(at.gather(x.ref.use())),
      scatter: (x, part, inPlace) => wrap(at.scatter(x.use(), part.use(), inPlace)),
      gatherAlong: (x, layout, name) => wrap(at.gatherAlong(x.use(), layout, name)),
      gatherMask: (x, name) => wrap(at.gatherMask(x.use(), name)),
      sliceMask: (x, name, check) => wrap(at.sliceMask(x.use(), name, check)),
      release() {
        made.use();
        released++;
      },
    };
  },
};

const [B, S, C, K] = [2, 8, 3, 5];

/** A layer that consumes its input and every tensor among its arguments, as a function of jax-js does. */
function layer(x: Counted, kwargs: Kwargs): Counted {
  const tensors = (value: unknown): Counted[] =>
    value instanceof Counted ? [value] : Object.values(value as object).flatMap(tensors);
  for (const value of tensors(kwargs)) value.use();
  const t = x.use();
  return new Counted(
    tensor(
      (t.data as Float64Array).map((v) => v + 1),
      t.shape,
    ),
  );
}

test("with consumed references everything is used up once: layers, routes, evaluation, errors", () => {
  const scheduler = makeScheduler({ layers: 6, ids: [1, 2, 3, 4], min: K, max: S });
  const stack = convertToRandomLTD([layer, layer, layer, layer, layer, layer], scheduler, {
    ops: countedOps,
    alongSequence: { rope: "seq_dim", other: "unchanged" },
    routes: [[2, 4]],
  });
  const inputs = () => {
    const table = () => new Counted(tensor(noise(S * 2, 3), [S, 2]));
    const kwargs = {
      attention_mask: new Counted(causalMask(S)),
      rope: [table(), { two: table() }],
      other: table(),
    };
    return { hidden: new Counted(tensor(noise(B * S * C, 1), [B, S, C])), kwargs };
  };
  const run = () => {
    const { hidden, kwargs } = inputs();
    const out = stack.forward(hidden, kwargs);
    expect(alive).toBe(1); // the result
    return out.use();
  };
  const out = run();
  expect(released).toBe(2); // layer 1 and the route
  stack.eval();
  run();
  expect(released).toBe(2);

  // Indices that the caller has in the framework's own tensors are borrowed.
  stack.train();
  const own = new Map([...stack.sample(B, S)].map(([ordinal, t]) => [ordinal, new Counted(t)]));
  expect([...own.keys()]).toEqual([0, 1]);
  const given = inputs();
  const again = stack.forward(given.hidden, given.kwargs, { indicesOf: (ordinal) => own.get(ordinal) });
  expect(again.use()).toEqual(out);
  for (const t of own.values()) t.use();
  expect(alive).toBe(0);

  // The same numbers as with tensors that nothing consumes.
  const plain = (x: CPUTensor) =>
    tensor(
      (x.data as Float64Array).map((v) => v + 1),
      x.shape,
    );
  const reference = convertToRandomLTD([plain, plain, plain, plain, plain, plain], scheduler, {
    alongSequence: { rope: "seq_dim" },
    routes: [[2, 4]],
  });
  const rope = tensor(noise(S * 2, 3), [S, 2]);
  expect(
    reference.forward(tensor(noise(B * S * C, 1), [B, S, C]), { attention_mask: causalMask(S), rope }),
  ).toEqual(out);

  // What was made of the indices is freed even where a layer throws.
  stack.train();
  const failing = convertToRandomLTD<Counted, Counted>(
    [layer, () => 7 as never, layer, layer, layer, layer],
    scheduler,
    { ops: countedOps, alongSequence: { rope: "unchanged", other: "unchanged" } },
  );
  const { hidden, kwargs } = inputs();
  expect(() => failing.forward(hidden, kwargs)).toThrow(TypeError);
  expect(released).toBe(5);
});

test("what is carried along is used up once too: a stream of tokens, one beside them, a bias handed on as it was", () => {
  const scheduler = makeScheduler({ layers: 5, ids: [1, 2, 3], min: K, max: S, model_mask_name: null });
  const plusOne = (t: Counted) => {
    const { data, shape } = t.use();
    return new Counted(
      tensor(
        (data as Float64Array).map((v) => v + 1),
        shape,
      ),
    );
  };
  const carrying = (x: Counted, kwargs: Kwargs) => {
    const { text, residual, bias, table } = kwargs as Record<string, Counted>;
    table.use();
    return [plusOne(text), plusOne(residual), plusOne(x), bias];
  };
  const stack = convertToRandomLTD<Counted>([carrying, carrying, carrying, carrying, carrying], scheduler, {
    ops: countedOps,
    outputs: ["text", "residual", "hiddenStates", "bias"],
    alongSequence: { residual: "batch_seq_dim", bias: "mask", table: "seq_dim" },
    routes: [[2, 3]],
  });
  const make = (...shape: number[]) =>
    new Counted(
      tensor(
        noise(
          shape.reduce((n, x) => n * x, 1),
          5,
        ),
        shape,
      ),
    );
  for (const train of [true, false]) {
    if (!train) stack.eval();
    const before = alive;
    const kwargs = {
      text: make(B, 3, C),
      residual: make(B, S, 2),
      bias: make(1, 1, S, S),
      table: make(S, 2),
    };
    const bias = kwargs.bias.value;
    const out = stack.forward(make(B, S, C), kwargs) as Counted[];
    expect(alive).toBe(before + 4);
    expect(out.map((t) => t.value.shape)).toEqual([
      [B, 3, C],
      [B, S, 2],
      [B, S, C],
      [1, 1, S, S],
    ]);
    expect(out.map((t) => t.use())[3]).toBe(bias);
    expect(alive).toBe(before);
  }
});

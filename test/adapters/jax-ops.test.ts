import { defaultDevice, grad, init, jit, numpy as np, tree } from "@jax-js/jax";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { forgetWarning } from "../../src/adapters/jax/routes.ts";
import { gatherTokens, jaxOps, scatterTokens, tokenRoute, tokenRoutes } from "../../src/adapters/jax.ts";
import {
  bertSampleTokens,
  type CPUTensor,
  layerOf,
  type RowLayout,
  type TensorData,
  tensor,
  tensorOps,
} from "../../src/index.ts";
import { float64 } from "./jax-tiny.ts";

const [B, S, K, C] = [3, 11, 5, 4];
const { sampledIndices } = bertSampleTokens({
  reservedLength: K,
  seqLength: S,
  batchSize: B,
  seed: 3,
  layers: 2,
});
const indices = layerOf(sampledIndices, 1);

const MAKERS = {
  float32: (n: number) => Float32Array.from({ length: n }, (_, i) => Math.sin(i + 1)),
  float64: (n: number) => Float64Array.from({ length: n }, (_, i) => Math.sin(i + 1)),
  int32: (n: number) => Int32Array.from({ length: n }, (_, i) => i * 7 - 50),
  uint32: (n: number) => Uint32Array.from({ length: n }, (_, i) => 2 ** 32 - 1 - i),
};
type Made = keyof typeof MAKERS;

function make(shape: number[], dtype: Made = "float32"): CPUTensor {
  return tensor(MAKERS[dtype](shape.reduce((a, b) => a * b, 1)) as TensorData, shape);
}

function toArray({ data, shape }: CPUTensor): np.Array {
  return np.array(data as Float32Array<ArrayBuffer>, { shape: [...shape] });
}

/** The array, which is used up, as a tensor. */
function fromArray(t: np.Array): CPUTensor {
  const { shape } = t;
  return tensor(t.dataSync() as TensorData, shape);
}

test("a K that jax-js's WASM backend is slow with is warned of, once", () => {
  const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
  const before = defaultDevice();
  const route = (reservedLength: number) => {
    const call = { reservedLength, seqLength: 11, batchSize: 1, seed: 1 };
    tree.dispose(tokenRoutes(bertSampleTokens(call).sampledIndices, 11) as never);
  };
  try {
    forgetWarning();
    for (const [device, lengths] of [
      ["cpu", [5]],
      ["wasm", [4, 8, 11]],
    ] as const) {
      defaultDevice(device);
      for (const K of lengths) route(K);
    }
    expect(warn).not.toHaveBeenCalled();
    for (const K of [5, 6, 7]) route(K);
    expect(warn.mock.calls).toEqual([[expect.stringMatching(/^random-ltd: K = 5 is no multiple of 4, /)]]);
  } finally {
    warn.mockRestore();
    defaultDevice(before);
  }
});

describe.each(["cpu", "wasm"] as const)("jaxOps on the %s backend", (device) => {
  beforeAll(async () => {
    await init(device);
    defaultDevice(device);
  });

  const options = (batchFirst: boolean) => ({ seqLength: S, batchFirst, encoder: undefined });

  describe.each([
    ["indices on the CPU", () => indices],
    ["indices in an array", () => toArray(indices)],
  ])("%s", (_, given) => {
    /** The same call over both kinds of tensors, each with what it borrows and gives back. */
    function both(batchFirst: boolean) {
      const mine = given();
      const at = jaxOps.at(mine as np.Array, options(batchFirst));
      const theirs = tensorOps.at(indices, options(batchFirst));
      const end = () => {
        at.release!();
        // Borrowed, not used up.
        if (mine instanceof np.Array) expect(mine.refCount).toBe(1);
      };
      return { at, theirs, end };
    }

    test.each(
      Object.keys(MAKERS) as Made[],
    )("moves rows of %s as GatherTokens and ScatterTokens do", (dtype) => {
      for (const batchFirst of [true, false]) {
        const shape = (n: number, more: number[]) => [...(batchFirst ? [B, n] : [n, B]), ...more];
        for (const more of [[C], [], [2, 3]]) {
          const { at, theirs, end } = both(batchFirst);
          const [states, part] = [make(shape(S, more), dtype), make(shape(K, more), dtype)];
          const borrowed = toArray(states);
          expect(fromArray(at.gather(borrowed))).toEqual(theirs.gather(states));
          expect(fromArray(at.scatter(borrowed, toArray(part), false))).toEqual(
            theirs.scatter(states, part, false),
          );
          expect(borrowed.refCount).toBe(0);
          end();
        }
      }
    });

    test.each([
      ["batch_seq_dim", [B, S, 2]],
      ["batch_seq_dim", [B, S]],
      ["batch_seq_dim", [1, S, 2]],
      ["seq_batch_dim", [S, B, 2]],
      ["seq_batch_dim", [S, 1, 2]],
      ["seq_dim", [S, 2]],
      ["seq_dim", [S]],
    ] as [RowLayout, number[]][])("gathers what runs along the sequence: %s [%s]", (layout, shape) => {
      for (const batchFirst of [true, false]) {
        const { at, theirs, end } = both(batchFirst);
        const value = make(shape);
        expect(fromArray(at.gatherAlong(toArray(value), layout, "table"))).toEqual(
          theirs.gatherAlong(value, layout, "table"),
        );
        end();
      }
    });

    test.each([
      [[B, 2, S, S]],
      [[1, 2, S, S]],
      [[B, 2, 1, S]],
      [[1, 1, 1, S]],
    ])("cuts masks of [%s]", (shape) => {
      const { at, theirs, end } = both(true);
      const mask = make(shape);
      expect(fromArray(at.gatherMask(toArray(mask), "mask"))).toEqual(theirs.gatherMask(mask, "mask"));
      expect(fromArray(at.sliceMask(toArray(mask), "mask", false))).toEqual(
        theirs.sliceMask(mask, "mask", false),
      );
      end();
    });
  });

  test("cuts masks and gathers tables within jit, from indices among its arguments", () => {
    const [mask, tables, own] = [make([B, 2, S, S]), make([S, 2]), make([B, S, 3])];
    const all = jit((m: np.Array, t: np.Array, o: np.Array, i: np.Array) => {
      const at = jaxOps.at(i, options(true));
      const out = [
        at.gatherMask(m.ref, "mask"),
        at.sliceMask(m, "mask", true), // nobody can look into it now
        at.gatherAlong(t, "seq_dim", "table"),
        at.gatherAlong(o, "batch_seq_dim", "table"),
      ];
      at.release!();
      i.dispose();
      return out;
    });
    const theirs = tensorOps.at(indices, options(true));
    expect(all(toArray(mask), toArray(tables), toArray(own), toArray(indices)).map(fromArray)).toEqual([
      theirs.gatherMask(mask, "mask"),
      theirs.sliceMask(mask, "mask", false),
      theirs.gatherAlong(tables, "seq_dim", "table"),
      theirs.gatherAlong(own, "batch_seq_dim", "table"),
    ]);
  });

  test("refuses the corner of a mask for which it is wrong, and takes that of a causal one", () => {
    const at = jaxOps.at(indices, options(true));
    const causal = Float32Array.from({ length: S * S }, (_, i) => (i % S > Math.floor(i / S) ? -1e9 : 0));
    const mask = () => np.array(causal.slice(), { shape: [1, 1, S, S] });
    expect(at.sliceMask(mask(), "mask", true).js()).toEqual(mask().slice([], [], [0, K], [0, K]).js());
    causal[3] = 1;
    expect(() => at.sliceMask(mask(), "mask", true)).toThrow(
      /^"mask" expected entries that depend only on the sign of j - i/,
    );
    expect(at.sliceMask(mask(), "mask", false).shape).toEqual([1, 1, K, K]);
    at.release!();
  });

  test("booleans stay booleans", () => {
    const flags = np.greaterEqual(toArray(make([B, S, C])), 0);
    const at = jaxOps.at(indices as never, options(true));
    const part = at.gather(flags.ref);
    expect(part.dtype).toBe(np.bool);
    expect(at.gatherAlong(flags.ref, "batch_seq_dim", "table").dtype).toBe(np.bool);
    expect(at.scatter(flags, part, false).dtype).toBe(np.bool);
    at.release!();
  });

  test("routes from positions on the CPU and from positions in an array are the same", () => {
    const routes = tokenRoutes(sampledIndices, S);
    expect(routes.length).toBe(2);
    const other = tokenRoute(toArray(indices), S);
    for (const [name, t] of Object.entries(other)) expect(t.js()).toEqual(routes[1][name as "rows"].js());
    tree.dispose(routes[0]);
  });

  test("gather and scatter within jit, and the gradients of both, are exact in whole numbers", () => {
    const whole = (n: number, seed: number) => Array.from({ length: n }, (_, i) => ((i * seed) % 17) - 8);
    const [states, part] = [whole(B * S * C, 5), whole(B * K * C, 7)];
    const [a, b] = [whole(B * S * C, 3), whole(B * K * C, 11)];
    const score = (x: np.Array, p: np.Array, i: np.Array) => {
      const route = tokenRoute(i, S);
      // Reshapes on both sides of a gather: what jit refuses the gradient of, if they meet.
      const got = gatherTokens(x.ref, tree.ref(route)).reshape([B * K, C]);
      const put = scatterTokens(x, p.reshape([B, K, C]), route).reshape([B * S * C]);
      return got
        .mul(float64(b, [B * K, C]))
        .sum()
        .add(put.mul(float64(a, [B * S * C])).sum());
    };
    const expected = [a.slice(), whole(0, 0)];
    for (let r = 0; r < B; r++) {
      for (let k = 0; k < K; k++) {
        const row = r * S + indices.data[r * K + k];
        for (let c = 0; c < C; c++) {
          expected[1].push(a[row * C + c]);
          expected[0][row * C + c] = b[(r * K + k) * C + c];
        }
      }
    }
    for (const compile of [jit, <T>(f: T) => f] as (typeof jit)[]) {
      const run = compile(grad(score, { argnums: [0, 1] }));
      const grads = run(float64(states, [B, S, C]), float64(part, [B * K, C]), toArray(indices));
      expect(grads.map((g) => [...g.dataSync()])).toEqual(expected);
    }
  });
});

describe("wrong arguments", () => {
  const route = () => tokenRoute(toArray(indices), S);
  const zeros = (shape: number[]) => np.zeros(shape);

  test.each([
    [
      "states of no array",
      () => gatherTokens(make([B, S, C]) as never, route()),
      TypeError,
      '"states" expected an array of jax-js, got float32 [3,11,4]',
    ],
    [
      "states of another S",
      () => gatherTokens(zeros([B, S + 1, C]), route()),
      RangeError,
      '"states" expected shape [3,11,...], as the route\'s, got [3,12,4]',
    ],
    [
      "no route",
      () => gatherTokens(zeros([B, S, C]), null as never),
      TypeError,
      '"route" expected a route, as from tokenRoutes, got null',
    ],
    [
      "indices for a route",
      () => gatherTokens(zeros([B, S, C]), toArray(indices) as never),
      TypeError,
      '"route" expected a route, as from tokenRoutes, with an array of jax-js as its indices, got undefined',
    ],
    [
      "a part of another length",
      () => scatterTokens(zeros([B, S, C]), zeros([B, S, C]), route()),
      RangeError,
      '"part" expected shape [3,5,4], got [3,11,4]',
    ],
    [
      "a part of another dtype",
      () => scatterTokens(zeros([B, S, C]), np.zeros([B, K, C], { dtype: np.int32 }), route()),
      TypeError,
      '"part" expected dtype float32, got int32',
    ],
    [
      "indices in floats",
      () => tokenRoute(zeros([B, K]), S),
      TypeError,
      '"indices" expected dtype int32, got float32',
    ],
    [
      "indices of all layers",
      () => tokenRoute(toArray(sampledIndices), S),
      RangeError,
      '"indices" expected shape [B,K] with K from 1 to 11, got [2,3,5]',
    ],
    [
      "positions in an array that are out of order",
      () => tokenRoute(np.array([3, 1, 2, 4], { shape: [2, 2], dtype: np.int32 }), S),
      RangeError,
      '"indices" expected ascending, distinct positions from 0 to 10, got 1 after 3 in row 0',
    ],
    [
      "indices of one layer",
      () => tokenRoutes(indices, S),
      RangeError,
      '"sampledIndices" expected int32 [L,B,K] with K from 1 to 11, got int32 [3,5]',
    ],
    [
      "positions beyond S",
      () => tokenRoutes(sampledIndices, 6),
      RangeError,
      /^"sampledIndices" expected ascending, distinct positions from 0 to 5, got/,
    ],
    [
      "an encoder",
      () => {
        const options = { seqLength: S, batchFirst: true, encoder: { beginComputePass() {} } as never };
        return jaxOps.at(indices, options);
      },
      TypeError,
      '"encoder" expected no encoder with arrays of jax-js, got one',
    ],
    [
      "an S of text",
      () => tokenRoutes(sampledIndices, "11" as never),
      TypeError,
      /^"seqLength" expected an integer/,
    ],
  ] as [string, () => unknown, typeof Error, string | RegExp][])("%s", (_, call, kind, message) => {
    expect(call).toThrow(kind);
    expect(call).toThrow(message);
  });
});

/** The adapter on jax-js's WebGPU backend: Dawn in Node over SwiftShader. There arrays are read asynchronously only. */
import { defaultDevice, init, jit, numpy as np, tree, valueAndGrad } from "@jax-js/jax";
import { beforeAll, describe, expect, test } from "vitest";
import { JaxLayer, jaxOps } from "../../src/adapters/jax.ts";
import {
  bertSampleTokens,
  type CPUTensor,
  convertToRandomLTD,
  type Kwargs,
  layerOf,
  type TensorData,
  tensor,
  tensorOps,
} from "../../src/index.ts";
import { dawn, whyNoDawn } from "../gpu/dawn.ts";
import { makeScheduler } from "../routing/settings.ts";
import { Block, causalMask, noise, squaredLoss } from "../routing/tiny.ts";
import { alongSuite, type TensorKind } from "../suites/along.ts";
import { routesSuite } from "../suites/routes.ts";
import { type BlockWeights, block } from "./jax-tiny.ts";

function toArray({ data, shape }: CPUTensor): np.Array {
  const values = data instanceof Float64Array ? Float32Array.from(data) : data;
  return np.array(values as Float32Array<ArrayBuffer>, { shape: [...shape] });
}

async function fromArray(t: np.Array): Promise<CPUTensor> {
  const { shape } = t;
  return tensor((await t.data()) as TensorData, shape);
}

async function start(): Promise<void> {
  const gpu = await dawn();
  Object.assign(globalThis, (await import("webgpu")).globals);
  // What jax-js asks of a browser.
  Object.defineProperty(globalThis, "navigator", { value: { gpu, userAgent: "node" }, configurable: true });
  expect(await init("webgpu")).toContain("webgpu");
  defaultDevice("webgpu");
}

const reason = whyNoDawn();
if (reason === undefined) {
  for (const ownIndices of [false, true]) {
    const kind: TensorKind<np.Array> = {
      name: `jax-js on WebGPU, indices ${ownIndices ? "in an array" : "on the CPU"}`,
      ops: jaxOps,
      open: start,
      put: toArray,
      get: fromArray,
      ownIndices,
      boundaries: true,
      looksInto: false,
      few: true,
    };
    alongSuite(kind);
    routesSuite(kind);
  }
}

describe.skipIf(reason !== undefined)(`jax-js on WebGPU${reason ? `, not here: ${reason}` : ""}`, () => {
  beforeAll(start);

  test("rows, tables and masks move as the library's own do", async () => {
    const [B, S, K, C] = [3, 11, 5, 4];
    const request = { reservedLength: K, seqLength: S, batchSize: B, seed: 3 };
    const indices = layerOf(bertSampleTokens(request).sampledIndices, 0);
    const makers = [
      (n: number) => Float32Array.from({ length: n }, (_, i) => Math.sin(i + 1)),
      (n: number) => Int32Array.from({ length: n }, (_, i) => i * 7 - 50),
      (n: number) => Uint32Array.from({ length: n }, (_, i) => 2 ** 32 - 1 - i),
    ];
    for (const given of [indices, toArray(indices)]) {
      const options = { seqLength: S, batchFirst: true, encoder: undefined };
      const [at, theirs] = [jaxOps.at(given, options), tensorOps.at(indices, options)];
      for (const maker of makers) {
        const make = (...shape: number[]) =>
          tensor(maker(shape.reduce((a, b) => a * b)) as TensorData, shape);
        const [states, part, table, mask] = [make(B, S, C), make(B, K, C), make(S, 2), make(1, 2, S, S)];
        const borrowed = toArray(states);
        expect(await fromArray(at.gather(borrowed))).toEqual(theirs.gather(states));
        expect(await fromArray(at.scatter(borrowed, toArray(part), false))).toEqual(
          theirs.scatter(states, part, false),
        );
        expect(await fromArray(at.gatherAlong(toArray(table), "seq_dim", "table"))).toEqual(
          theirs.gatherAlong(table, "seq_dim", "table"),
        );
        expect(await fromArray(at.gatherMask(toArray(mask), "mask"))).toEqual(
          theirs.gatherMask(mask, "mask"),
        );
        expect(await fromArray(at.sliceMask(toArray(mask), "mask", true))).toEqual(
          theirs.sliceMask(mask, "mask", false),
        );
      }
      at.release!();
      if (given instanceof np.Array) expect(given.refCount).toBe(1);
    }
  });

  test("a compiled transformer with RoPE, K from 4 over 8 to S: losses and gradients of the one by hand", async () => {
    const [B, S, C] = [2, 12, 4];
    const blocks = [1, 2, 3].map((i) => new Block(C, i));
    const settings = { ids: [1], layers: 3, min: 4, max: S, steps: 4, by: 4 };
    const scheduler = makeScheduler(settings);
    const along = { alongSequence: { rope: "seq_dim" } } as const;
    const layers = blocks.map(() => new JaxLayer(block));
    const stack = convertToRandomLTD(layers, scheduler, { ops: jaxOps, ...along });
    type Batch = { x: np.Array; y: np.Array; mask: np.Array; rope: np.Array; at: np.Array[] };
    const given = (at: np.Array[]) => (at.length ? { indicesOf: (ordinal: number) => at[ordinal] } : {});
    const lossOf = (out: np.Array, y: np.Array) => np.square(out.sub(y)).sum().mul(0.5);

    const byGathers = jit((weights: BlockWeights[], { x, y, mask, rope, at }: Batch) => {
      for (const [i, layer] of layers.entries()) layer.setWeights(weights[i]);
      const out = stack.forward(x, { attention_mask: mask, rope }, given(at));
      const gx = stack.backward(out.ref.sub(y.ref));
      tree.dispose(at);
      return [lossOf(out, y), gx, layers.map((layer) => layer.takeGrads())];
    });
    const differentiated = jit((weights: BlockWeights[], batch: Batch) => {
      const [loss, [grads, gx]] = valueAndGrad(
        (weights: BlockWeights[], x: np.Array, { y, mask, rope, at }: Omit<Batch, "x">) => {
          const plain = weights.map((w) => (h: np.Array, kwargs: Kwargs) => block(w, h, kwargs));
          const model = convertToRandomLTD(plain, scheduler, { ops: jaxOps, ...along });
          const out = model.forward(x, { attention_mask: mask, rope }, given(at));
          tree.dispose(at);
          return lossOf(out, y);
        },
        { argnums: [0, 1] },
      )(weights, batch.x, { y: batch.y, mask: batch.mask, rope: batch.rope, at: batch.at });
      return [loss, gx, grads];
    });

    const rope = tensor(noise(S, 9), [S]);
    const mask = causalMask(S);
    const lengths = [];
    for (const step of [0, 2, 4]) {
      scheduler.updateSeq(step);
      lengths.push(scheduler.getCurrentSeq());
      const [x, y] = [tensor(noise(B * S * C, step), [B, S, C]), noise(B * S * C, 20 + step)];
      const hand = convertToRandomLTD(blocks, scheduler, along);
      for (const b of blocks) b.zeroGrad();
      const { loss, grad } = squaredLoss(hand.forward(x, { attention_mask: mask, rope }), y);
      const wanted = [[loss], hand.backward(grad).data, ...blocks.flatMap((b) => Object.values(b.grads))];
      for (const run of [byGathers, differentiated] as (typeof byGathers)[]) {
        const weights = blocks.map((b) =>
          Object.fromEntries(
            Object.entries(b.weights).map(([name, data]) => [name, toArray(tensor(data, [C, C]))]),
          ),
        ) as BlockWeights[];
        const got = run(weights, {
          x: toArray(x),
          y: toArray(tensor(y, [B, S, C])),
          mask: toArray(mask),
          rope: toArray(rope),
          at: [...stack.sample(B, S).values()].map(toArray),
        }) as [np.Array, np.Array, BlockWeights[]];
        const values = [];
        for (const t of [got[0], got[1], ...got[2].flatMap((w) => Object.values(w))]) {
          values.push(await t.data());
        }
        expect(values.length).toBe(wanted.length);
        for (const [i, data] of values.entries()) {
          const largest = Math.max(1, ...wanted[i].map(Math.abs));
          const worst = Math.max(...[...data].map((value, j) => Math.abs(value - wanted[i][j])));
          // WGSL lets sin and cos be wrong by 2^-11. Seen: 2e-4 over SwiftShader, at K = S too; 7e-7 on "wasm".
          expect(worst / largest).toBeLessThan(2 ** -11);
        }
      }
    }
    expect(lengths).toEqual([4, 8, S]);
  });
});

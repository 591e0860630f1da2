/**
 * Two whole models through the wrapper, each against one written out by hand: a ViT with a class token whose RoPE table
 * leaves that out, and a GPT over rows of two packed documents each. The blocks' mathematics is that of tiny.ts in both;
 * which tokens there are, which angles they have and what they attend to is found in two ways.
 */
import { describe, expect, test } from "vitest";
import {
  type AlongSequence,
  type CPUTensor,
  convertToRandomLTD,
  type Kwargs,
  type LayerObject,
  type RandomLTDScheduler,
  tensor,
} from "../../src/index.ts";
import { plainSample } from "../suites/plain-sampling.ts";
import { makeScheduler } from "./settings.ts";
import { Block, noise } from "./tiny.ts";

const [B, C, L] = [2, 4, 4];
const NAMES = ["wq", "wk", "wv", "wo", "w1", "w2"] as const;

/** What a token is, wherever it stands: its angle, and the documents whose tokens it may attend to. */
interface Token {
  readonly angle: number;
  /** Attends to tokens of the same document, in a causal model only to earlier ones. */
  readonly document: number;
}

interface Model {
  readonly name: string;
  readonly seq: number;
  readonly causal: boolean;
  readonly keepPrefix: number;
  readonly tokens: readonly (readonly Token[])[];
  readonly kwargs: Kwargs;
  readonly alongSequence: Readonly<Record<string, AlongSequence>>;
  /** What the model's block makes of its arguments, for n tokens a row: angles [B,n] and a mask [B,1,n,n]. */
  arguments(kwargs: Kwargs, n: number): { rope: CPUTensor; attention_mask: CPUTensor | null };
}

/** 12 patches behind a class token, which RoPE doesn't turn: the table has rows for the patches alone. */
const PATCHES = noise(12, 3).map((x) => 2 * x);
const vit: Model = {
  name: "a ViT with a class token and a RoPE table without one",
  seq: 13,
  causal: false,
  keepPrefix: 1,
  tokens: Array.from({ length: B }, () => [
    { angle: 0, document: 0 },
    ...Array.from(PATCHES, (angle) => ({ angle, document: 0 })),
  ]),
  kwargs: { rope: tensor(PATCHES, [12]) },
  alongSequence: { rope: { seqAxis: 0, batchAxis: null, firstPosition: 1 } },
  arguments({ rope }, n) {
    const { data, shape } = rope as CPUTensor;
    const rows = shape.length === 2; // [B,n-1] where tokens are dropped, the table itself where not
    const angles = Float64Array.from({ length: B * n }, (_, i) => {
      const [b, k] = [Math.floor(i / n), i % n];
      return k === 0 ? 0 : data[(rows ? b * (n - 1) : 0) + k - 1];
    });
    return { rope: tensor(angles, [B, n]), attention_mask: null };
  },
};

/** Rows of 14 tokens: documents of 5 and 9 tokens, and of 11 and 3. */
const LENGTHS = [
  [5, 9],
  [11, 3],
];
const places = LENGTHS.map((row) =>
  row.flatMap((length, document) => Array.from({ length }, (_, position) => ({ document, position }))),
);
const angleOf = (position: number) => position / 3;
const gpt: Model = {
  name: "a packed GPT with two documents a row",
  seq: 14,
  causal: true,
  keepPrefix: 0,
  tokens: places.map((row) => row.map(({ document, position }) => ({ document, angle: angleOf(position) }))),
  kwargs: {
    position_ids: tensor(
      Int32Array.from(places.flat(), ({ position }) => position),
      [B, 14],
    ),
    cu_seqlens: tensor(Int32Array.from(LENGTHS.flatMap(([first, second]) => [0, first, first + second])), [
      B,
      3,
    ]),
  },
  alongSequence: { position_ids: "batch_seq_dim", cu_seqlens: "boundaries" },
  arguments({ position_ids, cu_seqlens }, n) {
    const [positions, ends] = [position_ids as CPUTensor, cu_seqlens as CPUTensor];
    const mask = new Float64Array(B * n * n).fill(-1e9);
    for (let b = 0; b < B; b++) {
      const [, middle, last] = ends.data.subarray(b * 3, b * 3 + 3);
      expect([ends.data[b * 3], last]).toEqual([0, n]);
      for (const [from, to] of [
        [0, middle],
        [middle, last],
      ]) {
        for (let i = from; i < to; i++) mask.fill(0, (b * n + i) * n + from, (b * n + i) * n + i + 1);
      }
    }
    return {
      rope: tensor(Float64Array.from(positions.data, angleOf), [B, n]),
      attention_mask: tensor(mask, [B, 1, n, n]),
    };
  },
};

/** The block under the model's own arguments. */
function layerOf(block: Block, model: Model): LayerObject<CPUTensor, CPUTensor> {
  return {
    forward: (h, kwargs) => block.forward(h, { ...model.arguments(kwargs, h.shape[1]) }),
    backward: (g) => block.backward(g as CPUTensor),
  };
}

const blocksOf = () => Array.from({ length: L }, (_, i) => new Block(C, i + 1));
const half = (out: Float64Array, goal: Float64Array) =>
  out.reduce((sum, x, i) => sum + (x - goal[i]) ** 2 / 2, 0);

/** A step through the wrapper: the loss, the gradient of x; those of the weights are left in the blocks. */
function byWrapper(
  model: Model,
  blocks: Block[],
  scheduler: RandomLTDScheduler,
  x: Float64Array,
  goal: Float64Array,
) {
  const { alongSequence, keepPrefix } = model;
  for (const block of blocks) block.zeroGrad();
  const layers = blocks.map((block) => layerOf(block, model));
  const stack = convertToRandomLTD<CPUTensor, CPUTensor>(layers, scheduler, { alongSequence, keepPrefix });
  const out = stack.forward(tensor(x, [B, model.seq, C]), model.kwargs);
  const grad = (out.data as Float64Array).map((y, i) => y - goal[i]);
  const dx = stack.backward(tensor(grad, out.shape)).data as Float64Array;
  return { loss: half(out.data as Float64Array, goal), dx };
}

/** The same row by row and token by token: nothing of the wrapper's, of gather or of scatter is in it. */
function byHand(
  model: Model,
  blocks: Block[],
  step: number,
  kept: number,
  x: Float64Array,
  goal: Float64Array,
) {
  const { seq, tokens, causal, keepPrefix } = model;
  for (const block of blocks) block.zeroGrad();
  const drawn = plainSample({
    reservedLength: kept,
    seqLength: seq,
    batchSize: B,
    layers: 2,
    seed: 11,
    step,
    keepPrefix,
  });
  const h = x.slice();
  const rowsOf = (b: number, i: number): number[] =>
    i === 1 || i === 2
      ? [...drawn.subarray(((i - 1) * B + b) * kept, ((i - 1) * B + b + 1) * kept)]
      : Array.from({ length: seq }, (_, s) => s);
  const some = (from: Float64Array, b: number, at: number[]) =>
    tensor(
      Float64Array.from(at.flatMap((s) => [...from.subarray((b * seq + s) * C, (b * seq + s + 1) * C)])),
      [1, at.length, C],
    );
  const put = (to: Float64Array, b: number, at: number[], part: CPUTensor) => {
    for (const [k, s] of at.entries()) to.set(part.data.subarray(k * C, (k + 1) * C), (b * seq + s) * C);
  };
  const run = (block: Block, b: number, at: number[], from: Float64Array) => {
    const mine = at.map((s) => tokens[b][s]);
    const mask = mine.flatMap((query, i) =>
      mine.map((key, j) => (query.document === key.document && (!causal || j <= i) ? 0 : -1e9)),
    );
    const n = at.length;
    return block.forward(some(from, b, at), {
      rope: tensor(
        Float64Array.from(mine, ({ angle }) => angle),
        [1, n],
      ),
      attention_mask: tensor(Float64Array.from(mask), [1, 1, n, n]),
    });
  };
  const before: Float64Array[] = [];
  for (const [i, block] of blocks.entries()) {
    before.push(h.slice());
    for (let b = 0; b < B; b++) put(h, b, rowsOf(b, i), run(block, b, rowsOf(b, i), h));
  }
  const dx = h.map((y, i) => y - goal[i]);
  for (let i = L - 1; i >= 0; i--) {
    for (let b = 0; b < B; b++) {
      run(blocks[i], b, rowsOf(b, i), before[i]); // what its backward needs
      put(dx, b, rowsOf(b, i), blocks[i].backward(some(dx, b, rowsOf(b, i))));
    }
  }
  return { loss: half(h, goal), dx };
}

describe.each([vit, gpt])("$name", (model) => {
  const { seq } = model;
  const input = (step: number) => noise(B * seq * C, 40 + step);
  const goal = noise(B * seq * C, 90);
  const schedulerOf = () =>
    makeScheduler({ ids: [1, 2], layers: L, min: 5, max: seq, steps: 4, by: 2, model_mask_name: null });
  const gradsOf = (blocks: Block[]) =>
    blocks.flatMap(({ grads }) => NAMES.flatMap((name) => [...grads[name]]));
  const expectClose = (got: ArrayLike<number>, wanted: ArrayLike<number>) => {
    expect(got.length).toBe(wanted.length);
    const far = Array.from(got, (x, i) => Math.abs(x - wanted[i]) / (1 + Math.abs(wanted[i])));
    expect(Math.max(...far)).toBeLessThan(1e-11);
  };

  test("trains to the losses and gradients of the model by hand, K growing to S", () => {
    const [ours, theirs] = [blocksOf(), blocksOf()];
    const scheduler = schedulerOf();
    const lengths = new Set<number>();
    for (let step = 0; step < 6; step++) {
      scheduler.updateSeq(step);
      lengths.add(scheduler.getCurrentSeq());
      const a = byWrapper(model, ours, scheduler, input(step), goal);
      const b = byHand(model, theirs, step, scheduler.getCurrentSeq(), input(step), goal);
      expectClose([a.loss], [b.loss]);
      expectClose(a.dx, b.dx);
      expectClose(gradsOf(ours), gradsOf(theirs));
      for (const block of [...ours, ...theirs]) block.step(0.01);
    }
    expect(lengths.size).toBeGreaterThan(2);
    expect(lengths).toContain(seq);
  });

  test("gradients are central differences", () => {
    const blocks = blocksOf();
    const scheduler = schedulerOf();
    const x = input(0);
    const { dx } = byWrapper(model, blocks, scheduler, x, goal);
    const grads = blocks.map((block) => ({
      ...block.grads,
      wq: block.grads.wq.slice(),
      w2: block.grads.w2.slice(),
    }));
    const numeric = (memory: Float64Array, i: number) => {
      const own = memory[i];
      const [above, below] = [1e-5, -1e-5].map((by) => {
        memory[i] = own + by;
        return byWrapper(model, blocks, scheduler, x, goal).loss;
      });
      memory[i] = own;
      return (above - below) / 2e-5;
    };
    for (let i = 0; i < x.length; i += 7) expect(dx[i]).toBeCloseTo(numeric(x, i), 6);
    for (const [n, { weights }] of blocks.entries()) {
      for (const name of ["wq", "w2"] as const) {
        expect(grads[n][name][5]).toBeCloseTo(numeric(weights[name], 5), 6);
      }
    }
  });

  test("a control: other arguments at the retained tokens would show", () => {
    const blocks = blocksOf();
    const right = byWrapper(model, blocks, schedulerOf(), input(0), goal);
    const wrong: Model = {
      ...model,
      arguments(kwargs, n) {
        const { rope, attention_mask } = model.arguments(kwargs, n);
        return {
          rope: tensor(
            rope.data.map((_, i) => (i % n) / 3),
            rope.shape,
          ),
          attention_mask,
        };
      },
    };
    expect(
      Math.abs(byWrapper(wrong, blocks, schedulerOf(), input(0), goal).loss - right.loss),
    ).toBeGreaterThan(1e-6);
  });
});

/** How many tokens go through a layer where that is not the schedule's to say, on every kind of tensors. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type CPUTensor,
  convertToRandomLTD,
  type DropRatio,
  type ForwardOptions,
  type SampleOptions,
  tensor,
} from "../../src/index.ts";
import { makeScheduler } from "../routing/settings.ts";
import type { TensorKind } from "./along.ts";
import { plainSample } from "./plain-sampling.ts";

const [B, S, K, C, STEP] = [3, 11, 5, 2, 2];
const numbers = (n: number, first: number) => Float32Array.from({ length: n }, (_, i) => first + i);

/** Four layers, the first of which sees all tokens, the next two a route, the last the schedule's K. */
export function routesSuite<T>(kind: TensorKind<T>): void {
  const { ops, put, get } = kind;

  /** Tokens in [B,n,C], each element a number of its own. */
  const states = (n: number, first: number) => tensor(numbers(B * n * C, first), [B, n, C]);

  /** A step: layer i answers with numbers from 1000 (i + 1) on, its backward with those negated, but for the first's. */
  async function run(options: { dropRatio?: DropRatio; raiseToKept?: boolean }, keepMask?: CPUTensor) {
    const seen: number[] = [];
    const answer = (t: T, sign: number, i: number) => {
      const n = ops.shapeOf(t)[1];
      ops.dispose?.(t);
      const { data, shape } = states(n, 1000 * (i + 1));
      return put(
        tensor(
          (data as Float32Array).map((x) => sign * x),
          shape,
        ),
      );
    };
    const layers = [0, 1, 2, 3].map((i) => ({
      forward(h: T) {
        seen[i] = ops.shapeOf(h)[1];
        return answer(h, 1, i);
      },
      backward: (g: unknown) => (i === 0 ? (g as T) : answer(g as T, -1, i)),
    }));
    const scheduler = makeScheduler({ ids: [1, 2, 3], min: K, max: S, model_mask_name: null });
    scheduler.updateSeq(STEP);
    const { dropRatio, ...more } = options;
    const stack = convertToRandomLTD<T, T>(layers, scheduler, {
      ops,
      routes: [{ layers: [1, 2], dropRatio }],
      ...more,
    });
    const call: ForwardOptions = { keepMask };
    if (kind.ownIndices) {
      const drawn = new Map<number, T>();
      for (const [ordinal, indices] of stack.sample(B, S, call)) drawn.set(ordinal, put(indices));
      call.indicesOf = (ordinal) => drawn.get(ordinal);
    }
    const out = await get(stack.forward(put(states(S, 1)), {}, call));
    const grad = await get(stack.backward(put(states(S, 1))));
    return { seen, out, grad, tokens: stack.layerTokens(B, S, { keepMask }) };
  }

  /** `to` with the retained rows of a layer replaced by what it answers. */
  function replace(
    to: Float32Array,
    ordinal: number,
    reservedLength: number,
    sign: number,
    i: number,
    keepMask?: CPUTensor,
  ) {
    const options: SampleOptions = {
      reservedLength,
      seqLength: S,
      batchSize: B,
      seed: 11,
      step: STEP,
      keepMask,
    };
    const drawn = plainSample({ ...options, layerOffset: ordinal });
    drawn.forEach((s, n) => {
      const row = Math.floor(n / reservedLength) * S + s;
      for (let c = 0; c < C; c++) to[row * C + c] = sign * (1000 * (i + 1) + n * C + c);
    });
  }

  function expectStep(
    got: Awaited<ReturnType<typeof run>>,
    ofRoute: number,
    ofLast: number,
    keepMask?: CPUTensor,
  ) {
    expect(got.seen).toEqual([S, ofRoute, ofRoute, ofLast]);
    expect(got.tokens).toBe(B * (S + 2 * ofRoute + ofLast));
    const out = numbers(B * S * C, 1000); // of the first layer, which sees all
    replace(out, 0, ofRoute, 1, 2, keepMask);
    replace(out, 2, ofLast, 1, 3, keepMask);
    expect([...got.out.data]).toEqual([...out]);
    const grad = numbers(B * S * C, 1);
    replace(grad, 2, ofLast, -1, 3, keepMask);
    replace(grad, 0, ofRoute, -1, 1, keepMask);
    expect([...got.grad.data]).toEqual([...grad]);
  }

  describe(`routes of their own length: ${kind.name}`, () => {
    beforeAll(async () => kind.open?.());
    afterAll(async () => kind.close?.());

    test("a ratio, and a function of the step", async () => {
      expectStep(await run({ dropRatio: 0.4 }), 7, K);
      expectStep(await run({ dropRatio: (step) => 0.4 + step / 10 }), 4, K);
    });

    test("raiseToKept: the row that keeps the most decides for all", async () => {
      const keeping = (...counts: number[]) =>
        tensor(
          Uint8Array.from({ length: B * S }, (_, i) => (i % S < counts[Math.floor(i / S)] ? 1 : 0)),
          [B, S],
        );
      const keepMask = keeping(2, 8, 1);
      expectStep(await run({ raiseToKept: true }, keepMask), 8, 8, keepMask);
      expectStep(await run({ raiseToKept: true, dropRatio: 0.1 }, keepMask), 10, 8, keepMask);
      const few = keeping(2, 4, 1);
      expectStep(await run({ raiseToKept: true }, few), K, K, few);
    });
  });
}

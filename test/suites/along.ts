/** What runs along the sequence, through the wrapper, in every layout, held element by element to what the layout says. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type AlongSequence,
  type CPUTensor,
  type FrameworkOps,
  type Kwargs,
  RandomLayerTokenDrop,
  tensor,
} from "../../src/index.ts";
import { makeScheduler } from "../routing/settings.ts";
import { AXES, BOUNDARIES, count, FEW, floats, ints, plainAlong, ROWS, SIZES } from "./along-layouts.ts";

/** A kind of tensors: what the suite takes as its parameter. */
export interface TensorKind<T> {
  readonly name: string;
  readonly ops: FrameworkOps<T>;
  open?(): Promise<void>;
  close?(): Promise<void>;
  /** A tensor of this kind: float32, int32 or uint8. */
  put(t: CPUTensor): T;
  /** What it holds. A suite reads a result once. */
  get(t: T): Promise<CPUTensor>;
  /** Whether indices are handed in as tensors of this kind. Nothing of the kind's own is counted by them. */
  readonly ownIndices?: boolean;
  /** Whether boundaries can be counted by the indices at hand, and whether what they hold is looked into. */
  readonly boundaries: boolean;
  readonly looksInto: boolean;
  /** One shape of each layout, for where every operation on another shape is compiled. */
  readonly few?: boolean;
  /** The gradient of the sum of `weights` times what `take` gives for `value`, where the kind has gradients. */
  gradient?(take: (value: T) => T, value: CPUTensor, weights: CPUTensor): Promise<CPUTensor>;
}

const [B, S, K, C] = SIZES;

/** The suite for one kind of tensors. */
export function alongSuite<T>(kind: TensorKind<T>): void {
  const { ops, put, get } = kind;

  describe(`what runs along the sequence: ${kind.name}`, () => {
    beforeAll(async () => kind.open?.());
    afterAll(async () => kind.close?.());

    /** What a wrapped layer gets as its arguments, and what it retains. */
    function run(
      alongSequence: Readonly<Record<string, AlongSequence>>,
      kwargs: Kwargs,
      { batchFirst = true, keepPrefix = 2, mask = false, maskMode = undefined as "auto" | undefined } = {},
    ) {
      let seen: Kwargs = {};
      const layer = (h: T, got: Kwargs) => {
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
      const wrapped = new RandomLayerTokenDrop<T, T>(layer, scheduler, 1, {
        ops,
        alongSequence,
        keepPrefix,
        maskMode,
      });
      const drawn = wrapped.sample(B, S)!;
      const hidden = put(floats(batchFirst ? [B, S, C] : [S, B, C]));
      const given = kind.ownIndices ? put(drawn) : undefined;
      wrapped.forward(hidden, kwargs, given ? { indicesOf: () => given } : {});
      return { seen, position: (b: number, k: number) => drawn.data[b * K + k] };
    }

    async function holds(layout: AlongSequence, value: CPUTensor, batchFirst: boolean): Promise<void> {
      const { seen, position } = run({ value: layout }, { value: put(value) }, { batchFirst });
      const got = await get(seen.value as T);
      const expected = plainAlong(value, layout, position, batchFirst);
      expect(got.shape).toEqual(expected.shape);
      expect([...got.data]).toEqual([...expected.data]);
      expect(got.dtype).toBe(expected.dtype);
    }

    test.each(kind.few ? FEW : [...ROWS, ...AXES])("%j of [%s]", async (layout, shape) => {
      for (const batchFirst of kind.few ? [true] : [true, false]) {
        await holds(layout, ints(shape), batchFirst);
        await holds(layout, floats(shape), batchFirst);
      }
    });

    const differentiated = kind.gradient ? [...ROWS, ...AXES] : [];
    test.each(differentiated)("the gradient of %j of [%s]: each row's, added up", async (layout, shape) => {
      const value = floats(shape);
      let position = (_b: number, _k: number) => 0;
      const take = (t: T) => {
        const ran = run({ value: layout }, { value: t });
        position = ran.position;
        return ran.seen.value as T;
      };
      const plain = () => plainAlong(ints(shape, 0), layout, position, true);
      position = run({}, {}).position;
      const weights = tensor(
        Float32Array.from(plain().data, (_, i) => 1 + (i % 7)),
        plain().shape,
      );
      const expected = new Float32Array(count(shape));
      plain().data.forEach((from, i) => {
        expected[from] += weights.data[i];
      });
      const got = await kind.gradient!(take, value, weights);
      expect(got.shape).toEqual(shape);
      expect([...got.data]).toEqual([...expected]);
    });

    test("outputs: a stream beside the tokens goes on, one along them is put back among those that passed by", async () => {
      const scheduler = makeScheduler({ ids: [1, 2], min: K, max: S, model_mask_name: null });
      const [text, rows] = [() => put(floats([B, 3, C])), () => put(ints([B, K, 2], 900))];
      const layer = (h: T) => [text(), h, rows()];
      const wrapped = new RandomLayerTokenDrop<T>(layer, scheduler, 1, {
        ops,
        outputs: ["text", "hiddenStates", "residual"],
        alongSequence: ["residual"],
      });
      const drawn = wrapped.sample(B, S)!;
      const given = kind.ownIndices ? put(drawn) : undefined;
      const kwargs = { text: text(), residual: put(ints([B, S, 2])) };
      const out = wrapped.forward(put(floats([B, S, C])), kwargs, given ? { indicesOf: () => given } : {});
      const [one, two, three] = await Promise.all((out as T[]).map(get));
      expect(one).toEqual(floats([B, 3, C]));
      expect(two).toEqual(floats([B, S, C]));
      const expected = ints([B, S, 2]).data;
      drawn.data.forEach((s, i) => {
        const at = (Math.floor(i / K) * S + s) * 2;
        [expected[at], expected[at + 1]] = [900 + 2 * i, 901 + 2 * i];
      });
      expect([...three.data]).toEqual([...expected]);
    });

    const counted = kind.boundaries ? test : test.skip;
    counted.each(kind.few ? BOUNDARIES.slice(-1) : BOUNDARIES)(
      "boundaries %j of shape [%s]",
      async (ends, shape) => {
        await holds("boundaries", tensor(Int32Array.from(ends), shape), true);
      },
    );

    test("boundaries: what is refused", () => {
      const bounds = (ends: readonly number[], shape = [ends.length]) => {
        return () => run({ value: "boundaries" }, { value: put(tensor(Int32Array.from(ends), shape)) });
      };
      if (!kind.boundaries) {
        expect(bounds([0, S])).toThrow(TypeError);
        expect(bounds([0, S])).toThrow('"value" expected indices on the CPU beside boundaries');
        return;
      }
      expect(bounds([0])).toThrow(RangeError);
      expect(bounds([0, S, 0, S], [2, 2])).toThrow('"value" expected shape [n+1] or [B,n+1] with B 3');
      const floating = () => run({ value: "boundaries" }, { value: put(tensor(new Float32Array(2), [2])) });
      expect(floating).toThrow(TypeError);
      expect(floating).toThrow('"value" expected');
      if (!kind.looksInto) return;
      for (const [ends, got] of [
        [[1, S], "1 at [0]"],
        [[0, S - 1], "10 at [1]"],
        [[0, S + 1], "12 at [1]"],
        [[0, 5, 4, S], "4 at [2]"],
        [[0, -1, S], "-1 at [1]"],
      ] as const) {
        expect(bounds(ends)).toThrow(RangeError);
        expect(bounds(ends)).toThrow(`"value" expected boundaries that ascend from 0 to 11, got ${got}`);
      }
      expect(bounds([0, 5, S, 0, 7, S, 0, 9, 8], [3, 3])).toThrow("got 8 at [2,2]");
    });

    test("arrays and plain objects of tensors, nested; null stays", async () => {
      const rope = () => ({
        cos: put(ints([S, 2], 5)),
        all: [put(ints([S], 9)), null, { sin: put(ints([S, 2])) }],
      });
      const { seen, position } = run({ rope: "seq_dim", none: "seq_dim" }, { rope: rope(), none: null });
      const { cos, all } = seen.rope as { cos: T; all: [T, null, { sin: T }] };
      expect(seen.none).toBe(null);
      expect(all[1]).toBe(null);
      expect(await get(cos)).toEqual(plainAlong(ints([S, 2], 5), "seq_dim", position, true));
      expect(await get(all[0])).toEqual(plainAlong(ints([S], 9), "seq_dim", position, true));
      expect(await get(all[2].sin)).toEqual(plainAlong(ints([S, 2]), "seq_dim", position, true));
    });

    test("what nothing names and runs along the sequence is refused, nested too", () => {
      const named = { cos: put(ints([S, 2])) };
      for (const [kwargs, where] of [
        [{ value: put(ints([B, S])) }, "[3,11]"],
        [{ value: named }, "[11,2] at value.cos"],
        [{ value: [7, [put(ints([1, 1, S, S]))]] }, "[1,1,11,11] at value[1][0]"],
      ] as const) {
        expect(() => run({}, kwargs)).toThrow(RangeError);
        expect(() => run({}, kwargs)).toThrow('"value" expected to be named in alongSequence');
        expect(() => run({}, kwargs)).toThrow(`got ${where}`);
      }
      const { seen } = run({ value: "unchanged" }, { value: named });
      expect(seen.value).toBe(named);
    });

    test('a mask by "auto": its corner where that is known to be right, gathered everywhere else', async () => {
      const causal = tensor(
        Float32Array.from({ length: S * S }, (_, i) => (i % S > Math.floor(i / S) ? -9 : 0)),
        [1, 1, S, S],
      );
      for (const maskMode of ["auto", undefined] as const) {
        const options = { mask: true, maskMode };
        const known = await get(run({}, { attention_mask: put(causal) }, options).seen.attention_mask as T);
        expect(known.shape).toEqual([kind.looksInto ? 1 : B, 1, K, K]);
        const corner = Array.from({ length: K * K }, (_, i) => (i % K > Math.floor(i / K) ? -9 : 0));
        expect([...known.data.slice(0, K * K)]).toEqual(corner);
        const other = floats([B, 2, S, S]);
        const { seen, position } = run({}, { attention_mask: put(other) }, options);
        expect(await get(seen.attention_mask as T)).toEqual(plainAlong(other, "mask", position, true));
      }
    });
  });
}

/** The layouts of what runs along the sequence: what a layer gets of each, element by element, and shapes to try. */
import { type AlongSequence, type AxesLayout, type CPUTensor, tensor } from "../../src/index.ts";

/** Rows, tokens, retained tokens and channels of the hidden states. */
export const SIZES = [3, 11, 5, 2] as const;
const [B, S, K] = SIZES;

export const count = (shape: readonly number[]): number => shape.reduce((n, length) => n * length, 1);
/** Numbers counted from `first`. */
export const ints = (shape: readonly number[], first = 1): CPUTensor =>
  tensor(
    Int32Array.from({ length: count(shape) }, (_, i) => first + i),
    shape,
  );
/** Numbers by quarters. */
export const floats = (shape: readonly number[]): CPUTensor =>
  tensor(
    Float32Array.from({ length: count(shape) }, (_, i) => 1 + i / 4),
    shape,
  );

/** The tensor of `shape` whose element at each place is the one of `t` at `from(place)`. */
function build(t: CPUTensor, shape: readonly number[], from: (place: number[]) => number[]): CPUTensor {
  const data = t.data.slice(0, 0).constructor as unknown as { new (n: number): CPUTensor["data"] };
  const out = new data(count(shape));
  for (let i = 0; i < out.length; i++) {
    const place: number[] = [];
    for (let axis = shape.length - 1, left = i; axis >= 0; axis--) {
      place.unshift(left % shape[axis]);
      left = Math.floor(left / shape[axis]);
    }
    out[i] = t.data[from(place).reduce((at, index, axis) => at * t.shape[axis] + index, 0)];
  }
  return tensor(out, shape, t.dtype);
}

/** What a layer gets instead of `t` where it retains `position(b, k)`. */
export function plainAlong(
  t: CPUTensor,
  layout: AlongSequence,
  position: (b: number, k: number) => number,
  batchFirst: boolean,
  [batch, kept]: readonly [number, number] = [B, K],
): CPUTensor {
  const { shape } = t;
  const axes = (seqAxis: number, batchAxis: number | null, firstPosition = 0, newAxis = 0) => {
    const few = kept - firstPosition;
    const cut = shape.map((n, axis) => (axis === seqAxis ? few : axis === batchAxis ? batch : n));
    const at = (own: number[], b: number) =>
      own.map((index, axis) => {
        if (axis === seqAxis) return position(b, firstPosition + index) - firstPosition;
        return axis === batchAxis && shape[axis] === 1 ? 0 : index;
      });
    if (batchAxis !== null) return build(t, cut, (place) => at(place, place[batchAxis]));
    return build(t, cut.toSpliced(newAxis, 0, batch), (place) =>
      at(place.toSpliced(newAxis, 1), place[newAxis]),
    );
  };
  switch (layout) {
    case "batch_seq_dim":
      return axes(1, 0);
    case "seq_batch_dim":
      return axes(0, 1);
    case "seq_dim":
      return axes(0, null, 0, batchFirst ? 0 : 1);
    case "mask_rows":
      return axes(2, 0);
    case "mask":
      return build(t, [batch, shape[1], shape[2] === 1 ? 1 : kept, kept], ([b, h, i, j]) => [
        shape[0] === 1 ? 0 : b,
        h,
        shape[2] === 1 ? 0 : position(b, i),
        position(b, j),
      ]);
    case "boundaries": {
      const ends = shape.at(-1)!;
      const out = new Int32Array(batch * ends).map((_, i) => {
        const [b, n] = [Math.floor(i / ends), i % ends];
        const end = t.data[shape.length === 2 && shape[0] > 1 ? i : n];
        return Array.from({ length: kept }, (_, k) => position(b, k)).filter((s) => s < end).length;
      });
      return tensor(out, [batch, ends]);
    }
    case "unchanged":
      return t;
    default:
      return axes(layout.seqAxis, layout.batchAxis, layout.firstPosition);
  }
}

export const ROWS: readonly (readonly [AlongSequence, readonly number[]])[] = [
  ["batch_seq_dim", [B, S]],
  ["batch_seq_dim", [1, S, 2, 3]],
  ["seq_batch_dim", [S, B, 3]],
  ["seq_batch_dim", [S, 1]],
  ["seq_dim", [S]],
  ["seq_dim", [S, 4]],
  ["mask", [B, 2, S, S]],
  ["mask", [1, 2, S, S]],
  ["mask", [B, 1, 1, S]],
  ["mask", [1, 1, 1, S]],
  ["mask_rows", [B, 2, S, 4]],
  ["mask_rows", [1, 2, S, 4]],
  ["mask_rows", [B, 1, S, S]],
];

export const AXES: readonly (readonly [AxesLayout, readonly number[]])[] = [
  [{ seqAxis: 1, batchAxis: 0 }, [B, S, 2]],
  [{ seqAxis: 2, batchAxis: 1 }, [3, B, S]], // the three axes of Qwen's positions
  [{ seqAxis: 2, batchAxis: 1 }, [3, 1, S, 4]],
  [{ seqAxis: 2, batchAxis: 0 }, [1, 1, S, 4]],
  [{ seqAxis: 2, batchAxis: 0 }, [B, 2, S, 4]], // heads
  [{ seqAxis: 2, batchAxis: null }, [1, 1, S, 4]],
  [{ seqAxis: 1, batchAxis: null }, [2, S]],
  [{ seqAxis: 0, batchAxis: null }, [S, 3]],
  [{ seqAxis: 0, batchAxis: 1 }, [S, 1, 1, 4]], // Megatron's rotary table
  [{ seqAxis: 0, batchAxis: 2 }, [S, 2, B, 3]],
  [{ seqAxis: 0, batchAxis: 2 }, [S, 2, 1]],
  [{ seqAxis: 1, batchAxis: 3 }, [2, S, 2, B]],
  [{ seqAxis: 1, batchAxis: 3 }, [2, S, 2, 1, 2]],
  [{ seqAxis: 3, batchAxis: 1 }, [2, B, 2, S, 2]],
  [{ seqAxis: 3, batchAxis: 1 }, [2, 1, 2, S]],
  [{ seqAxis: 0, batchAxis: null, firstPosition: 1 }, [S - 1, 4]],
  [{ seqAxis: 1, batchAxis: 0, firstPosition: 2 }, [B, S - 2]],
  [{ seqAxis: 1, batchAxis: 0, firstPosition: 2 }, [1, S - 2, 3]],
  [{ seqAxis: 2, batchAxis: 1, firstPosition: 1 }, [2, B, S - 1]],
  [{ seqAxis: 0, batchAxis: 1, firstPosition: 2 }, [S - 2, 1, 1, 2]],
  [{ seqAxis: 1, batchAxis: 3, firstPosition: 1 }, [2, S - 1, 2, B]],
];

/** One of each by name, and of those by dimensions: with a batch, without one, rotary and behind a prefix. */
export const FEW: readonly (readonly [AlongSequence, readonly number[]])[] = [
  ...ROWS.filter(([layout], i) => ROWS.findIndex(([first]) => first === layout) === i),
  ...AXES.filter((_, i) => [1, 5, 8, 15, 20].includes(i)),
];

export const BOUNDARIES = [
  [[0, S], [2]],
  [[0, 4, 7, S], [4]],
  [[0, 0, 4, 4, S, S], [6]], // documents without a token
  [[0, 1, 2, 3, 4, 5, 5, 5, 6, 7, 8, 9, 10, S, S], [15]], // more ends than tokens
  [
    [0, 4, 7, S],
    [1, 4],
  ],
  [
    [0, 4, 7, S, 0, 1, 9, S, 0, 5, 5, S],
    [B, 4],
  ],
] as const;

/** Rows of tokens by plain TF.js operations, for backends that are not known here: gathers of whole rows throughout. */
import {
  add,
  concat,
  fill,
  gather,
  greater,
  mul,
  range,
  reshape,
  scatterND,
  sub,
  type Tensor,
  tidy,
  where,
  zeros,
} from "@tensorflow/tfjs-core";
import type { RowKernels } from "./backend.ts";
import { type Geometry, sizeOf } from "./geometry.ts";

const numbers = (n: number) => range(0, n, 1, "int32");
const times = (x: Tensor, n: number) => mul(x, fill([1], n, "int32"));

/** The rows among all, flat, of the rows of part, in their order: `[B,G,K]`, or `[K,B]`. */
function sources(indices: Tensor, g: Geometry): Tensor {
  const { batch, groups, seq, retained, batchFirst, shared } = g;
  if (batchFirst) {
    const first = times(numbers(shared ? groups : batch * groups), seq);
    return add(reshape(indices, [batch, 1, retained]), reshape(first, [shared ? 1 : batch, groups, 1]));
  }
  // Not by a transpose: not every backend has that for integers.
  const places = add(
    reshape(numbers(retained), [retained, 1]),
    reshape(times(numbers(batch), retained), [1, batch]),
  );
  const positions = gather(reshape(indices, [batch * retained]), places, 0);
  return shared ? positions : add(times(positions, batch), reshape(numbers(batch), [1, batch]));
}

/** For each row among all, `other[row]`, or where it is retained `first` and its row in part. */
function choices(indices: Tensor, g: Geometry, other: (n: number) => Tensor, first: number): Tensor {
  const n = g.batch * g.groups * g.seq;
  const retained = g.batch * g.groups * g.retained;
  const at = reshape(sources(indices, g), [retained, 1]);
  const named = scatterND(at, range(1, retained + 1, 1, "int32"), [n]); // 0 where it is not retained
  const inPart = add(sub(named, fill([1], 1, "int32")), fill([1], first, "int32"));
  return where(greater(named, fill([n], 0, "int32")), inPart, other(n));
}

const rowsOf = (x: Tensor, g: Geometry) => reshape(x, [sizeOf(x.shape) / g.row, g.row]);

export const fallbackRows: RowKernels = {
  gather: (_, all, indices, _map, g) =>
    tidy(() => {
      const at = reshape(sources(indices as Tensor, g), [g.batch * g.groups * g.retained]);
      return reshape(gather(rowsOf(all as Tensor, g), at, 0), g.partShape);
    }),

  scatter: (_, base, part, indices, _map, g) =>
    tidy(() => {
      const retained = rowsOf(part as Tensor, g);
      const others = base ? rowsOf(base as Tensor, g) : zeros([1, g.row], part.dtype);
      const other = base ? numbers : (n: number) => fill([n], 0, "int32");
      const at = choices(indices as Tensor, g, other, others.shape[0]);
      return reshape(gather(concat([others, retained], 0), at, 0), g.allShape);
    }),

  zeroRows: (_, base, indices, _map, g) =>
    tidy(() => {
      const rows = rowsOf(base as Tensor, g);
      const named = choices(indices as Tensor, g, (n) => fill([n], -1, "int32"), 0);
      const n = rows.shape[0];
      const at = where(greater(named, fill([n], -1, "int32")), fill([n], n, "int32"), numbers(n));
      return reshape(gather(concat([rows, zeros([1, g.row], base.dtype)], 0), at, 0), g.allShape);
    }),
};

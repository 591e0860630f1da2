/** What the operations are to give, by loops over bytes: written from the contract, not from any backend. */

/** A tensor of tokens `[B,S,C]`, or `[S,B,C]`, as bytes: `rowBytes` are those of C elements. */
export interface TokenSizes {
  readonly batch: number;
  readonly seq: number;
  readonly kept: number;
  readonly rowBytes: number;
  readonly batchFirst: boolean;
}

/** Calls `visit` with where each retained row begins among all and among the retained. */
function eachRow(
  z: TokenSizes,
  indices: ArrayLike<number>,
  visit: (all: number, part: number) => void,
): void {
  for (let b = 0; b < z.batch; b++) {
    for (let k = 0; k < z.kept; k++) {
      const s = indices[b * z.kept + k];
      const all = z.batchFirst ? b * z.seq + s : s * z.batch + b;
      const part = z.batchFirst ? b * z.kept + k : k * z.batch + b;
      visit(all * z.rowBytes, part * z.rowBytes);
    }
  }
}

/** out[b,k,c] = x[b,indices[b,k],c] */
export function plainGather(z: TokenSizes, x: Uint8Array, indices: ArrayLike<number>): Uint8Array {
  const out = new Uint8Array(z.batch * z.kept * z.rowBytes);
  eachRow(z, indices, (all, part) => {
    for (let c = 0; c < z.rowBytes; c++) out[part + c] = x[all + c];
  });
  return out;
}

/** out[b,indices[b,k],c] = part[b,k,c], and elsewhere out = all */
export function plainScatter(
  z: TokenSizes,
  all: Uint8Array,
  part: Uint8Array,
  indices: ArrayLike<number>,
): Uint8Array {
  const out = all.slice();
  eachRow(z, indices, (to, from) => {
    for (let c = 0; c < z.rowBytes; c++) out[to + c] = part[from + c];
  });
  return out;
}

/** Zeros, with the rows of `part` put in. */
export function plainScatterZeros(z: TokenSizes, part: Uint8Array, indices: ArrayLike<number>): Uint8Array {
  return plainScatter(z, new Uint8Array(z.batch * z.seq * z.rowBytes), part, indices);
}

/** `all`, with the retained rows zeroed. */
export function plainZeroRows(z: TokenSizes, all: Uint8Array, indices: ArrayLike<number>): Uint8Array {
  return plainScatter(z, all, new Uint8Array(z.batch * z.kept * z.rowBytes), indices);
}

/** into[b,indices[b,k],c] + part[b,k,c], rounded once to the arrays' precision. `z.rowBytes` counts elements here. */
export function plainAccumulate<A extends Float32Array | Float64Array>(
  z: TokenSizes,
  into: A,
  part: A,
  indices: ArrayLike<number>,
): A {
  const out = into.slice() as A;
  eachRow(z, indices, (to, from) => {
    for (let c = 0; c < z.rowBytes; c++) out[to + c] = into[to + c] + part[from + c];
  });
  return out;
}

/** A mask `[Bm,H,Q,S]`, Bm being 1 or B and Q 1 or S. */
interface MaskSizes {
  readonly maskBatch: number;
  readonly heads: number;
  readonly query: number;
  readonly seq: number;
  readonly kept: number;
  readonly elementBytes: number;
}

/** Puts element [b,h,i,j] of a mask into `out`, as its element `n`. */
function putElement(
  m: MaskSizes,
  mask: Uint8Array,
  [b, h, i, j]: readonly [number, number, number, number],
  out: Uint8Array,
  n: number,
): void {
  const from = ((b * m.heads + h) * m.query + i) * m.seq + j;
  for (let e = 0; e < m.elementBytes; e++) out[n * m.elementBytes + e] = mask[from * m.elementBytes + e];
}

/** out[l,b,h,i,j] = mask[b,h,indices[l,b,i],indices[l,b,j]]; a batch of 1 serves every row, a query of 1 stays. */
export function plainMaskGather(
  m: MaskSizes & { readonly layers: number; readonly batch: number },
  mask: Uint8Array,
  indices: ArrayLike<number>,
): Uint8Array {
  const rows = m.query === 1 ? 1 : m.kept;
  const out = new Uint8Array(m.layers * m.batch * m.heads * rows * m.kept * m.elementBytes);
  let n = 0;
  for (let l = 0; l < m.layers; l++) {
    for (let b = 0; b < m.batch; b++) {
      const position = (i: number) => indices[(l * m.batch + b) * m.kept + i];
      for (let h = 0; h < m.heads; h++) {
        for (let i = 0; i < rows; i++) {
          const row = m.query === 1 ? 0 : position(i);
          for (let j = 0; j < m.kept; j++) {
            putElement(m, mask, [m.maskBatch === 1 ? 0 : b, h, row, position(j)], out, n++);
          }
        }
      }
    }
  }
  return out;
}

/** out[b,h,i,j] = mask[b,h,i,j] for i, j < K */
export function plainMaskSlice(m: MaskSizes, mask: Uint8Array): Uint8Array {
  const rows = m.query === 1 ? 1 : m.kept;
  const out = new Uint8Array(m.maskBatch * m.heads * rows * m.kept * m.elementBytes);
  let n = 0;
  for (let b = 0; b < m.maskBatch; b++) {
    for (let h = 0; h < m.heads; h++) {
      for (let i = 0; i < rows; i++) {
        for (let j = 0; j < m.kept; j++) putElement(m, mask, [b, h, i, j], out, n++);
      }
    }
  }
  return out;
}

/**
 * Attention masks through the core, a stage at a time: rows go in, their retained columns come out.
 *
 * Where few columns of long rows are retained, moving whole rows in costs more than picking elements one by one here.
 */
import { bytesOf, type CPUTensor } from "../../tensor.ts";
import { core, coreBytes } from "../../wasm/core.ts";
import type { CPUMaskOperations, MaskGeometry } from "../backend.ts";

type GatherGeometry = MaskGeometry & { readonly layers: number; readonly batch: number };

/** Retained positions that share planes of the mask, and the element of `out` where their first plane goes. */
interface Retained {
  readonly positions: Int32Array;
  readonly out: number;
}

/** Elements as unsigned integers, so that moving them keeps their bits; those of 8 bytes as two. */
function integers(t: CPUTensor, size: number): Uint8Array | Uint16Array | Uint32Array {
  const { buffer, byteOffset, byteLength } = t.data;
  if (size === 1) return new Uint8Array(buffer, byteOffset, byteLength);
  if (size === 2) return new Uint16Array(buffer, byteOffset, byteLength >> 1);
  return new Uint32Array(buffer, byteOffset, byteLength / 4);
}

/** One set of positions, an element at a time. */
function gatherElements(out: CPUTensor, mask: CPUTensor, set: Retained, g: GatherGeometry, b: number): void {
  const { heads, query, seq, kept, elementBytes } = g;
  const [to, from] = [integers(out, elementBytes), integers(mask, elementBytes)];
  const { positions } = set;
  const rows = query === 1 ? 1 : kept;
  const pairs = elementBytes === 8;
  let n = pairs ? 2 * set.out : set.out;
  for (let h = 0; h < heads; h++) {
    for (let i = 0; i < rows; i++) {
      const row = ((b * heads + h) * query + (query === 1 ? 0 : positions[i])) * seq;
      if (!pairs) for (let j = 0; j < kept; j++) to[n++] = from[row + positions[j]];
      else {
        for (let j = 0; j < kept; j++) {
          const at = 2 * (row + positions[j]);
          to[n++] = from[at];
          to[n++] = from[at + 1];
        }
      }
    }
  }
}

/** Bytes of the core's scratch that plans and positions may take, each; the core has 768 KiB for plans. */
const SCRATCH = 1 << 19;
const ENTRY_BYTES = 32;

/** How many sets of positions the core's scratch holds at once: 0 where rows are too long for it. */
function setsAtOnce(g: GatherGeometry): number {
  const rowBytes = g.seq * g.elementBytes;
  if (rowBytes > core().stageBytes()) return 0;
  const entries = Math.min(g.kept, Math.ceil(rowBytes / 16));
  const sets = Math.floor(SCRATCH / Math.max(entries * ENTRY_BYTES, g.kept * 4));
  return core().ensure(core().listAddress() + SCRATCH) ? sets : 0;
}

/** Puts the positions of `sets` into the core, one set behind another, and plans their columns. */
function planSets(sets: readonly Retained[], g: GatherGeometry, stride: number): number[] {
  const wasm = core();
  const lists = new Int32Array(coreBytes().buffer, wasm.listAddress(), SCRATCH / 4);
  return sets.map(({ positions }, n) => {
    lists.set(positions, n * g.kept);
    const list = wasm.listAddress() + n * g.kept * 4;
    return wasm.planColumns(list, g.kept, g.elementBytes, wasm.planAddress() + n * stride);
  });
}

/** All sets of positions that share a plane, while stages of it are in the core: each stage is moved in once. */
function gatherPlanes(
  to: Uint8Array,
  from: Uint8Array,
  sets: readonly Retained[],
  g: GatherGeometry,
  b: number,
) {
  const wasm = core();
  const { heads, seq, kept, elementBytes } = g;
  const [inside, outside, plans, lists] = [
    wasm.inAddress(),
    wasm.outAddress(),
    wasm.planAddress(),
    wasm.listAddress(),
  ];
  const planStride = Math.min(kept, Math.ceil((seq * elementBytes) / 16)) * ENTRY_BYTES;
  const entries = planSets(sets, g, planStride);
  const memory = coreBytes();
  const [rowBytes, outBytes] = [seq * elementBytes, kept * elementBytes];
  const stage = Math.floor(wasm.stageBytes() / rowBytes);
  const next = sets.map(() => 0);
  for (let h = 0; h < heads; h++) {
    const plane = (b * heads + h) * seq;
    next.fill(0);
    for (let first = 0; first < seq; first += stage) {
      const end = Math.min(first + stage, seq);
      memory.set(from.subarray((plane + first) * rowBytes, (plane + end) * rowBytes), inside);
      sets.forEach(({ positions, out }, s) => {
        const i = next[s];
        let n = i;
        while (n < kept && positions[n] < end) n++;
        if (n === i) return;
        next[s] = n;
        const list = lists + (s * kept + i) * 4;
        wasm.packRows(outside, inside, rowBytes, list, n - i, first, plans + s * planStride, entries[s]);
        const at = out * elementBytes + (h * kept + i) * outBytes;
        to.set(memory.subarray(outside, outside + (n - i) * outBytes), at);
      });
    }
  }
}

/** One set of positions: only the rows that it retains are moved in. */
function gatherRows(to: Uint8Array, from: Uint8Array, set: Retained, g: GatherGeometry, b: number): void {
  const wasm = core();
  const { heads, seq, kept, elementBytes } = g;
  const [inside, outside, plan] = [wasm.inAddress(), wasm.outAddress(), wasm.planAddress()];
  const [entries] = planSets([set], g, 0);
  const memory = coreBytes();
  const { positions } = set;
  const [rowBytes, outBytes] = [seq * elementBytes, kept * elementBytes];
  const stage = Math.floor(wasm.stageBytes() / rowBytes);
  for (let h = 0; h < heads; h++) {
    const plane = (b * heads + h) * seq;
    for (let i = 0; i < kept; i += stage) {
      const end = Math.min(i + stage, kept);
      for (let n = i; n < end; ) {
        let run = n + 1;
        while (run < end && positions[run] === positions[n] + (run - n)) run++;
        const start = plane + positions[n];
        memory.set(
          from.subarray(start * rowBytes, (start + run - n) * rowBytes),
          inside + (n - i) * rowBytes,
        );
        n = run;
      }
      wasm.packRows(outside, inside, rowBytes, 0, end - i, 0, plan, entries);
      const at = set.out * elementBytes + (h * kept + i) * outBytes;
      to.set(memory.subarray(outside, outside + (end - i) * outBytes), at);
    }
  }
}

/** The fastest of the three ways for `sets` of positions that share planes. */
function gatherSets(
  out: CPUTensor,
  mask: CPUTensor,
  sets: readonly Retained[],
  g: GatherGeometry,
  b: number,
): void {
  const { kept, seq, query, elementBytes } = g;
  const rowBytes = seq * elementBytes;
  const atOnce = query === 1 || rowBytes > FEW * kept ? 0 : setsAtOnce(g);
  if (atOnce === 0) {
    for (const set of sets) gatherElements(out, mask, set, g, b);
    return;
  }
  const [to, from] = [bytesOf(out), bytesOf(mask)];
  for (let s = 0; s < sets.length; s += atOnce) {
    const group = sets.slice(s, s + atOnce);
    // Whole planes at once, or the retained rows of each set by a call each of about 45 ns, 10 bytes a ns.
    if (seq * rowBytes <= group.length * kept * (450 + rowBytes)) gatherPlanes(to, from, group, g, b);
    else for (const set of group) gatherRows(to, from, set, g, b);
  }
}

/** Bytes of a row for each retained column beyond which elements are picked one by one. */
const FEW = 64;

/** Bytes that may be moved for each row of a slice before a call of `set` a row is faster, as for tokens. */
const SHORT = 1200;

/** Mask operations on arrays in CPU memory. */
export const wasmMasks: CPUMaskOperations = {
  maskGather(out, mask, indices, g) {
    const positions = (indices as CPUTensor).data as Int32Array;
    const planes = g.heads * (g.query === 1 ? 1 : g.kept) * g.kept;
    const setOf = (lb: number): Retained => ({
      positions: positions.subarray(lb * g.kept, (lb + 1) * g.kept),
      out: lb * planes,
    });
    const { layers, batch } = g;
    if (g.maskBatch === 1) {
      const sets = Array.from({ length: layers * batch }, (_, lb) => setOf(lb));
      gatherSets(out, mask, sets, g, 0);
      return;
    }
    for (let b = 0; b < batch; b++) {
      const sets = Array.from({ length: layers }, (_, l) => setOf(l * batch + b));
      gatherSets(out, mask, sets, g, b);
    }
  },

  maskSlice(out, mask, g) {
    const [to, from] = [bytesOf(out), bytesOf(mask)];
    const [rowBytes, outBytes] = [g.seq * g.elementBytes, g.kept * g.elementBytes];
    const rows = g.query === 1 ? 1 : g.kept;
    const short = rows > 1 && rowBytes + outBytes <= SHORT;
    for (let plane = 0; plane < g.maskBatch * g.heads; plane++) {
      const [at, start] = [plane * rows * outBytes, plane * g.query * rowBytes];
      if (short) sliceStages(to, at, from, start, rows, rowBytes, outBytes);
      else {
        for (let i = 0; i < rows; i++) {
          const row = start + i * rowBytes;
          to.set(from.subarray(row, row + outBytes), at + i * outBytes);
        }
      }
    }
  },

  firstNotBySign(mask, g) {
    return g.query === 1 ? firstOther(mask, g.elementBytes) : firstOffDiagonals(mask, g);
  },
};

/** The first `outBytes` of each of `rows` rows, short ones. */
function sliceStages(
  to: Uint8Array,
  at: number,
  from: Uint8Array,
  start: number,
  rows: number,
  rowBytes: number,
  outBytes: number,
): void {
  const wasm = core();
  const memory = coreBytes();
  const [inside, outside] = [wasm.inAddress(), wasm.outAddress()];
  const stage = Math.floor(wasm.stageBytes() / rowBytes);
  for (let i = 0; i < rows; i += stage) {
    const n = Math.min(stage, rows - i);
    memory.set(from.subarray(start + i * rowBytes, start + (i + n) * rowBytes), inside);
    wasm.sliceRows(outside, inside, rowBytes, n, outBytes);
    to.set(memory.subarray(outside, outside + n * outBytes), at + i * outBytes);
  }
}

/** The first element that is not as element 0, or -1. */
function firstOther(mask: CPUTensor, elementBytes: number): number {
  const all = integers(mask, elementBytes);
  const step = elementBytes === 8 ? 2 : 1;
  for (let n = 0; n < all.length; n++) {
    if (all[n] !== all[n % step]) return Math.floor(n / step);
  }
  return -1;
}

/** The first element that is not as the first one on its side of the diagonal, or -1. */
function firstOffDiagonals(mask: CPUTensor, g: MaskGeometry): number {
  const wasm = core();
  const { seq, elementBytes } = g;
  if (seq === 1) return firstOther(mask, elementBytes);
  const from = bytesOf(mask);
  const rowBytes = seq * elementBytes;
  // Each row is a window of: S - 1 times what is below the diagonal, the diagonal, S - 1 times what is above.
  const pattern = new Uint8Array(2 * rowBytes);
  const [diagonal, above] = [from.subarray(0, elementBytes), from.subarray(elementBytes, 2 * elementBytes)];
  const below = from.subarray(rowBytes, rowBytes + elementBytes);
  for (let n = 0; n < 2 * seq - 1; n++) {
    pattern.set(n < seq - 1 ? below : n === seq - 1 ? diagonal : above, n * elementBytes);
  }
  const memory = coreBytes();
  memory.set(pattern, wasm.planAddress());
  const stage = Math.floor(wasm.stageBytes() / rowBytes);
  for (let plane = 0; plane < g.maskBatch * g.heads; plane++) {
    for (let i = 0; i < seq; i += stage) {
      const n = Math.min(stage, seq - i);
      const start = (plane * seq + i) * rowBytes;
      memory.set(from.subarray(start, start + n * rowBytes), wasm.inAddress());
      const window = wasm.planAddress() + (seq - 1 - i) * elementBytes;
      const off = wasm.firstOffPattern(wasm.inAddress(), rowBytes, n, window, elementBytes);
      if (off < 0) continue;
      const row = i + off;
      for (let byte = 0; ; byte++) {
        if (from[start + off * rowBytes + byte] !== pattern[(seq - 1 - row) * elementBytes + byte]) {
          return (plane * seq + row) * seq + Math.floor(byte / elementBytes);
        }
      }
    }
  }
  return -1;
}

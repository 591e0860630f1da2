/**
 * Attention masks go through the core in stages: rows go in, and their retained columns come out.
 *
 * Where few columns of long rows are retained, copying whole rows in costs more than picking elements one by one here.
 */

import { core, coreBytes } from "../../core/core.ts";
import { bytesOf } from "../../tensor.ts";
import type { CPUMaskOperations, CPUTensor, MaskGeometry } from "../../types.ts";

type GatherGeometry = MaskGeometry & { readonly layers: number; readonly batch: number };

/** Retained positions that share planes of the mask, and the element of `out` where their first plane goes. */
interface Retained {
  readonly positions: Int32Array;
  readonly out: number;
}

/** Elements as unsigned integers, so that moving them keeps their bits. Elements of 8 bytes become two. */
function integers(t: CPUTensor, size: number): Uint8Array | Uint16Array | Uint32Array {
  const { buffer, byteOffset, byteLength } = t.data;
  if (size === 1) return new Uint8Array(buffer, byteOffset, byteLength);
  if (size === 2) return new Uint16Array(buffer, byteOffset, byteLength >> 1);
  return new Uint32Array(buffer, byteOffset, byteLength / 4);
}

/** One set of positions, an element at a time. */
function gatherElements(out: CPUTensor, mask: CPUTensor, set: Retained, g: GatherGeometry, b: number): void {
  const { heads, query, seq, retained, elementBytes } = g;
  const [to, from] = [integers(out, elementBytes), integers(mask, elementBytes)];
  const { positions } = set;
  const rows = query === 1 ? 1 : retained;
  const pairs = elementBytes === 8;
  let n = pairs ? 2 * set.out : set.out;
  for (let h = 0; h < heads; h++) {
    for (let i = 0; i < rows; i++) {
      const row = ((b * heads + h) * query + (query === 1 ? 0 : positions[i])) * seq;
      if (!pairs) for (let j = 0; j < retained; j++) to[n++] = from[row + positions[j]];
      else {
        for (let j = 0; j < retained; j++) {
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

/**
 * Bytes of rows that go in at a time. They and what comes of them stay in a cache of their own: as float32 2.2 copies of
 * the result, which took 2.7 with 16 KiB (too many calls) and 2.9 with 128 KiB.
 */
const PIECE = 1 << 16;

/** Bytes of the plan for one set of positions, at most. */
function planBytes(g: GatherGeometry): number {
  return Math.min(g.retained, Math.ceil((g.seq * g.elementBytes) / 16)) * 32;
}

/** How many sets of positions the core's scratch holds at once: 0 where rows are too long for it. */
function setsAtOnce(g: GatherGeometry): number {
  if (g.seq * g.elementBytes > core().stageBytes()) return 0;
  const sets = Math.floor(SCRATCH / Math.max(planBytes(g), g.retained * 4));
  return core().ensure(core().listAddress() + SCRATCH) ? sets : 0;
}

/**
 * Sets of positions that share planes. With `whole`, whole planes are copied in, once for all sets; otherwise only the
 * rows that the single set retains.
 */
function gatherStages(
  out: CPUTensor,
  mask: CPUTensor,
  sets: readonly Retained[],
  whole: boolean,
  g: GatherGeometry,
  b: number,
): void {
  const wasm = core();
  const memory = coreBytes();
  const [to, from] = [bytesOf(out), bytesOf(mask)];
  const { heads, seq, retained, elementBytes } = g;
  const [rowBytes, outBytes] = [seq * elementBytes, retained * elementBytes];
  const [inside, outside, lists] = [wasm.inAddress(), wasm.outAddress(), wasm.listAddress()];
  const planOf = (s: number) => wasm.planAddress() + s * planBytes(g);
  const listOf = (s: number) => lists + s * retained * 4;

  const listed = new Int32Array(memory.buffer, lists);
  const entries = sets.map(({ positions }, s) => {
    listed.set(positions, s * retained);
    return wasm.planColumns(listOf(s), retained, elementBytes, planOf(s));
  });
  const perStage = Math.max(1, Math.floor(PIECE / rowBytes));
  const { positions } = sets[0];
  const last = whole ? Math.max(...sets.map((set) => set.positions[retained - 1])) + 1 : retained;

  for (let h = 0; h < heads; h++) {
    const plane = (b * heads + h) * seq;
    const moveIn = (row: number, rows: number, slot: number) => {
      const start = (plane + row) * rowBytes;
      memory.set(from.subarray(start, start + rows * rowBytes), inside + slot * rowBytes);
    };
    const moveOut = (s: number, i: number, end: number, base: number) => {
      const list = whole ? listOf(s) + i * 4 : 0;
      wasm.packRows(outside, inside, rowBytes, list, end - i, base, planOf(s), entries[s]);
      const at = sets[s].out * elementBytes + (h * retained + i) * outBytes;
      to.set(memory.subarray(outside, outside + (end - i) * outBytes), at);
    };
    const next = sets.map(() => 0);
    for (let first = 0; first < last; first += perStage) {
      const end = Math.min(first + perStage, last);
      if (whole) {
        moveIn(first, end - first, 0);
        sets.forEach((set, s) => {
          const i = next[s];
          while (next[s] < retained && set.positions[next[s]] < end) next[s]++;
          if (next[s] > i) moveOut(s, i, next[s], first);
        });
        continue;
      }
      for (let i = first; i < end; ) {
        let run = 1;
        while (i + run < end && positions[i + run] === positions[i] + run) run++;
        moveIn(positions[i], run, i - first);
        i += run;
      }
      moveOut(0, first, end, 0);
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
  const { retained, seq, query, elementBytes } = g;
  const rowBytes = seq * elementBytes;
  const atOnce = query === 1 || rowBytes > FEW * retained ? 0 : setsAtOnce(g);
  for (let s = 0; s < sets.length; s += atOnce || 1) {
    const group = sets.slice(s, s + (atOnce || 1));
    // All rows at once, or the rows of each set by one call per row, which takes as long as moving 450 bytes.
    if (atOnce === 0) gatherElements(out, mask, group[0], g, b);
    else if (seq * rowBytes <= group.length * retained * (450 + rowBytes)) {
      gatherStages(out, mask, group, true, g, b);
    } else for (const set of group) gatherStages(out, mask, [set], false, g, b);
  }
}

/** With more bytes of a row than this for each retained column, elements are picked one by one. */
const FEW = 64;

/** The most bytes that may be moved for each row of a slice; beyond it, one `set` per row is faster, as for tokens. */
const SHORT = 1200;

/** Mask operations on arrays in CPU memory. */
export const wasmMasks: CPUMaskOperations = {
  maskGather(out, mask, indices, g) {
    const positions = (indices as CPUTensor).data as Int32Array;
    const planes = g.heads * (g.query === 1 ? 1 : g.retained) * g.retained;
    const setOf = (lb: number): Retained => ({
      positions: positions.subarray(lb * g.retained, (lb + 1) * g.retained),
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
    const [rowBytes, outBytes] = [g.seq * g.elementBytes, g.retained * g.elementBytes];
    const rows = g.query === 1 ? 1 : g.retained;
    if (rows > 1 && rowBytes + outBytes <= SHORT) {
      const positions = Int32Array.from({ length: g.retained }, (_, i) => i);
      for (let b = 0; b < g.maskBatch; b++) {
        const corner = { positions, out: b * g.heads * rows * g.retained };
        gatherSets(out, mask, [corner], { ...g, layers: 1, batch: g.maskBatch }, b);
      }
      return;
    }
    const [to, from] = [bytesOf(out), bytesOf(mask)];
    for (let row = 0; row < g.maskBatch * g.heads * rows; row++) {
      const start = (Math.floor(row / rows) * g.query + (row % rows)) * rowBytes;
      to.set(from.subarray(start, start + outBytes), row * outBytes);
    }
  },

  firstNotBySign(mask, g) {
    return g.query === 1 ? firstOther(mask, g.elementBytes) : firstOffDiagonals(mask, g);
  },
};

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
  // Each row is a window into this pattern: S - 1 times the value below the diagonal, the diagonal's, S - 1 times the
  // one above.
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
      // The row as the core saw it, as shared memory may have changed by now.
      const at = wasm.inAddress() + off * rowBytes;
      for (let byte = 0; ; byte++) {
        if (memory[at + byte] !== pattern[(seq - 1 - row) * elementBytes + byte]) {
          return (plane * seq + row) * seq + Math.floor(byte / elementBytes);
        }
      }
    }
  }
  return -1;
}

/** How the tensors of one dispatch are bound, also where several lie in one GPUBuffer. */
import type { BufferName } from "./kernels.ts";

/** Bytes of a buffer that a dispatch reads, or as `dst` writes. */
export interface Operand {
  readonly name: BufferName;
  readonly buffer: GPUBuffer;
  readonly start: number;
  readonly end: number;
}

/** One binding, and where in it, in bytes, each of its operands begins. */
interface Bound {
  readonly name: BufferName;
  readonly range: { readonly buffer: GPUBuffer; readonly offset: number; readonly size: number };
  readonly writable: boolean;
  readonly shifts: ReadonlyMap<BufferName, number>;
}

/**
 * Binds operands. WebGPU holds a whole GPUBuffer to one kind of use in a dispatch, so what shares the buffer of `dst`
 * is bound as writable too; and writable bindings may not overlap, which disjoint tensors do once their ranges begin
 * at multiples of 256 bytes, so those become one binding.
 */
export function bind(operands: readonly Operand[], alignment: number): Bound[] {
  const written = operands.find(({ name }) => name === "dst")!.buffer;
  let groups: { operands: Operand[]; start: number; end: number }[] = [];
  for (const operand of operands) {
    let group = {
      operands: [operand],
      start: operand.start - (operand.start % alignment),
      end: Math.ceil(operand.end / 4) * 4,
    };
    groups = groups.filter((other) => {
      const apart = group.start >= other.end || other.start >= group.end;
      if (apart || operand.buffer !== written || other.operands[0].buffer !== written) return true;
      group = {
        operands: [...other.operands, ...group.operands],
        start: Math.min(group.start, other.start),
        end: Math.max(group.end, other.end),
      };
      return false;
    });
    groups.push(group);
  }
  return groups.map(({ operands: members, start, end }) => {
    const { name, buffer } = members.find((m) => m.name === "dst") ?? members[0];
    return {
      name,
      range: { buffer, offset: start, size: end - start },
      writable: buffer === written,
      shifts: new Map(members.map((m) => [m.name, m.start - start])),
    };
  });
}

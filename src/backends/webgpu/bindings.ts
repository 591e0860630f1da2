/** How the tensors of one dispatch are bound, also where several lie in one GPUBuffer. */
import type { BufferName } from "./kernels.ts";
import { bindable } from "./windows.ts";

/** Bytes of a buffer that a dispatch reads, or as `dst` writes. */
export interface Operand {
  readonly name: BufferName;
  readonly buffer: GPUBuffer;
  readonly start: number;
  readonly end: number;
}

/** One binding, and where in it, in bytes, each of its operands begins. */
export interface Bound {
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
  const groups: { operands: Operand[]; start: number; end: number }[] = [];
  // dst first: a group takes the name of its first member.
  for (const operand of [...operands].sort((a, b) => Number(b.name === "dst") - Number(a.name === "dst"))) {
    const start = operand.start - (operand.start % alignment);
    let group = { operands: [operand], start, end: operand.end };
    for (const other of operand.buffer === written
      ? groups.filter((g) => g.operands[0].buffer === written)
      : []) {
      const round = (end: number) => Math.ceil(end / 4) * 4;
      if (group.start >= round(other.end) || other.start >= round(group.end)) continue;
      groups.splice(groups.indexOf(other), 1);
      group = {
        operands: [...other.operands, ...group.operands],
        start: Math.min(group.start, other.start),
        end: Math.max(group.end, other.end),
      };
    }
    groups.push(group);
  }
  return groups.map(({ operands: members, start, end }) => {
    const { offset, size } = bindable(start, end, alignment);
    const [{ name, buffer }] = members.some((m) => m.name === "dst")
      ? members.filter((m) => m.name === "dst")
      : members;
    return {
      name,
      range: { buffer, offset, size },
      writable: buffer === written,
      shifts: new Map(members.map((m) => [m.name, m.start - offset])),
    };
  });
}

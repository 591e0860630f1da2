/** How the operands of one dispatch are bound, even where several lie in one GPUBuffer. */
import type { Operand } from "./plan.ts";
import type { BufferName } from "./programs.ts";

/** An operand whose buffer exists. */
export type PlacedOperand = Operand & { readonly buffer: GPUBuffer };

/** One binding, under the name of one of its operands, and where in it, in bytes, each of them begins. */
interface Bound {
  readonly name: BufferName;
  readonly range: { readonly buffer: GPUBuffer; readonly offset: number; readonly size: number };
  readonly writable: boolean;
  readonly operands: readonly (PlacedOperand & { readonly shift: number })[];
}

/**
 * Binds operands. WebGPU allows one kind of use for a whole GPUBuffer in a dispatch, so operands that share the buffer
 * of `dst` are bound as writable too. Writable bindings must not overlap. As bindings begin at multiples of 256 bytes,
 * those of disjoint tensors may overlap; they become one binding.
 */
export function bind(operands: readonly PlacedOperand[], alignment: number): Bound[] {
  const written = operands.find(({ name }) => name === "dst")!.buffer;
  let groups: { members: PlacedOperand[]; start: number; end: number }[] = [];
  for (const operand of operands) {
    let group = {
      members: [operand],
      start: operand.start - (operand.start % alignment),
      end: Math.ceil(operand.end / 4) * 4,
    };
    groups = groups.filter((other) => {
      const apart = group.start >= other.end || other.start >= group.end;
      if (apart || operand.buffer !== written || other.members[0].buffer !== written) return true;
      group = {
        members: [...other.members, ...group.members],
        start: Math.min(group.start, other.start),
        end: Math.max(group.end, other.end),
      };
      return false;
    });
    groups.push(group);
  }
  return groups.map(({ members, start, end }) => {
    const { name, buffer } = members.find((m) => m.name === "dst") ?? members[0];
    return {
      name,
      range: { buffer, offset: start, size: end - start },
      writable: buffer === written,
      operands: members.map((m) => ({ ...m, shift: m.start - start })),
    };
  });
}

/**
 * Buffers that the library keeps for itself. A buffer that a caller's encoder has recorded is neither rewritten nor
 * destroyed, because the library never learns when that encoder is submitted. A buffer whose work the library submitted
 * itself may be rewritten at once, because the queue keeps the order.
 */
import { type DeviceState, LABEL, type PooledBuffer, USAGE } from "./device-state.ts";

const SLOT = 256; // the largest alignment of a uniform binding
const SLAB = 0x1_0000;
const MAX_SLABS = 32; // 8192 differing dispatches, 2 MiB
const MAX_KEPT = 0x100_0000;

/** Drops what has grown too large. Only between calls: within one, an encoder that is not submitted yet may use it. */
export function trim({ parameters }: DeviceState): void {
  if (parameters.slabs.length <= MAX_SLABS) return;
  for (const slab of parameters.slabs) release(slab);
  parameters.slabs.length = 0;
  parameters.slots.clear();
  parameters.free = 0;
}

/**
 * Where these parameters lie. Slots are found by their contents and never rewritten. So what an encoder has recorded
 * stays valid, and a training loop whose shapes repeat writes nothing.
 */
export function parameters(
  state: DeviceState,
  words: readonly number[],
  recorded: boolean,
): GPUBufferBinding {
  const pool = state.parameters;
  const key = words.join();
  let slot = pool.slots.get(key);
  if (slot === undefined) {
    if (pool.free === 0) {
      pool.slabs.push(pooled(state, SLAB, USAGE.UNIFORM | USAGE.COPY_DST));
      pool.free = SLAB / SLOT;
    }
    slot = { slab: pool.slabs.at(-1)!, offset: SLAB - pool.free * SLOT };
    pool.free--;
    state.device.queue.writeBuffer(slot.slab.buffer, slot.offset, new Uint32Array(words));
    pool.slots.set(key, slot);
  }
  slot.slab.recorded ||= recorded;
  return { buffer: slot.slab.buffer, offset: slot.offset, size: Math.ceil(words.length / 4) * 16 };
}

/**
 * A place for `bytes` that only this call writes and reads. Under one name, a call must never ask for more than the
 * first time: the smaller buffer would be destroyed before its work is submitted.
 */
export function scratch(state: DeviceState, name: string, bytes: number, recorded: boolean): GPUBuffer {
  let held = state.scratch.get(name);
  if (held === undefined || held.buffer.size < bytes) {
    if (held !== undefined) release(held);
    held = pooled(state, roomFor(bytes));
    state.scratch.set(name, held);
  }
  held.recorded ||= recorded;
  return held.buffer;
}

/**
 * Uploads the indices of one call.
 * @param encoder The caller's, or undefined for a call that submits itself.
 * @returns Where they lie; `passing` if the caller must destroy the buffer once its work has been submitted.
 */
export function upload(
  state: DeviceState,
  data: Uint8Array,
  encoder: GPUCommandEncoder | undefined,
): { buffer: GPUBuffer; byteOffset: number; passing: boolean } {
  const { queue } = state.device;
  const bytes = data.byteLength;
  if (encoder === undefined) {
    const passing = bytes > MAX_KEPT;
    const buffer = passing ? pooled(state, bytes).buffer : scratch(state, "upload", bytes, false);
    queue.writeBuffer(buffer, 0, data as BufferSource);
    return { buffer, byteOffset: 0, passing };
  }
  let arena = state.arenas.get(encoder);
  if (arena === undefined || arena.used + bytes > arena.buffer.size) {
    const least = arena === undefined ? SLAB : Math.min(2 * arena.buffer.size, MAX_KEPT);
    arena = { buffer: pooled(state, Math.max(roomFor(bytes), least)).buffer, used: 0 };
    state.arenas.set(encoder, arena);
  }
  const { buffer, used: byteOffset } = arena;
  arena.used += Math.ceil(bytes / SLOT) * SLOT;
  queue.writeBuffer(buffer, byteOffset, data as BufferSource);
  return { buffer, byteOffset, passing: false };
}

function pooled(
  { device }: DeviceState,
  wanted: number,
  usage: number = USAGE.STORAGE | USAGE.COPY_DST,
): PooledBuffer {
  const most = device.limits.maxBufferSize;
  const size = Math.min(wanted, most - (most % 4));
  return { buffer: device.createBuffer({ label: LABEL, size, usage }), recorded: false };
}

function release({ buffer, recorded }: PooledBuffer): void {
  if (!recorded) buffer.destroy();
}

/** A size with room for the next, slightly larger request. */
function roomFor(bytes: number): number {
  return Math.max(4096, 2 ** Math.ceil(Math.log2(bytes)));
}

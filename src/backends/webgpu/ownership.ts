/** Which tensors own their buffers, and which have been disposed. */
import type { GPUTensor } from "../../types.ts";

const owners: WeakSet<GPUTensor> = /* @__PURE__ */ new WeakSet();
const viewed: WeakMap<GPUTensor, GPUTensor> = /* @__PURE__ */ new WeakMap();
const disposed: WeakSet<GPUTensor | GPUBuffer> = /* @__PURE__ */ new WeakSet();

/** Makes `t` the owner of its buffer: disposing of `t` destroys it. Without this call, disposing destroys nothing. */
export function own(t: GPUTensor): GPUTensor {
  owners.add(t);
  return t;
}

/** Ties `view` to `t`: it is disposed with it. */
export function viewOf(t: GPUTensor, view: GPUTensor): GPUTensor {
  viewed.set(view, t);
  return view;
}

/** Disposes of a tensor and its views, and, where it owns its buffer, of everything in that buffer. */
export function release(t: GPUTensor): void {
  disposed.add(t);
  if (!owners.has(t)) return;
  disposed.add(t.buffer);
  t.buffer.destroy();
}

/** Whether a tensor, or what it is a view of, or everything in its buffer was disposed. */
export function isDisposed(t: { readonly buffer: GPUBuffer }): boolean {
  if (disposed.has(t.buffer)) return true;
  for (let each = t as GPUTensor | undefined; each !== undefined; each = viewed.get(each)) {
    if (disposed.has(each)) return true;
  }
  return false;
}

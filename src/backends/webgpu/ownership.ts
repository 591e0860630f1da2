/** Which tensors own their buffers, and which are not to be used any more. */
import type { GPUTensor } from "../../types.ts";

const owners: WeakSet<GPUTensor> = /* @__PURE__ */ new WeakSet();
const viewed: WeakMap<GPUTensor, GPUTensor> = /* @__PURE__ */ new WeakMap();
const disposed: WeakSet<GPUTensor | GPUBuffer> = /* @__PURE__ */ new WeakSet();

/** Has `t` own its buffer, so that its disposal destroys it; tensors that nobody calls this for only let go. */
export function own(t: GPUTensor): GPUTensor {
  owners.add(t);
  return t;
}

/** Has `view` end with `t`. */
export function viewOf(t: GPUTensor, view: GPUTensor): GPUTensor {
  viewed.set(view, t);
  return view;
}

/** Ends the use of a tensor, of views of it and, where it owns its buffer, of everything there. */
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

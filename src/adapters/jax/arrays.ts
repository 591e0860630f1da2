/** Recognizes arrays of jax-js, and the tracers that stand for them while a function is traced. */
import { numpy as np } from "@jax-js/jax";
import { wrongType } from "../../check.ts";
import { tensor } from "../../tensor.ts";
import type { CPUTensor } from "../../types.ts";

/** jax-js exports arrays alone; what `jit`, `grad` and `vmap` pass to a function shares their base class. */
const Tracer = Object.getPrototypeOf(np.Array) as { new (): unknown };

/** Whether `value` is an array of this copy of jax-js, or a tracer. */
export function isArray(value: unknown): value is np.Array {
  return value instanceof Tracer;
}

/** Throws unless `value` is an array. */
export function checkArray(name: string, value: unknown): asserts value is np.Array {
  if (!isArray(value)) wrongType(name, "an array of jax-js", value);
}

/** Whether a function is being compiled. Then even operations on new arrays return tracers. */
export function isCompiling(): boolean {
  const probe = np.zeros([1]).neg();
  probe.dispose();
  return !(probe instanceof np.Array);
}

/** The values of an array, if they can be read without waiting. Borrows it. */
export function lookInto(t: np.Array): CPUTensor | undefined {
  if (!(t instanceof np.Array) || (t.device !== "wasm" && t.device !== "cpu")) return undefined;
  const { shape, refCount } = t;
  try {
    return tensor(t.ref.dataSync(), shape);
  } catch {
    // Workers are still computing it, or the runtime has no typed array for the dtype.
    if (t.refCount > refCount) t.dispose();
    return undefined;
  }
}

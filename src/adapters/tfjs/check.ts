/** Checks of TF.js tensors before they go to the kernels. */
import { type DataType, Tensor } from "@tensorflow/tfjs-core";
import { isSameShape, wrongType, wrongValue } from "../../check.ts";

const DTYPES: readonly DataType[] = ["float32", "int32", "bool"];

/** Whether `value` is a tensor of TF.js, of any copy of it: TF.js recognizes tensors by their methods. */
export function isTensor(value: unknown): value is Tensor {
  return value instanceof Tensor;
}

/** A tensor whose memory TF.js has not freed. */
export function checkAlive(name: string, value: unknown): Tensor {
  if (!isTensor(value)) wrongType(name, "a TF.js tensor", value);
  if (value.isDisposed) {
    const expected = "a tensor that is not disposed (tf.keep saves one from tf.tidy)";
    wrongType(name, expected, value, `a disposed ${value.dtype} [${value.shape}]`);
  }
  if (!DTYPES.includes(value.dtype)) wrongType(name, "dtype float32, int32 or bool", value);
  return value;
}

/** A tensor of tokens: rank 2 or more, nothing empty. */
export function checkTokens(name: string, value: unknown): Tensor {
  const t = checkAlive(name, value);
  if (t.shape.length < 2) wrongValue(name, "at least two dimensions", t);
  if (t.shape.some((length) => length < 1)) wrongValue(name, "dimensions of at least 1", t);
  return t;
}

/** A tensor of the dtype and the shape of what it goes with. */
export function checkFits(name: string, value: unknown, dtype: DataType, shape: readonly number[]): Tensor {
  const t = checkAlive(name, value);
  if (t.dtype !== dtype) wrongType(name, `dtype ${dtype}`, t);
  if (!isSameShape(t.shape, shape)) wrongValue(name, `shape [${shape}]`, t);
  return t;
}

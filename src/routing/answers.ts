/** What callers and layers hand back to the wrapper: indices of their own, and answers for the retained tokens. */
import { isSameShape, wrongType, wrongValue } from "../check.ts";
import { checkTensor, isTensor } from "../tensor.ts";
import type { FrameworkOps } from "./framework-ops.ts";

/** Shape and dtype of a tensor. */
export interface Form {
  readonly shape: readonly number[];
  readonly dtype: unknown;
}

/** What a layer's answer to `part` must be. Every framework's tensors say their dtype alike. */
export function formOf<T>(ops: FrameworkOps<T>, part: T): Form {
  return { shape: [...ops.shapeOf(part, "layer")], dtype: (part as Partial<Form>).dtype };
}

/**
 * Throws unless a layer's answer for the retained tokens has their shape and dtype.
 *
 * @param whose Where it comes from, in words.
 * @param orArray Whether an array that begins with a tensor would do, too.
 */
export function checkAnswer<T>(
  ops: FrameworkOps<T>,
  value: unknown,
  { shape, dtype }: Form,
  whose: string,
  orArray: boolean,
): T {
  if (!ops.isTensor(value)) {
    wrongType("layer", `a tensor${orArray ? ", or an array that begins with one," : ""} ${whose}`, value);
  }
  const found = formOf(ops, value);
  checkShapeOf("layer", found.shape, shape, `shape [${shape}], that of its input, ${whose}`);
  if (found.dtype !== dtype) {
    wrongType("layer", `dtype ${dtype}, that of its input, ${whose}`, value, String(found.dtype));
  }
  return value;
}

/** A caller's own indices for a layer, checked against the batch and K. */
export function givenIndices<T>(
  ops: FrameworkOps<T>,
  indicesOf: (layerOrdinal: number) => unknown,
  layerOrdinal: number,
  wanted: readonly [batch: number, retained: number],
): T {
  if (typeof indicesOf !== "function") wrongType("indicesOf", "a function of the layer's ordinal", indicesOf);
  const indices = indicesOf(layerOrdinal);
  const whose = `for random-LTD layer ${layerOrdinal}`;
  // The library's CPU tensors serve every framework.
  const own = isTensor(indices);
  if (!own && !ops.isTensor(indices)) wrongType("indicesOf", `a tensor ${whose}`, indices);
  const shape = own ? checkTensor("indicesOf", indices).shape : ops.shapeOf(indices as T, "indicesOf");
  checkShapeOf("indicesOf", shape, wanted, `shape [${wanted}] ${whose}`);
  return indices as T;
}

/** Throws unless a shape is the one wanted. */
export function checkShapeOf(
  name: string,
  shape: readonly number[],
  wanted: readonly number[],
  expected: string,
): void {
  if (!isSameShape(shape, wanted)) wrongValue(name, expected, shape, `[${shape}]`);
}

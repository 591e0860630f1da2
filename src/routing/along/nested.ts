/** Arguments that are tensors, or arrays and plain objects of tensors, nested. */

import { checkList, isArray, isObject } from "../../check.ts";

type IsTensor = (value: unknown) => boolean;

/** An object as `{ ... }` makes it, from any realm. Instances of classes are not looked into. */
function isPlainObject(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** Whether `value` holds other values, which are looked into. */
function isContainer(value: unknown): value is readonly unknown[] | Readonly<Record<string, unknown>> {
  return isArray(value) || (isObject(value) && isPlainObject(value));
}

/**
 * Calls `visit` with every value in `value` that holds no others, such as a tensor.
 *
 * @param path What `value` is called; what it holds is called `path[0]` and `path.key`.
 */
export function eachLeaf(
  value: unknown,
  path: string,
  isTensor: IsTensor,
  visit: (leaf: unknown, path: string) => void,
  seen: Set<unknown> = new Set(),
): void {
  if (isTensor(value) || !isContainer(value)) {
    visit(value, path);
    return;
  }
  if (seen.has(value)) return; // it may contain itself
  seen.add(value);
  if (isArray(value)) {
    checkList(path, "an array", value).forEach((one, i) => {
      eachLeaf(one, `${path}[${i}]`, isTensor, visit, seen);
    });
  } else {
    for (const [key, one] of Object.entries(value)) {
      eachLeaf(one, `${path}.${key}`, isTensor, visit, seen);
    }
  }
}

/** The same arrays and objects with every tensor replaced; whatever else they hold stays. */
export function mapTensors<T>(
  value: unknown,
  isTensor: (value: unknown) => value is T,
  replace: (tensor: T) => unknown,
  within: readonly unknown[] = [],
): unknown {
  if (isTensor(value)) return replace(value);
  if (!isContainer(value) || within.includes(value)) return value;
  const inner = [...within, value];
  const one = (held: unknown) => mapTensors(held, isTensor, replace, inner);
  if (isArray(value)) return checkList("kwargs", "arrays", value).map(one);
  return Object.fromEntries(Object.entries(value).map(([key, held]) => [key, one(held)]));
}

import { checkObject, describe, nearest, wrongValue } from "../check.ts";

/** Throws unless every key of `object` is known; the nearest known one is named. */
function checkKeys(name: string, object: object, known: readonly string[]): void {
  for (const key of Object.keys(object)) {
    if (known.includes(key)) continue;
    wrongValue(name, `known keys (did you mean ${describe(nearest(key, known))}?)`, key);
  }
}

/** An object that is required, of known keys only. */
export function checkSection(
  name: string,
  value: unknown,
  known: readonly string[],
): Readonly<Record<string, unknown>> {
  checkObject(name, value);
  checkKeys(name, value as object, known);
  return value as Readonly<Record<string, unknown>>;
}

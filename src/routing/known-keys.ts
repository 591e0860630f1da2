import { checkObject, describe, wrongValue } from "../check.ts";

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

/** The known word that `word` is most likely a slip of. */
function nearest(word: string, known: readonly string[]): string {
  const distances = known.map((candidate) => editDistance(word, candidate));
  return known[distances.indexOf(Math.min(...distances))];
}

/** Levenshtein's distance: letters added, left out or changed. */
export function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, row[j] + 1, next[j - 1] + 1));
    }
    row = next;
  }
  return row[b.length];
}

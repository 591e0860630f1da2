/** The words of a shader's Params, by their names there. */

const ROWS = [
  "rows",
  "row",
  "tile",
  "seq",
  "inner",
  "idxOuter",
  "idxRest",
  "allOuter",
  "allRest",
  "allStep",
  "dstFirst",
  "dstRows",
  "dstShift",
  "srcFirst",
  "srcRows",
  "srcShift",
  "baseShift",
  "idxFirst",
  "idxCount",
  "idxShift",
  "keep",
] as const;

/** The Params of rows.wgsl and rows_bytes.wgsl; what a kernel does not read may be left out. */
export function rowParams(named: Partial<Record<(typeof ROWS)[number], number>>): number[] {
  return ROWS.map((name) => named[name] ?? 0);
}

/**
 * The words of a dispatch: the fields of `Params` in gpu/rows.wgsl and gpu/masks.wgsl, where each is explained, in the
 * order in which they lie there; all are u32.
 */
export const FIELDS = {
  rows: "rows row tile rest seq inner idx_outer idx_rest all_outer all_rest all_step plane_rows src_plane_rows src_step base_shift dst_first dst_rows dst_shift src_first src_rows src_shift idx_first idx_count idx_shift",
  masks:
    "rows units tile seq retained query out_query heads batch mask_batch dst_first dst_rows dst_shift src_first src_rows src_shift idx_first idx_count idx_shift",
} as const;

type Word<Words extends string> = Words extends `${infer First} ${infer Rest}` ? First | Word<Rest> : Words;

/** Values of the fields of a file's `Params`. What is left out is 0. */
export type Params<File extends keyof typeof FIELDS> = {
  readonly [F in Word<(typeof FIELDS)[File]>]?: number;
};

/** The words that a shader of `file` reads. */
export function wordsOf(
  file: keyof typeof FIELDS,
  params: { readonly [field: string]: number | undefined },
): number[] {
  return FIELDS[file].split(" ").map((field) => params[field] ?? 0);
}

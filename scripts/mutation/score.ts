/** The score: killed, timeouts, survivors and those of them that are known to change nothing, by folder. */
import { readFileSync } from "node:fs";
import Table from "cli-table3";
import type { Result } from "./results.ts";

/** A mutant that no test can tell from the original, and why; without `column` and `change` all on such lines. */
export interface Equivalent {
  readonly file: string;
  readonly text: string;
  readonly change?: string;
  readonly column?: number;
  readonly reason: string;
}

export interface Row {
  folder: string;
  /** Mutants there are, and of these in the sample. */
  mutants: number;
  sampled: number;
  killed: number;
  timeouts: number;
  survived: number;
  /** Told apart by no test: of the same bytes, or listed with a reason. */
  equivalent: number;
  /** Refused by a compiler: no mutants. */
  invalid: number;
}

export const EQUIVALENTS = "test/mutation/equivalents.json";

export function readEquivalents(): Equivalent[] {
  return JSON.parse(readFileSync(EQUIVALENTS, "utf8"));
}

/** The reason why a mutant is equivalent, if it is listed. */
export function reasonOf(key: string, list: readonly Equivalent[]): string | undefined {
  const [file, text, column, change] = key.split("\t");
  return list.find(
    (e) =>
      e.file === file &&
      e.text === text &&
      (e.column === undefined || String(e.column) === column) &&
      (e.change === undefined || e.change === change),
  )?.reason;
}

/** The share of mutants that tests notice, of those that can be noticed; 1 where there are none. */
export function scoreOf({
  killed,
  timeouts,
  survived,
}: Pick<Row, "killed" | "timeouts" | "survived">): number {
  const all = killed + timeouts + survived;
  return all === 0 ? 1 : (killed + timeouts) / all;
}

export const percent = (share: number): string => `${(100 * share).toFixed(1)}%`;

/** Counts by folder; `mutants` says how many each folder has. */
export function rowsOf(
  results: readonly Result[],
  mutants: ReadonlyMap<string, number>,
  list: readonly Equivalent[],
): Row[] {
  const rows = new Map<string, Row>();
  for (const { key, file, status } of results) {
    const folder = folderOf(file);
    const row = rows.get(folder) ?? {
      ...{ folder, mutants: mutants.get(folder) ?? 0, sampled: 0 },
      ...{ killed: 0, timeouts: 0, survived: 0, equivalent: 0, invalid: 0 },
    };
    rows.set(folder, row);
    row.sampled++;
    if (status === "killed") row.killed++;
    else if (status === "timeout") row.timeouts++;
    else if (status === "invalid") row.invalid++;
    else if (status === "same" || reasonOf(key, list) !== undefined) row.equivalent++;
    else row.survived++;
  }
  return [...rows.values()].sort((a, b) => (a.folder < b.folder ? -1 : 1));
}

export const folderOf = (file: string): string => file.replace(/\/[^/]*$/, "");

export function total(rows: readonly Row[], folder: string): Row {
  const sum = (name: Exclude<keyof Row, "folder">) => rows.reduce((n, row) => n + row[name], 0);
  return {
    ...{ folder, mutants: sum("mutants"), sampled: sum("sampled"), killed: sum("killed") },
    ...{ timeouts: sum("timeouts"), survived: sum("survived"), equivalent: sum("equivalent") },
    invalid: sum("invalid"),
  };
}

const HEAD = [
  "folder",
  "mutants",
  "sampled",
  "killed",
  "timeouts",
  "survived",
  "equivalent",
  "invalid",
  "score",
];

const cells = (row: Row): string[] => [
  ...[row.folder, row.mutants, row.sampled, row.killed, row.timeouts, row.survived].map(String),
  ...[row.equivalent, row.invalid].map(String),
  percent(scoreOf(row)),
];

/** For a terminal. */
export function table(rows: readonly Row[]): string {
  const t = new Table({
    head: HEAD,
    style: { head: [], border: [] },
    colAligns: HEAD.map((_, i) => (i ? "right" : "left")),
  });
  t.push(...rows.map(cells));
  return t.toString();
}

/** For a page. */
export function markdown(rows: readonly Row[]): string {
  return [HEAD, HEAD.map((_, i) => (i ? "--:" : "---")), ...rows.map(cells)]
    .map((line) => `| ${line.join(" | ")} |`)
    .join("\n");
}

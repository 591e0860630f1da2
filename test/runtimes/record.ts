/**
 * What the matrix saw, kept in results/: one file for each test file, so that no two write the same. The
 * README's table is made from it. `npm run table` records anew; else what is seen is held to the record.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { expect } from "vitest";
import { folder } from "../../scripts/runtimes.js";

/** What digest.js gave on the plain reference. Only another sampling rule, or other calls, may change it. */
export const EXPECTED: { readonly cpu: string; readonly webgpu: string; readonly few: string } = {
  cpu: "586595a4a082e268",
  webgpu: "ebb853ddb46da4b8",
  few: "eddb36abeece64b2",
};

/** As many calls as an interpreter gets, in which all of them would take minutes. */
export const FEW = 60;

/** A row of the table, or what was seen of it. */
export interface Row {
  /** Major and minor; none for the Node that runs the tests, whose patch differs from machine to machine. */
  version?: string;
  /** `calls` where they are fewer than elsewhere. */
  cpu?: { backend: string; digest: string; calls?: number };
  /** Whose WebGPU it is, and over what; or why there is none. */
  webgpu?: { from: string; adapter: string; digest: string } | { none: string };
}

const HINT = "the record in test/runtimes/results differs: `npm run table` renews it, and the README's table";

/** The record of one test file, whose rows are these, in this order. */
export function openRecord(file: "runtimes" | "chromium" | "debian", names: readonly string[]) {
  const path = `${folder}results/${file}.json`;
  const read = (): Record<string, Row> => JSON.parse(readFileSync(path, "utf8"));
  return {
    /** Holds what was seen to the right bits and to its row, or records it. Other Nodes have no row. */
    hold(name: string, seen: Row) {
      if (seen.cpu) expect(seen.cpu.digest).toBe(seen.cpu.calls ? EXPECTED.few : EXPECTED.cpu);
      if (seen.webgpu && "digest" in seen.webgpu) expect(seen.webgpu.digest).toBe(EXPECTED.webgpu);
      if (!names.includes(name)) return;
      const news = { ...seen };
      if (seen.version !== undefined) news.version = seen.version.split(".").slice(0, 2).join(".");
      const rows = read();
      const row = rows[name];
      if (process.env.RECORD_RUNTIMES) {
        const { version, cpu, webgpu } = { ...row, ...news };
        rows[name] = { version, cpu, webgpu };
        const ordered = names.filter((known) => known in rows).map((known) => [known, rows[known]]);
        writeFileSync(path, JSON.stringify(Object.fromEntries(ordered), null, 2) + "\n");
      } else {
        expect({ ...row, ...news }, HINT).toEqual(row);
      }
    },
    /** Holds the record to have a row for each, run here or not, and no other. */
    holdNames() {
      expect(Object.keys(read()), HINT).toEqual(names);
    },
  };
}

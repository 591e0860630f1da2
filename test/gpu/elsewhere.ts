/** The suites of the operations where there is no Vitest, each of their tests as one of Vitest's here. */
import { fileURLToPath } from "node:url";
import { runInThisContext } from "node:vm";
import { build } from "esbuild";
import { beforeAll, describe, expect, test } from "vitest";
import { whyNoDawn } from "./dawn.ts";
import type { Suites } from "./suites.ts";
import type { Outcome } from "./vitest-elsewhere.ts";

export const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url));

/** @param run Runs the suites of the bundle, a classic script, in the place called `where`. */
export async function suitesElsewhere(
  where: string,
  run: (bundle: string) => Promise<Outcome[]>,
): Promise<void> {
  const { outputFiles } = await build({
    entryPoints: [here("suites.ts")],
    alias: { vitest: here("vitest-elsewhere.ts") },
    bundle: true,
    write: false,
    format: "iife",
    target: "es2022",
  });
  const bundle = outputFiles[0].text;
  runInThisContext(bundle);
  const names = (globalThis as { suites?: Suites }).suites!.names();

  const reason = whyNoDawn();
  describe.skipIf(reason)(`${where}${reason ? ` (not here: ${reason})` : ""}`, () => {
    let outcomes: Outcome[];
    beforeAll(async () => {
      outcomes = await run(bundle);
      expect(outcomes.map(({ name }) => name)).toEqual(names);
    }, 600_000);
    test.each(names.map((name, i) => [name, i] as const))("%s", (_name, i) => {
      expect(outcomes[i].error).toBeUndefined();
    });
  });
}

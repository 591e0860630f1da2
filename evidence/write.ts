/** Writes the page and its plots, or looks whether they are what the results make of them. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { Plan } from "./plan.ts";
import { plots } from "./plots.ts";
import { readmeLines, withLines } from "./readme.ts";
import { report } from "./report.ts";
import type { Result } from "./results.ts";

/** Every file of the page, with what it holds; the README too, where one is named. A plot without results has no line in the page. */
async function filesOf(
  plan: Plan,
  results: ReadonlyMap<string, Result>,
  page: string,
  readme: string | null,
): Promise<Map<string, string>> {
  const folder = join(dirname(page), basename(page, ".md"));
  const drawn = await plots(plan, results);
  const files = new Map([...drawn].map(([name, svg]) => [join(folder, name), `${svg}\n`]));
  const shown = report(plan, results).replace(/!\[[^\]]*\]\(evidence\/([^)]+)\)\n\n?/g, (line, name) =>
    drawn.has(name) ? line.replace("(evidence/", `(${basename(folder)}/`) : "",
  );
  if (readme) files.set(readme, withLines(readFileSync(readme, "utf8"), readmeLines(plan, results)));
  return files.set(page, shown);
}

export async function writeReport(
  plan: Plan,
  results: ReadonlyMap<string, Result>,
  page: string,
  readme: string | null,
): Promise<void> {
  for (const [file, text] of await filesOf(plan, results, page, readme)) {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
}

/** The files that are not as they should be. */
export async function checkReport(
  plan: Plan,
  results: ReadonlyMap<string, Result>,
  page: string,
  readme: string | null,
): Promise<string[]> {
  const files = await filesOf(plan, results, page, readme);
  return [...files]
    .filter(([file, text]) => !existsSync(file) || readFileSync(file, "utf8") !== text)
    .map(([file]) => file);
}

/** npm run evidence: an interrupted run goes on, and its page is that of the uninterrupted one. */
import { spawn, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { PLAN } from "../../evidence/plan.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "random-ltd-evidence-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const args = (name: string, ...more: string[]) => [
  "scripts/run.js",
  "evidence/main.ts",
  "--quick",
  "--results",
  join(folder, name),
  "--page",
  join(folder, `${name}.md`),
  ...more,
];
const evidence = (...args: string[]) => spawnSync(process.execPath, args, { encoding: "utf8", cwd: ROOT });
const jsonOf = (name: string) => readdirSync(join(folder, name)).filter((file) => file.endsWith(".json"));

/** All but what the clock on the wall and the processor said. */
const measured = (name: string, file: string) => {
  const { compileSeconds, ...rest } = JSON.parse(readFileSync(join(folder, name, file), "utf8"));
  return rest;
};

beforeAll(() => {
  const { status, stderr } = evidence(...args("whole"));
  expect(stderr).toContain("5 of 5");
  expect(status).toBe(0);
});

test("keeps a result for each job, and writes the page with its plots", () => {
  expect(jsonOf("whole")).toHaveLength(5);
  const page = readFileSync(join(folder, "whole.md"), "utf8");
  expect(page).toContain("All 5 runs of the plan are in.");
  expect(page).toMatch(/\| 6 layers, a route over 1 to 5 \| 0.0045 \| 2 of 2 \| \d/);
  expect(page).not.toMatch(/NaN|undefined|Infinity/);
  expect(readFileSync(join(folder, "whole/arrows.svg"), "utf8")).toContain("2 seeds");
});

test("stopped in the middle of a run, it goes on: the same results, the same page", async () => {
  const child = spawn(process.execPath, args("parts"), { cwd: ROOT });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text) => {
    if (!/step \d+/.test(said) && /step \d+/.test(said + text)) child.kill("SIGINT");
    said += text;
  });
  expect(await new Promise((resolve) => child.on("close", resolve))).toBe(130);
  expect(jsonOf("parts").length).toBeLessThan(5);
  const unfinished = readdirSync(join(folder, "parts/unfinished"));
  expect(unfinished).toHaveLength(1);
  cpSync(join(folder, "parts/unfinished", unfinished[0]), join(folder, "state.safetensors"));
  const half = readFileSync(join(folder, "parts.md"), "utf8");
  expect(half).toContain("goes on with the others");

  expect(evidence(...args("parts")).status).toBe(0);
  expect(readdirSync(join(folder, "parts/unfinished"))).toEqual([]);
  for (const file of jsonOf("whole")) expect(measured("parts", file), file).toEqual(measured("whole", file));
  const page = (name: string) =>
    readFileSync(join(folder, `${name}.md`), "utf8").replaceAll(`(${name}/`, "(");
  expect(page("parts")).toBe(page("whole"));
});

test("what was measured or put away with other settings does not count", () => {
  cpSync(join(folder, "whole"), join(folder, "changed"), { recursive: true });
  const [one, other] = jsonOf("changed").filter((file) => file.includes("-main-"));
  const result = readFileSync(join(folder, "changed", one), "utf8");
  writeFileSync(join(folder, "changed", one), result.replace('"amount": 12', '"amount": 11'));
  rmSync(join(folder, "changed", other));
  // The state of a run with another seed, under the name of the missing one.
  cpSync(
    join(folder, "state.safetensors"),
    join(folder, "changed/unfinished", other.replace("json", "safetensors")),
  );

  expect(evidence(...args("changed")).stderr).toContain("2 of 2");
  for (const file of [one, other]) expect(measured("changed", file)).toEqual(measured("whole", file));
});

test("--check fails where the page is not what the results make of it", () => {
  expect(evidence(...args("whole", "--check"))).toMatchObject({ status: 0, stderr: "" });
  cpSync(join(folder, "whole"), join(folder, "other"), { recursive: true });
  writeFileSync(join(folder, "other.md"), "all is well\n");
  const { status, stderr } = evidence(...args("other", "--check"));
  expect(status).toBe(1);
  expect(stderr).toContain("other.md is not what npm run evidence -- --report makes of the results");
});

test("the page in docs/ is what the results in the repository make of it", () => {
  expect(existsSync(join(ROOT, "docs/evidence.md"))).toBe(true);
  const { status, stderr } = evidence("scripts/run.js", "evidence/main.ts", "--check");
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
});

test("the plan names each job once, and each comparison has the same time", () => {
  const ids = PLAN.jobs.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  const groups = new Map<string, Set<string>>();
  for (const job of PLAN.jobs) {
    if (job.kind !== "run") continue;
    const { task, group, budget, sizes } = job.entry;
    const key = `${task} ${group}`;
    groups.set(key, (groups.get(key) ?? new Set()).add(JSON.stringify([budget, sizes])));
  }
  for (const [key, budgets] of groups) expect(budgets.size, key).toBe(1);
});

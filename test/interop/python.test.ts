/** The tests of interop/python, where there is a Python with what they need; Debian has it in python3-torch and others. */
import { spawnSync } from "node:child_process";
import { expect, it } from "vitest";
import { findPython } from "../../scripts/python.js";

const NEEDED = ["pytest", "numpy", "torch"];

/** Runs pytest on the tests that `-k` chooses, and gives its last line. */
function pytest(python: string, chosen: string): string {
  const { status, stdout, stderr } = spawnSync(
    python,
    ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", chosen],
    {
      cwd: "interop/python",
      encoding: "utf8",
      timeout: 590_000,
      env: { ...process.env, PYTHONDONTWRITEBYTECODE: "1" },
    },
  );
  expect(status, stdout + stderr).toBe(0);
  return stdout.trim().split("\n").at(-1)!;
}

const python = findPython(NEEDED);
const triton = findPython([...NEEDED, "triton"]);

it.skipIf(!python)(
  "interop/python: rule, swap, hand-over, ranks (needs pytest, numpy, torch)",
  () => {
    expect(pytest(python!, "not triton")).toMatch(/\d{2} passed/);
  },
  600_000,
);

it.skipIf(!triton)("interop/python: Triton's kernel, in its interpreter without a GPU (needs triton)", () => {
  expect(pytest(triton!, "triton")).toMatch(/\d{2} passed/);
});

/** The proof of `npm run interop` for the GPT, where there is a Python with torch; `.ci/run` runs the whole of it. */
import { spawnSync } from "node:child_process";
import { expect, it } from "vitest";
import { findPython } from "../../scripts/python.js";

it.skipIf(!findPython(["torch", "numpy"]))(
  "a run goes from Node to two ranks of PyTorch and back (needs torch, numpy)",
  () => {
    const args = ["scripts/run.js", "interop/node/proof.ts", "gpt"];
    const { status, stdout, stderr } = spawnSync("node", args, { encoding: "utf8", timeout: 590_000 });
    expect(status, stdout + stderr).toBe(0);
    expect(stdout).toContain("OTHER TOKENS");
    expect(stdout).toContain("all of it holds");
  },
  600_000,
);

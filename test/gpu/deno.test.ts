/** The suites of the operations in Deno, whose WebGPU is wgpu, over SwiftShader. */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { installed, installRuntimes } from "../../scripts/runtimes.js";
import { swiftShaderFolder } from "../../scripts/swiftshader.js";
import { here, suitesElsewhere } from "./elsewhere.ts";

await suitesElsewhere("Deno", async (bundle) => {
  installRuntimes();
  const folder = mkdtempSync(join(tmpdir(), "random-ltd-"));
  try {
    const file = join(folder, "suites.js");
    writeFileSync(file, bundle);
    const args = ["run", "-A", here("deno.js"), file, swiftShaderFolder()];
    return JSON.parse((await promisify(execFile)(installed(".bin/deno"), args)).stdout);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

/** Every operation on GPU tensors in Deno, whose WebGPU is wgpu, over SwiftShader. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { swiftShaderFolder } from "../../scripts/swiftshader.js";
import { installed, installRuntimes } from "../runtimes/install.js";
import { whyNoDawn } from "./dawn.ts";

const reason = whyNoDawn();
const here = (file: string) => fileURLToPath(new URL(file, import.meta.url));

describe.skipIf(reason)(`Deno${reason ? ` (not here: ${reason})` : ""}`, () => {
  const folder = mkdtempSync(join(tmpdir(), "random-ltd-"));
  beforeAll(installRuntimes, 300_000);
  afterAll(() => rmSync(folder, { recursive: true }));

  test("every operation", async () => {
    const outfile = join(folder, "gpu.js");
    await build({
      entryPoints: [here("deno.ts")],
      alias: { vitest: here("page-vitest.ts") },
      bundle: true,
      outfile,
      format: "esm",
    });
    const args = ["run", "-A", outfile, swiftShaderFolder()];
    expect(execFileSync(installed(".bin/deno"), args, { encoding: "utf8" }).trim()).toBe("12 cases");
  });
});

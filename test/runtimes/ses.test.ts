/**
 * The built package under SES (Hardened JavaScript, as in wallets and Agoric's contracts), whose compartments refuse a file
 * that may call eval, dynamic import or HTML comments included, and give it no global but those that it is handed.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect, it } from "vitest";
import { folder } from "../../scripts/runtimes.js";
import { EXPECTED, FEW } from "./record.ts";

/** What an entry says in a compartment. */
function inCompartment(dist: string, entry: string, calls: number, ...more: string[]) {
  const args = [join(folder, "ses.js"), dist, entry, String(calls), ...more];
  return JSON.parse(execFileSync(process.execPath, args, { encoding: "utf8", stdio: "pipe" }));
}

it.each([
  ["index.js", FEW, [], { backend: "wasm", digest: EXPECTED.few }],
  ["index.js, given no global", FEW, ["bare"], { backend: "reference", digest: EXPECTED.few }],
  ["random-ltd.min.js", FEW, [], { backend: "wasm", digest: EXPECTED.few }],
  ["webgpu.js", 0, [], { backend: "wasm", digest: null }],
] as const)("%s in a compartment", (entry, calls, more, expected) => {
  expect(inCompartment(resolve("dist"), entry.split(",")[0], calls, ...more)).toEqual(expected);
});

it("a control: a method named eval is refused", () => {
  const dist = mkdtempSync(join(tmpdir(), "ses-"));
  try {
    writeFileSync(join(dist, "index.js"), "export const layer = { eval() {} };");
    expect(() => inCompartment(dist, "index.js", 0)).toThrow("SES_EVAL_REJECTED");
  } finally {
    rmSync(dist, { recursive: true });
  }
});

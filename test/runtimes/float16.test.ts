/** float16 in a Float16Array, which Node 20 lacks: by the Node that runs the tests where it has one, else by Node 24. */
import { execFileSync } from "node:child_process";
import { join, resolve } from "node:path";
import { expect, it } from "vitest";
import { folder, installed, installRuntimes } from "../../scripts/runtimes.js";

const own = "Float16Array" in globalThis;
const linux = process.platform === "linux" && process.arch === "x64";
const whyNot = own || linux ? "" : "this Node has none, and npm has Node 24 for Linux on x64 only";

it.skipIf(whyNot)(`what comes in a Float16Array goes out in one ${whyNot}`, () => {
  if (!own) installRuntimes();
  const node = own ? process.execPath : installed("node24/bin/node");
  // Node 24 reads the sources as they are.
  const run = ["--disable-warning=ExperimentalWarning", join(folder, "float16.js"), resolve("src")];
  expect(execFileSync(node, run, { encoding: "utf8" })).toBe("every result in a Float16Array\n");
});

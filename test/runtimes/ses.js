// A built entry in a SES Compartment: prints its backend, and the digest of some calls where it moves tokens on the CPU.
// Arguments: dist/, the entry, how many calls, and "bare" for a compartment that is given nothing.
import "ses";
import { readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { ModuleSource } from "@endo/module-source";

const [, , dist, entry, count, bare] = process.argv;
const digestJs = readFileSync(new URL("digest.js", import.meta.url), "utf8");

lockdown();
const compartment = new Compartment({
  __options__: true,
  globals: bare ? {} : { WebAssembly, console },
  resolveHook: (/** @type {string} */ specifier, /** @type {string} */ referrer) =>
    posix.join(posix.dirname(referrer), specifier),
  importHook: async (/** @type {string} */ path) => ({
    source: new ModuleSource(
      path === "digest.js" ? digestJs : readFileSync(join(dist, path), "utf8"),
      `file:///${path}`,
    ),
  }),
});
const { namespace: lib } = await compartment.import(entry);
const { namespace: helper } = await compartment.import("digest.js");
const digest = Number(count) > 0 ? helper.digest(lib, Number(count)) : null;
console.log(JSON.stringify({ backend: lib.cpuBackend(), digest }));

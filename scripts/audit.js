// `npm run audit`: known weaknesses of what package-lock.json names. Fails where the registry knows of some; where it could
// not be asked, says so, for an audit that passes because nobody answered is worse than none.
import { spawnSync } from "node:child_process";

/** @returns {string} what came of it, in a line; sets the exit code where something is weak */
function audit() {
  const { stdout, stderr, error } = spawnSync("npm", ["audit", "--json"], { encoding: "utf8" });
  const unasked = (/** @type {unknown} */ why) => `NOT ASKED, so nothing is known: ${why}`;
  if (error) return unasked(error.message);
  let report;
  try {
    report = JSON.parse(stdout);
  } catch {
    return unasked((stderr || stdout).trim().split("\n")[0] || "npm gave no answer");
  }
  const { vulnerabilities, message } = report;
  const counts = report.metadata?.vulnerabilities;
  if (!vulnerabilities || !counts) return unasked(message ?? report.error?.summary ?? "no report came back");
  if (counts.total === 0)
    return `asked, and of ${report.metadata.dependencies.total} packages none has a known weakness`;
  process.exitCode = 1;
  const names = Object.values(vulnerabilities).map(({ name, severity }) => `${name} (${severity})`);
  return `${counts.total} packages with known weaknesses: ${names.join(", ")}`;
}

console.log(`audit: ${audit()}`);

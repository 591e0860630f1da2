// Prints "N passed, N failed" from vitest's own JSON report, and fails unless all passed: node scripts/count-tests.js FILE
import { readFileSync } from "node:fs";

/**
 * @typedef {{ status: string }} Test
 * @typedef {{ numPassedTests: number, numFailedTests: number, testResults: (Test & { assertionResults: Test[] })[] }} Report
 */

/** @type {Report} */
const { numPassedTests, numFailedTests, testResults } = JSON.parse(readFileSync(process.argv[2], "utf8"));
// A file that doesn't load fails without running a test.
const broken = testResults.filter(({ status, assertionResults }) => {
  return status === "failed" && !assertionResults.some(({ status }) => status === "failed");
}).length;
const failed = numFailedTests + broken;
console.log(`${numPassedTests} passed, ${failed} failed`);
if (failed > 0 || numPassedTests === 0) process.exit(1);

// Finds the Python that interop/python runs with.
import { spawnSync } from "node:child_process";

/** RANDOM_LTD_PYTHON names one; else the first of these that has what is needed. */
const CANDIDATES = process.env.RANDOM_LTD_PYTHON
  ? [process.env.RANDOM_LTD_PYTHON]
  : ["python3", "/usr/bin/python3", "python"];

/**
 * The first Python that can import all of `modules`, or null.
 *
 * @param {readonly string[]} modules
 * @returns {string | null}
 */
export function findPython(modules) {
  const code = `import importlib.util, sys; sys.exit(any(importlib.util.find_spec(m) is None for m in sys.argv[1:]))`;
  const has = (/** @type {string} */ python) => spawnSync(python, ["-c", code, ...modules]).status === 0;
  return CANDIDATES.find(has) ?? null;
}

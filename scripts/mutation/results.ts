/** What became of mutants, kept as it comes, one JSON line each: a run that was interrupted goes on from there. */
import { appendFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { dirname } from "node:path";

/**
 * - killed: a test failed; timeout: the tests did not end, or memory ran out
 * - survived: all tests passed
 * - same: the compiler makes the very same bytes of it, so that no test could tell
 * - invalid: no compiler takes it
 */
export type Status = "killed" | "timeout" | "survived" | "same" | "invalid";

export interface Result {
  readonly key: string;
  readonly file: string;
  readonly line: number;
  readonly status: Status;
  /** The first test that failed. */
  readonly by?: string;
  /** Of the mutated file's text: results of another text count only as long as the line is there. */
  readonly digest: string;
}

export class Results {
  readonly #path: string;
  readonly #all = new Map<string, Result>();

  constructor(path: string) {
    this.#path = path;
    mkdirSync(dirname(path), { recursive: true });
    if (!existsSync(path)) return;
    for (const line of readFileSync(path, "utf8").split("\n").filter(Boolean)) {
      const result: Result = JSON.parse(line);
      this.#all.set(result.key, result); // the last one counts
    }
  }

  get(key: string, digest: string): Result | undefined {
    const result = this.#all.get(key);
    return result?.digest === digest ? result : undefined;
  }

  add(result: Result): void {
    this.#all.set(result.key, result);
    appendFileSync(this.#path, `${JSON.stringify(result)}\n`);
  }
}

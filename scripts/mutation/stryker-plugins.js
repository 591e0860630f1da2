// StrykerJS takes a sample: a reporter chooses it once all mutants are known and writes down what becomes of each, and a
// checker passes over the others. The file that MUTATION names says which seed, how many, and what is known already.
import { createHash } from "node:crypto";
import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { relative } from "node:path";
import { declareClassPlugin, PluginKind } from "@stryker-mutator/api/plugin";

/**
 * @type {{
 *   seed: number, sample: number | null, share: number, only: string, dry: boolean, known: string, results: string, plan: string
 * }}
 */
const { seed, sample, share, only, dry, known, results, plan } = JSON.parse(
  readFileSync(process.env.MUTATION ?? "", "utf8"),
);

/** @param {string} text */
const digest = (text) => createHash("sha256").update(text).digest("hex");

/** @type {Map<string, string[]>} */
const texts = new Map();

/**
 * The key of a mutant, as those of operators.ts: file, line's text, column, change.
 * @param {import("@stryker-mutator/api/core").Mutant} mutant
 */
function keyOf({ fileName, location: { start, end }, mutatorName, replacement }) {
  const file = relative(process.env.MUTATION_ROOT ?? "", fileName);
  const lines = texts.get(file) ?? readFileSync(`${process.env.MUTATION_ROOT}/${file}`, "utf8").split("\n");
  texts.set(file, lines);
  const line = lines[start.line];
  const text = line.trim();
  const column = start.column - (line.length - line.trimStart().length);
  const from =
    start.line === end.line
      ? line.slice(start.column, end.column)
      : `${line.slice(start.column)} ... (${end.line - start.line} lines more)`;
  return {
    file,
    line: start.line + 1,
    key: [file, text, column, `${mutatorName}: ${from} -> ${replacement.replaceAll(/\s+/g, " ")}`].join("\t"),
  };
}

/** @type {Record<string, string>} */
const STATUS = {
  Killed: "killed",
  Timeout: "timeout",
  Survived: "survived",
  NoCoverage: "survived",
  RuntimeError: "killed",
};

class SampleReporter {
  /**
   * Those to test, by id; results give other columns than plans.
   * @type {Map<string, ReturnType<typeof keyOf>>}
   */
  #todo = new Map();

  /** @param {import("@stryker-mutator/api/report").MutationTestingPlanReadyEvent} event */
  onMutationTestingPlanReady({ mutantPlans }) {
    const all = mutantPlans
      .map(({ mutant }) => mutant)
      // What runs as a module loads is the original's by now, but for tests that load it anew.
      .filter((mutant) => mutant.status !== "Ignored" && !mutant.static)
      .map((mutant) => ({ mutant, ...keyOf(mutant) }))
      .map((one) => ({ ...one, at: digest(`${seed}\0${one.key}`) }))
      .sort((a, b) => (a.at < b.at ? -1 : 1));
    // In this order, so that what is known of a run that was interrupted is a smaller sample.
    const order = new Map(all.map(({ mutant }, i) => [mutant.id, i]));
    /** @param {{ mutant: { id: string } }} plan */
    const at = ({ mutant }) => order.get(mutant.id) ?? all.length;
    /** @type {any[]} */ (mutantPlans).sort((a, b) => at(a) - at(b));
    const most = share < 1 && !only ? Math.round(share * all.length) : (sample ?? all.length);
    const chosen = all.filter(({ key }) => key.includes(only)).slice(0, most);
    this.#start = Date.now();
    const done = new Set(JSON.parse(readFileSync(known, "utf8")));
    const todo = chosen.filter(({ key }) => !dry && !done.has(key));
    this.#todo = new Map(todo.map(({ mutant, file, line, key }) => [mutant.id, { file, line, key }]));
    /** @type {Record<string, number>} */
    const mutants = {};
    for (const { file } of all) mutants[file] = (mutants[file] ?? 0) + 1;
    writeFileSync(
      plan,
      JSON.stringify({ todo: [...this.#todo.keys()], keys: chosen.map(({ key }) => key), mutants }),
    );
    if (dry) for (const { line, key } of chosen) console.log(`${line}: ${key.replaceAll("\t", " | ")}`);
    console.log(`src: ${all.length} mutants, ${chosen.length} in the sample, ${this.#todo.size} to test`);
  }

  #done = 0;
  #start = 0;

  /** @param {Readonly<import("@stryker-mutator/api/core").MutantResult>} result */
  onMutantTested(result) {
    const mutant = this.#todo.get(result.id);
    if (!mutant) return;
    const { file, line, key } = mutant;
    const status = STATUS[result.status] ?? "invalid";
    const by = result.killedBy?.[0];
    const whole = readFileSync(`${process.env.MUTATION_ROOT}/${file}`, "utf8");
    appendFileSync(
      results,
      `${JSON.stringify({ key, file, line, digest: digest(whole).slice(0, 12), status, by })}\n`,
    );
    const left = ((Date.now() - this.#start) / ++this.#done) * (this.#todo.size - this.#done);
    const where = `${file}:${line} ${key.split("\t")[3].slice(0, 80)}`;
    console.log(
      `  ${this.#done}/${this.#todo.size}, ${(left / 60_000).toFixed(1)} min to go: ${status} ${where}`,
    );
  }
}

class SampleChecker {
  async init() {}

  /** @param {import("@stryker-mutator/api/core").Mutant[]} mutants */
  async check(mutants) {
    const todo = new Set(JSON.parse(readFileSync(plan, "utf8")).todo);
    return Object.fromEntries(
      mutants.map(({ id }) => [
        id,
        todo.has(id)
          ? { status: "passed" }
          : { status: "compileError", reason: "not in the sample, or known" },
      ]),
    );
  }

  /** @param {import("@stryker-mutator/api/core").Mutant[]} mutants */
  async group(mutants) {
    return [mutants.map(({ id }) => id)];
  }
}

export const strykerPlugins = [
  declareClassPlugin(PluginKind.Reporter, "sample", /** @type {any} */ (SampleReporter)),
  declareClassPlugin(PluginKind.Checker, "sample", /** @type {any} */ (SampleChecker)),
];

/**
 * `npm run mutation -- [src] [assembly] [gpu]`: how many small changes of the code the tests notice. A seeded sample of
 * the mutants, by StrykerJS for src/ and by operators.ts for the others. Results are kept in build/mutation/ as they
 * come, so a run that was interrupted goes on. Ends with a table and with failure below the least scores, and writes
 * test/mutation/score.json and score.md. Mutants live in temporary folders: no file of the repository is changed.
 */
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { type Mutant, mutantsOf, mutated, place } from "./operators.ts";
import { type Result, Results } from "./results.ts";
import {
  EQUIVALENTS,
  folderOf,
  markdown,
  percent,
  type Row,
  readEquivalents,
  reasonOf,
  rowsOf,
  scoreOf,
  table,
  total,
} from "./score.ts";
import { runStryker } from "./stryker.ts";
import { AREAS, test } from "./suites.ts";

const HELP = `npm run mutation -- [src] [assembly] [gpu]     all three, if none is named
--sample 120     mutants of each, or --sample all
--seed 1         which ones: a larger sample has those of a smaller one
--workers N      mutants at a time, ${availableParallelism()} here
--again          survivors are tried once more
--only TEXT      those of which file, line or change have TEXT in them, and no others; the score stays as it is
--dry            lists the sample`;

const NAMES = ["src", "assembly", "gpu"] as const;
type Name = (typeof NAMES)[number];
const LEAST: Readonly<Record<Name, number>> = { src: 0.95, assembly: 0.95, gpu: 0.9 };
const SCORE = "test/mutation/score";

const flag = { type: "boolean", default: false } as const;
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    sample: { type: "string", default: "120" },
    seed: { type: "string", default: "1" },
    workers: { type: "string", default: String(availableParallelism()) },
    only: { type: "string", default: "" },
    ...{ again: flag, dry: flag, help: flag },
  },
});
const [seed, workers] = [Number(values.seed), Number(values.workers)];
const sample = values.sample === "all" ? Number.POSITIVE_INFINITY : Number(values.sample);
const wanted = positionals.length > 0 ? positionals : NAMES;
const isWrong = ![seed, workers, values.sample === "all" ? 1 : sample].every(
  (n) => Number.isInteger(n) && n >= 1,
);
if (values.help || isWrong || wanted.some((name) => !NAMES.includes(name as Name))) {
  console.log(HELP);
  process.exit(values.help ? 0 : 1);
}

const digest = (text: string) => createHash("sha256").update(text).digest("hex").slice(0, 12);
const minutes = (ms: number) => `${(ms / 60_000).toFixed(1)} min`;

/** What one area came to: results of the sample, and how many mutants each folder has. */
interface Outcome {
  readonly results: readonly Result[];
  readonly mutants: ReadonlyMap<string, number>;
}

/** Mutants of assembly/ or gpu/. */
async function runArea(name: "assembly" | "gpu"): Promise<Outcome> {
  const area = AREAS[name];
  const results = new Results(`build/mutation/${name}.jsonl`);
  const texts = new Map(area.files.map((file) => [file, readFileSync(file, "utf8")]));
  const all = [...texts].flatMap(([file, text]) => mutantsOf(file, text));
  const chosen = all
    .filter(({ key }) => key.includes(values.only))
    .map((mutant) => ({ mutant, at: place(seed, mutant.key) }))
    .sort((a, b) => (a.at < b.at ? -1 : 1))
    .slice(0, sample)
    .map(({ mutant }) => mutant);
  const known = ({ key, file }: Mutant) => results.get(key, digest(texts.get(file)!));
  const todo = chosen.filter((mutant) => {
    const status = known(mutant)?.status;
    return status === undefined || (values.again && status === "survived");
  });
  console.log(`${name}: ${all.length} mutants, ${chosen.length} in the sample, ${todo.length} to test`);
  if (values.dry) for (const { key, line } of chosen) console.log(`${line}: ${key.replaceAll("\t", " | ")}`);
  else if (todo.length > 0) {
    const start = Date.now();
    let done = 0;
    const next = todo.values();
    const work = async () => {
      for (const mutant of next) {
        const { file, line, key, from, to } = mutant;
        const text = texts.get(file)!;
        const found = await test(area, file, mutated(text, mutant));
        results.add({ key, file, line, digest: digest(text), ...found });
        const left = ((Date.now() - start) / ++done) * (todo.length - done);
        const where = `${file}:${line} ${from} -> ${to}`;
        console.log(
          `  ${done}/${todo.length}, ${minutes(left)} to go: ${found.status} ${where} ${found.by ?? ""}`,
        );
      }
    };
    await Promise.all(Array.from({ length: workers }, work));
  }
  const mutants = new Map<string, number>();
  for (const { file } of all) mutants.set(folderOf(file), (mutants.get(folderOf(file)) ?? 0) + 1);
  return { results: chosen.flatMap((mutant) => known(mutant) ?? []), mutants };
}

interface Score {
  seed: number;
  areas: Partial<Record<Name, { rows: Row[]; total: Row; score: string; survivors: string[] }>>;
}

function write(score: Score): void {
  writeFileSync(`${SCORE}.json`, `${JSON.stringify(score, null, 2)}\n`);
  const areas = Object.entries(score.areas);
  const rows = areas.flatMap(([, { rows, total }]) => (rows.length > 1 ? [...rows, total] : [total]));
  const survivors = areas.flatMap(([, { survivors }]) =>
    survivors.map((key) => `- \`${key.replaceAll("`", "'")}\``),
  );
  const missing = NAMES.filter((name) => score.areas[name] === undefined);
  const page = `# Mutation score

Written by \`npm run mutation\`, seed ${score.seed}. A mutant is one small change of the code; the score is the share of the sampled mutants that a test notices. Those in the column *equivalent* change nothing that a test could tell: the compiler makes the same bytes of them, or [the list](equivalents.json) gives the reason. *invalid* ones are refused by the compiler and are not counted.

${markdown(rows)}
${missing.length > 0 ? `\nNot measured yet: ${missing.join(", ")}.\n` : ""}
${survivors.length > 0 ? `Survivors that are not in the list:\n\n${survivors.join("\n")}` : "No mutant survived that is not in the list."}
`;
  writeFileSync(`${SCORE}.md`, page);
}

const list = readEquivalents();
const score: Score = existsSync(`${SCORE}.json`)
  ? JSON.parse(readFileSync(`${SCORE}.json`, "utf8"))
  : { seed, areas: {} };
score.seed = seed;
let isLow = false;
for (const name of NAMES.filter((name) => wanted.includes(name))) {
  const { results, mutants } =
    name === "src"
      ? await runStryker({ seed, sample, workers, only: values.only, again: values.again, dry: values.dry })
      : await runArea(name);
  if (values.dry) continue;
  const rows = rowsOf(results, mutants, list);
  const whole = total(rows, name === "src" ? "src, all" : name);
  const survivors = results
    .filter(({ status, key }) => status === "survived" && reasonOf(key, list) === undefined)
    .map(({ line, key }) => `${line}: ${key.replaceAll("\t", " | ")}`);
  score.areas[name] = { rows, total: whole, score: percent(scoreOf(whole)), survivors };
  console.log(table(rows.length > 1 ? [...rows, whole] : [whole]));
  for (const key of survivors) console.log(`  survived: ${key}`);
  if (scoreOf(whole) < LEAST[name]) {
    console.log(
      `${name}: ${percent(scoreOf(whole))} is below ${percent(LEAST[name])}; survivors that no test can tell go into ${EQUIVALENTS}`,
    );
    isLow = true;
  }
}
if (!values.dry && !values.only) write(score);
process.exit(isLow ? 1 : 0);

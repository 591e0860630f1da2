// Measures what docs/evidence.md shows, and writes it: npm run evidence, or with --help to see how.
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { defaultDevice, init } from "@jax-js/jax";
import { Progress } from "../demo/progress.ts";
import { PLAN, QUICK } from "./plan.ts";
import { isDone, readResults, writeResult } from "./results.ts";
import { processorTime, work } from "./work.ts";
import { checkReport, writeReport } from "./write.ts";

const HELP = `Usage: npm run evidence -- [options]

Does what is missing of the plan (evidence/plan.ts), keeps each result in evidence/results/ and writes docs/evidence.md,
its plots and the README's lines from them. Hours; Ctrl-C puts the run at hand away, and the next call goes on with it.

  --only TEXT   jobs whose name has TEXT in it
  --jobs N      stop after so many
  --report      write the page from the results that there are, and measure nothing
  --check       fail where the page is not what the results make of it
  --quick       a plan of a minute that shows nothing, for tests
  --results DIR, --page FILE   other places
  --help        this text
`;

/** Build folders hold this file as it runs; the repository is two above. */
const root = fileURLToPath(new URL("../..", import.meta.url));

const PAGE = `${root}docs/evidence.md`;

const { values } = parseArgs({
  options: {
    only: { type: "string", default: "" },
    jobs: { type: "string", default: "1000000" },
    report: { type: "boolean", default: false },
    check: { type: "boolean", default: false },
    quick: { type: "boolean", default: false },
    results: { type: "string", default: `${root}evidence/results` },
    page: { type: "string", default: PAGE },
    help: { type: "boolean", default: false },
  },
});

async function measure(): Promise<void> {
  const plan = values.quick ? QUICK : PLAN;
  const missing = plan.jobs.filter((job) => job.id.includes(values.only) && !isDone(values.results, job));
  const jobs = missing.slice(0, Number(values.jobs));
  // A quick run is over before a second line would be due.
  const progress = new Progress(process.stderr, values.quick ? 0 : undefined);
  let interrupted = false;
  process.on("SIGINT", () => {
    interrupted = true;
  });
  await init("wasm");
  defaultDevice("wasm");
  // In quick runs each step takes a hundredth of a second, so that a repeated run has the same results.
  let ticks = 0;
  const clock = values.quick ? () => 10 * ticks++ : processorTime;
  for (const [i, job] of jobs.entries()) {
    const result = await work(job, {
      folder: `${values.results}/unfinished`,
      clock,
      leave: () => interrupted,
      tell: (text, part) => progress.show((i + part) / jobs.length, `${i + 1} of ${jobs.length} | ${text}`),
    });
    if (result === null) break;
    writeResult(values.results, result);
  }
  progress.stop();
  if (interrupted) process.exitCode = 130;
}

if (values.help) {
  process.stdout.write(HELP);
} else {
  const plan = values.quick ? QUICK : PLAN;
  if (!values.report && !values.check) await measure();
  const results = readResults(values.results, plan);
  const readme = values.page === PAGE ? `${root}README.md` : null;
  if (values.check) {
    const differing = await checkReport(plan, results, values.page, readme);
    for (const file of differing)
      process.stderr.write(`${file} is not what npm run evidence -- --report makes of the results\n`);
    if (differing.length > 0) process.exitCode = 1;
  } else {
    await writeReport(plan, results, values.page, readme);
  }
}

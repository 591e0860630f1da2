// Trains a small GPT on Moby Dick with all tokens and with random-LTD: `npm start`, or with --help to see how.
import { accessSync, constants, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { helpText, OptionError, parseOptions } from "./options.js";

/** A second Ctrl-C ends at once. npm passes the first one on, so that it comes twice: that is no second one. */
const SECOND_AFTER_MS = 1000;
const EXIT_INTERRUPTED = 130;

function refuse(message) {
  process.stderr.write(`${message}\n`);
  process.exit(2);
}

function readOptions() {
  try {
    return parseOptions(process.argv.slice(2));
  } catch (error) {
    if (!(error instanceof OptionError)) throw error;
    return refuse(error.message);
  }
}

/** A folder that can't be written to is better known now than after the training. */
function makeFolder(out) {
  try {
    mkdirSync(out, { recursive: true });
    accessSync(out, constants.W_OK);
  } catch (error) {
    refuse(`"--out" expected a folder that can be written to, got ${out} (${error.code})`);
  }
}

/** Whether Ctrl-C was pressed. */
function watchInterrupt(progress) {
  let first = null;
  process.on("SIGINT", () => {
    const now = performance.now();
    if (first !== null && now - first > SECOND_AFTER_MS) {
      progress.stop();
      process.exit(EXIT_INTERRUPTED);
    }
    first ??= now;
  });
  return () => first !== null;
}

/** Writes the picture and the numbers; their paths. */
async function writeFiles(folder, results, summary) {
  const { drawPicture } = await import("./picture.js");
  const picture = join(folder, "demo.svg");
  const numbers = join(folder, "demo.json");
  writeFileSync(picture, await drawPicture(results));
  const totalSeconds = performance.now() / 1000;
  writeFileSync(numbers, `${JSON.stringify({ totalSeconds, ...results, summary })}\n`);
  return { picture, numbers, totalSeconds };
}

async function main() {
  const options = readOptions();
  if (options.help) {
    process.stdout.write(helpText());
    return;
  }
  makeFolder(options.out);
  const { clock, Progress } = await import("./progress.js");
  const progress = new Progress();
  const interrupted = watchInterrupt(progress);
  const [{ init }, { loadText }, { train }, { summarize }, { report }] = await Promise.all([
    import("@jax-js/jax"),
    import("./text.js"),
    import("./train.js"),
    import("./summary.js"),
    import("./report.js"),
  ]);
  await init("wasm");
  let results;
  try {
    results = await train(options, loadText(), progress, interrupted);
  } finally {
    progress.stop();
  }
  if (results.stopped === "Ctrl-C") process.exitCode = EXIT_INTERRUPTED;
  if (results.stepsDone === 0) {
    process.exitCode ??= 1;
    process.stdout.write(`Stopped by ${results.stopped} before the first step: there is nothing to show.\n`);
    return;
  }
  const summary = summarize(results);
  const { picture, numbers, totalSeconds } = await writeFiles(options.out, results, summary);
  process.stdout.write(
    `\n${report(results, summary)}\n\nAll in all ${clock(totalSeconds)} minutes.\nPicture: ${picture}\nNumbers: ${numbers}\n`,
  );
}

await main();

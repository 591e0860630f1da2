import Table from "cli-table3";

const percent = (ratio) => `${(100 * ratio).toFixed(1)}%`;
const seconds = (value) => `${value.toFixed(1)} s`;
const milliseconds = (value) => `${(1000 * value).toFixed(0)} ms`;
const signed = (value, digits) => `${value < 0 ? "-" : "+"}${Math.abs(value).toFixed(digits)}`;

function table(head, rows) {
  const colAligns = head.map((_, i) => (i ? "right" : "left"));
  // No colours: the table is also read in files.
  const drawn = new Table({ head, colAligns, style: { head: [], border: [], compact: true } });
  drawn.push(...rows);
  return drawn.toString();
}

function comparison({ bigramLoss, stepsDone }, { all, ltd, difference, predictedSteps }) {
  const time = (name, key) => [name, seconds(all[key]), seconds(ltd[key]), percent(ltd[key] / all[key])];
  const bigram = bigramLoss.toFixed(3);
  return table(
    [`after ${stepsDone} steps`, "all tokens", "random-LTD", "against all tokens"],
    [
      ["validation loss", all.loss.toFixed(3), ltd.loss.toFixed(3), signed(difference.mean, 3)],
      ["bigram baseline", bigram, bigram, ""],
      ["layer-tokens", all.layerTokens, ltd.layerTokens, percent(ltd.layerTokens / all.layerTokens)].map(
        (cell) => (typeof cell === "number" ? cell.toLocaleString("en-US") : cell),
      ),
      time("time in steps", "steps"),
      ["  as FLOPs predict", "", seconds(predictedSteps * all.steps), percent(predictedSteps)],
      time("compile time", "compile"),
      time("time validating", "validation"),
      time("total time", "total"),
    ],
  );
}

function steps({ rows }) {
  return table(
    ["K", "steps", "all tokens", "random-LTD", "measured", "FLOPs predict"],
    rows.map(({ K, steps, all, ltd, ratio, predicted }) => [
      K,
      steps,
      milliseconds(all),
      milliseconds(ltd),
      percent(ratio),
      percent(predicted),
    ]),
  );
}

/** What the numbers say, the disappointing included, each sentence from this run alone. */
function remarks({ bigramLoss, stepsDone, options, validSequences, parameters }, summary) {
  const { all, ltd, difference, equalTime, sampling, predictedSteps, compiledLengths } = summary;
  const lines = [];
  const { mean, error } = difference;
  const size = `${Math.abs(mean).toFixed(3)} (standard error ${error.toFixed(3)}, ${validSequences} held-out sequences)`;
  if (Math.abs(mean) < 2 * error) {
    lines.push(
      `After the same ${stepsDone} steps the validation losses differ by ${size}: no clear difference.`,
    );
  } else {
    const word = mean > 0 ? "higher, so worse," : "lower, so better,";
    lines.push(`After the same ${stepsDone} steps random-LTD's validation loss is ${word} by ${size}.`);
  }
  if (ltd.steps >= all.steps) {
    lines.push("Its steps took no less time than those with all tokens.");
  } else if (equalTime) {
    const gap = ltd.loss - equalTime.loss;
    const word = Math.abs(gap) < 2 * error ? "about the same" : gap > 0 ? "worse" : "better";
    lines.push(
      `In the time of its steps, ${seconds(ltd.steps)}, all tokens came to about ${equalTime.loss.toFixed(3)} (step ` +
        `${equalTime.step}, learning rate still higher): at equal time random-LTD is ${word}.`,
    );
  }
  const more = ltd.compile - all.compile;
  const saved = all.steps - ltd.steps;
  lines.push(
    `Its steps took ${percent(ltd.steps / all.steps)} of the time with all tokens where FLOPs predict ` +
      `${percent(predictedSteps)}. ${signed(saved, 1)} s saved in steps, ${signed(more, 1)} s of compiling for ` +
      `${compiledLengths} lengths: ${signed(saved - more, 1)} s in all.`,
  );
  if (Number.isFinite(sampling)) {
    lines.push(
      `Drawing the retained tokens and their index maps took ${(1000 * sampling).toFixed(2)} ms a step.`,
    );
  }
  const behind = [
    ["all tokens", all],
    ["random-LTD", ltd],
  ].filter(([, { loss }]) => loss >= bigramLoss);
  for (const [name] of behind)
    lines.push(`The model with ${name} has not passed the bigram table: it learned little.`);
  lines.push(
    `One run with one seed, ${parameters.toLocaleString("en-US")} weights, ${options.layers} layers: too little to say ` +
      "what random-LTD does to quality.",
  );
  return lines.map((line) => wrap(`- ${line}`)).join("\n");
}

/** Lines of at most 88 characters, those after the first indented. */
function wrap(text) {
  const lines = [""];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last.length + word.length < 88) lines[lines.length - 1] = last === "" ? word : `${last} ${word}`;
    else lines.push(`  ${word}`);
  }
  return lines.join("\n");
}

/** The tables and remarks of a run, ready to print. */
export function report(results, summary) {
  const { stopped, stepsDone, options } = results;
  const head = stopped ? [`Stopped by ${stopped} after ${stepsDone} of ${options.steps} steps.`] : [];
  return [
    ...head,
    comparison(results, summary),
    "Median time of a step, by the tokens K that the wrapped layers see:",
    steps(summary),
    remarks(results, summary),
  ].join("\n\n");
}

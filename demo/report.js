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

function comparison({ bigramLoss }, { all, ltd, control, difference, predictedSteps }) {
  const sides = control ? [all, ltd, control] : [all, ltd];
  const row = (name, cell, last) => [name, ...sides.map(cell), last];
  const time = (name, key) => row(name, (side) => seconds(side[key]), percent(ltd[key] / all[key]));
  const predicted = (side) => (side === ltd ? seconds(predictedSteps * all.steps) : "");
  return table(
    ["", "all tokens", "random-LTD", ...(control ? ["control"] : []), "LTD / all"],
    [
      row("steps", ({ stepsDone }) => stepsDone, ""),
      row("validation loss", ({ loss }) => loss.toFixed(3), signed(difference.mean, 3)),
      row("bigram baseline", () => bigramLoss.toFixed(3), ""),
      row(
        "layer-tokens",
        (side) => side.layerTokens.toLocaleString("en-US"),
        percent(ltd.layerTokens / all.layerTokens),
      ),
      time("time in steps", "steps"),
      row("  as FLOPs predict", predicted, percent(predictedSteps)),
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

/** What a difference in loss of random-LTD against another amounts to. */
function verdict({ mean, error }, sequences) {
  if (!Number.isFinite(mean)) return "not to be compared: it is no number";
  const size = `${Math.abs(mean).toFixed(3)} (standard error ${error.toFixed(3)}, ${sequences} held-out sequences)`;
  if (Math.abs(mean) < 2 * error) return `no clear difference, ${size}`;
  return `${mean > 0 ? "worse" : "better"} by ${size}`;
}

/** Where the model with all tokens stood for what random-LTD spent: the control, or a look at the way there. */
function atEqualCost({ options, stopped, validSequences }, { ltd, control, controlDifference, equalTime }) {
  // Stopped early, neither has had the steps that its learning rate was made for.
  if (stopped) return null;
  if (control) {
    return (
      `Control, all tokens for random-LTD's operations in ${control.stepsDone} steps, ${seconds(control.steps)} against ` +
      `${seconds(ltd.steps)}: random-LTD's validation loss is ${verdict(controlDifference, validSequences)}.`
    );
  }
  if (!equalTime) return null;
  return (
    `When random-LTD's steps had taken their ${seconds(ltd.steps)}, all tokens stood at about ` +
    `${equalTime.loss.toFixed(3)}, at step ${equalTime.step} of ${options.steps} and before its learning rate was down: ` +
    "no fair comparison. --control makes one."
  );
}

/** What the numbers say, the disappointing included, each sentence from this run alone. */
function remarks(results, summary) {
  const { bigramLoss, stepsDone, options, validSequences, parameters } = results;
  const { all, ltd, difference, sampling, predictedSteps, compiledLengths } = summary;
  const saved = all.steps - ltd.steps;
  const compiling = ltd.compile - all.compile;
  const amount = (value) => `${seconds(Math.abs(value))} ${value < 0 ? "lost" : "saved"}`;
  const lines = [
    `After the same ${stepsDone} steps random-LTD's validation loss is ${verdict(difference, validSequences)}.`,
    atEqualCost(results, summary),
    `Its steps took ${percent(ltd.steps / all.steps)} of the time with all tokens; FLOPs predict ` +
      `${percent(predictedSteps)}. In steps ${amount(saved)}, in compiling ${compiledLengths} lengths ` +
      `${amount(-compiling)}, together ${amount(saved - compiling)}.`,
  ];
  if (Number.isFinite(sampling)) {
    lines.push(
      `Drawing the retained tokens and their index maps took ${(1000 * sampling).toFixed(2)} ms a step.`,
    );
  }
  const behind = Object.entries({ "all tokens": all, "random-LTD": ltd }).filter(
    ([, { loss }]) => loss >= bigramLoss,
  );
  for (const [name] of behind) {
    lines.push(`The model with ${name} has not passed the bigram baseline: it has learned little.`);
  }
  lines.push(
    `One seed, ${parameters.toLocaleString("en-US")} weights, ${options.layers} layers: too little to say what ` +
      "random-LTD does to quality.",
  );
  return lines
    .filter((line) => line !== null)
    .map((line) => wrap(`- ${line}`))
    .join("\n");
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
  const { stopped, stepsDone, askedSteps, options } = results;
  const head = [];
  if (options.steps < askedSteps) {
    const { steps, limit } = options;
    head.push(
      `Only ${steps} of ${askedSteps} steps fit into the limit of ${limit} s here: this run is that of --steps ${steps}.`,
    );
  }
  if (stopped) head.push(`Stopped by ${stopped} after ${stepsDone} of ${options.steps} steps.`);
  return [
    ...head,
    comparison(results, summary),
    "Median time of a step, by the tokens K that the wrapped layers see:",
    steps(summary),
    remarks(results, summary),
  ].join("\n\n");
}

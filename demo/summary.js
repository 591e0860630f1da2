// What a run's numbers come to. Nothing here is measured, and nothing is said that isn't.

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

export const sum = (values) => values.reduce((a, b) => a + b, 0);

/** For each length that was trained at, what a step took beside one with all tokens in the same steps. */
function byLength({ lengths, flops, allTokens, randomLTD, options }) {
  return [...new Set(lengths)].map((K) => {
    const steps = lengths.flatMap((length, step) => (length === K ? [step] : []));
    const took = ({ stepSeconds }) => median(steps.map((step) => stepSeconds[step]));
    const [all, ltd] = [took(allTokens), took(randomLTD)];
    return { K, steps: steps.length, all, ltd, ratio: ltd / all, predicted: flops[K] / flops[options.seq] };
  });
}

/** Seconds of compiling for each model, had it run alone: a first call less what such a call takes later. */
function compileSeconds({ compiled, options, lengths }, rows, validations) {
  const later = (K) => {
    if (K === null) return 0;
    return K === options.seq ? rows[0].all : (rows.find((row) => row.K === K)?.ltd ?? 0);
  };
  const pieces = compiled.map(({ name, K, firstCallSeconds }) => {
    // The validation's first call was one batch of those that each validation goes over.
    const usual = name === "validation" ? validations : later(K);
    return { K, seconds: Math.max(0, firstCallSeconds - usual) };
  });
  const total = (keep) => sum(pieces.filter(({ K }) => K === null || keep(K)).map(({ seconds }) => seconds));
  return { all: total((K) => K === options.seq), ltd: total((K) => lengths.includes(K)) };
}

/** Mean and standard error of a model's last validation loss less another's, over the same held-out sequences. */
function lossDifference(model, other) {
  const rows = other.validation.at(-1).rows;
  const differences = model.validation.at(-1).rows.map((loss, i) => loss - rows[i]);
  const n = differences.length;
  const mean = sum(differences) / n;
  const variance = sum(differences.map((d) => (d - mean) ** 2)) / Math.max(1, n - 1);
  return { mean, error: Math.sqrt(variance / n) };
}

/** Each validation, with the seconds that the steps before it took. */
export function validationBySeconds({ stepSeconds, validation }) {
  return validation.map(({ step, loss }) => ({ step, loss, seconds: sum(stepSeconds.slice(0, step)) }));
}

/** The loss with all tokens at the time when random-LTD was done, on the straight line between two validations. */
function lossAtSeconds(points, seconds) {
  const after = points.findIndex((point) => point.seconds >= seconds);
  if (after < 1) return null;
  const [a, b] = [points[after - 1], points[after]];
  const part = (seconds - a.seconds) / (b.seconds - a.seconds);
  return { loss: a.loss + part * (b.loss - a.loss), step: Math.round(a.step + part * (b.step - a.step)) };
}

/** @param results As from `train`, with a step done at least. */
export function summarize(results) {
  const { allTokens, randomLTD, control, flops, lengths, options } = results;
  const rows = byLength(results);
  const batches = results.validSequences / options.batch;
  const perBatch =
    median([...allTokens.validation, ...randomLTD.validation].map(({ seconds }) => seconds)) / batches;
  const compiling = compileSeconds(results, rows, perBatch);
  const side = (model, compile) => {
    const steps = sum(model.stepSeconds);
    const validation = sum(model.validation.map(({ seconds }) => seconds));
    return {
      stepsDone: model.losses.length,
      loss: model.validation.at(-1).loss,
      layerTokens: model.layerTokens,
      steps,
      median: median(model.stepSeconds),
      compile,
      validation,
      total: steps + compile + validation,
    };
  };
  const all = side(allTokens, compiling.all);
  const ltd = side(randomLTD, compiling.ltd);
  return {
    all,
    ltd,
    rows,
    control: control && side(control, compiling.all),
    compiledLengths: new Set(lengths).size,
    difference: lossDifference(randomLTD, allTokens),
    controlDifference: control && lossDifference(randomLTD, control),
    predictedSteps: sum(lengths.map((K) => flops[K])) / (lengths.length * flops[options.seq]),
    equalTime: lossAtSeconds(validationBySeconds(allTokens), ltd.steps),
    sampling: median(randomLTD.sampleSeconds.filter((_, step) => lengths[step] < options.seq)),
  };
}

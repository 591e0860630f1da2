// The trainings take turns, step by step, so that whatever else the machine does meets all alike.
import { setImmediate } from "node:timers/promises";
import { blockUntilReady, jit, numpy as np, tree } from "@jax-js/jax";
import { RandomLTDScheduler } from "random-ltd";
import { adamw, learningRate, zeroMoments } from "./adamw.js";
import { stepFlops } from "./flops.js";
import {
  allPositions,
  initWeights,
  lossAndGradients,
  rotaryTables,
  rowLosses,
  sampleRoutes,
} from "./model.js";
import { clock, Estimate } from "./progress.js";
import { bigramLoss, trainBatch, validBatches } from "./text.js";

/** Held-out sequences that every validation goes over, about: whole batches. */
const VALID_SEQUENCES = 16;
/** Validations of each model, the last one included. */
const VALIDATIONS = 6;
/** Seconds kept back from the time limit for writing the files; the last validation comes on top. */
const CLOSING_SECONDS = 3;
/** How much longer than the operations of one with all tokens say the steps take together, about. */
const SLACK = 1.15;

/** DeepSpeed's `random_ltd` object: K from `start` to S over two thirds of the steps, an eighth of S at a time. */
function randomLTDConfig({ steps, seq, start, layers, batch }) {
  return {
    total_layer_num: layers,
    random_ltd_layer_num: layers - 2,
    random_ltd_layer_id: Array.from({ length: layers - 2 }, (_, i) => i + 1),
    model_type: "decoder",
    global_batch_size: batch,
    random_ltd_schedule: {
      min_value: start,
      max_value: seq,
      schedule_type: "fixed_linear",
      schedule_config: { require_steps: Math.max(1, Math.round((2 * steps) / 3)), seq_per_step: seq / 8 },
    },
  };
}

/** One run: models that begin with the same weights and see the same batches. */
class Run {
  constructor(options, text, progress) {
    this.options = options;
    this.text = text;
    this.progress = progress;
    this.sizes = { ...options, vocab: text.vocab };
    this.tables = rotaryTables(options);
    this.positions = allPositions(this.tables);
    this.held = validBatches(text.valid, options, Math.ceil(VALID_SEQUENCES / options.batch));
    this.gradients = jit((...args) => lossAndGradients(...args, this.sizes));
    this.evaluate = jit((...args) => rowLosses(...args, this.sizes));
    this.full = this.#newModel(false);
    this.ltd = this.#newModel(true);
    this.control = options.control ? this.#newModel(false) : null;
    this.models = [this.full, this.ltd, ...(this.control ? [this.control] : [])];
    this.parameters = tree.leaves(this.full.state.weights).reduce((sum, { size }) => sum + size, 0);
    this.lengths = [];
    this.compiled = [];
    this.done = 0;
    this.fullFlops = stepFlops(this.sizes, options.seq);
    this.validFlops = (this.held.length * this.fullFlops) / 3;
    this.estimate = new Estimate({ compile: { total: 0, guess: 2 }, compute: { total: 0, guess: 1e-10 } });
    this.plan(options.steps);
    this.toCompile = this.scheduler.getSeqValues().sort((a, b) => b - a);
    this.estimate.replan("compile", this.toCompile.length + 2);
  }

  /** A run of this many steps: its schedule, and how much work it is. */
  plan(steps) {
    this.options = { ...this.options, steps };
    this.config = randomLTDConfig(this.options);
    this.scheduler = new RandomLTDScheduler(this.config, { seed: this.options.seed });
    // The schedule read ahead, by a scheduler of its own.
    const ahead = new RandomLTDScheduler(this.config);
    let ltdFlops = 0;
    for (let step = 0; step < steps; step++) {
      ahead.updateSeq(step);
      ltdFlops += stepFlops(this.sizes, ahead.getCurrentSeq());
    }
    this.full.steps = steps;
    this.ltd.steps = steps;
    let flops = steps * this.fullFlops + ltdFlops;
    if (this.control) {
      // All tokens for random-LTD's operations: fewer steps, and a learning rate that comes down within them.
      this.control.steps = Math.max(1, Math.round(ltdFlops / this.fullFlops));
      flops += this.control.steps * this.fullFlops;
    }
    this.validateEvery = Math.ceil(steps / VALIDATIONS);
    const validations = this.models.reduce((n, model) => n + Math.ceil(model.steps / this.validateEvery), 0);
    this.flops = { steps: flops, validation: validations * this.validFlops };
    this.estimate.replan("compute", flops + this.flops.validation);
  }

  /**
   * Plans fewer steps where the limit has no room for all: a short schedule that comes to its end shows more than a
   * long one that is cut off.
   */
  async fit() {
    const { limit, steps } = this.options;
    if (limit === 0) return;
    this.show("timing a step", true);
    const batch = trainBatch(this.text.train, this.options, 0);
    const times = [];
    for (let i = 0; i < 5; i++) {
      const start = performance.now();
      const [loss, gradients] = this.gradientsOf(this.full.state, batch, []);
      await loss.data();
      await blockUntilReady(gradients);
      tree.dispose(gradients);
      times.push((performance.now() - start) / 1000);
    }
    // The quickest call: what else the machine does at this moment says little about the minutes to come.
    const rate = (SLACK * Math.min(...times)) / this.fullFlops;
    const room = limit - CLOSING_SECONDS - performance.now() / 1000 - rate * this.flops.validation;
    const fitting = Math.max(1, Math.floor((room * steps) / (rate * this.flops.steps)));
    if (fitting < steps) this.plan(fitting);
  }

  #newModel(drops) {
    const weights = initWeights(this.sizes);
    const moments = zeroMoments(weights);
    return {
      drops,
      state: { weights, moments },
      losses: [],
      stepSeconds: [],
      sampleSeconds: [],
      validation: [],
    };
  }

  show(text, phase) {
    const { fraction, secondsLeft } = this.estimate;
    this.progress.show(fraction, `${text} | ${clock(secondsLeft)} left`, phase);
  }

  /** Which K tokens the wrapped layers see at the scheduler's step; at K = S they are called as they are. */
  routes(K) {
    const { seq, batch, layers } = this.options;
    if (K === seq) return [];
    return sampleRoutes(this.tables, {
      reservedLength: K,
      seqLength: seq,
      batchSize: batch,
      layers: layers - 2,
      seed: this.scheduler.seed,
      step: this.scheduler.step,
    });
  }

  /** Loss and gradients, on the way: nothing is awaited. */
  gradientsOf({ weights }, { tokens, targets }, routes) {
    const [x, y] = [tokens, targets].map((values) => np.array(values));
    return this.gradients(tree.ref(weights), x, y, tree.ref(this.positions), routes, np.array(1));
  }

  /**
   * Everything that will be needed is called once, so that no later step is slowed by compiling. jit compiles anew for
   * each K, but for kernels that another length has had already: all tokens come first and pay for those.
   */
  async compile(stopReason) {
    const batch = trainBatch(this.text.train, this.options, 0);
    const { state } = this.full;
    const pieces = this.toCompile.map((K) => ({
      name: K === this.options.seq ? "all tokens" : `K = ${K}`,
      K,
      run: async () => {
        const [loss, gradients] = this.gradientsOf(state, batch, this.routes(K));
        await loss.data();
        tree.dispose(gradients);
      },
    }));
    pieces.push({
      name: "optimizer",
      run: async () => {
        const gradients = zeroMoments(state.weights);
        tree.dispose(gradients.second);
        const next = adamw(tree.ref(state), gradients.first, 0, 0);
        await blockUntilReady(next);
        tree.dispose(next);
      },
    });
    pieces.push({ name: "validation", run: () => this.#validRows(state.weights, [this.held[0]]) });
    for (const [i, { name, K, run }] of pieces.entries()) {
      const reason = stopReason();
      if (reason) return reason;
      this.show(`compiling ${name}, ${i + 1} of ${pieces.length}`, true);
      await setImmediate();
      const start = performance.now();
      await run();
      const seconds = (performance.now() - start) / 1000;
      this.compiled.push({ name, K: K ?? null, firstCallSeconds: seconds });
      this.estimate.add("compile", 1, seconds);
    }
    return null;
  }

  /** One step of one model, timed from drawing tokens to the last new weight. */
  async #step(model, batch, K, step) {
    const start = performance.now();
    const routes = model.drops ? this.routes(K) : [];
    const sampled = performance.now();
    const [loss, gradients] = this.gradientsOf(model.state, batch, routes);
    model.state = adamw(model.state, gradients, step, learningRate(step, model.steps, this.options.lr));
    model.losses.push((await loss.data())[0]);
    await blockUntilReady(model.state);
    const end = performance.now();
    if (model.drops) model.sampleSeconds.push((sampled - start) / 1000);
    model.stepSeconds.push((end - start) / 1000);
    this.estimate.add(
      "compute",
      stepFlops(this.sizes, model.drops ? K : this.options.seq),
      (end - start) / 1000,
    );
  }

  async steps(stopReason) {
    const { steps } = this.options;
    const { models, scheduler } = this;
    // The last validation, at the speed of its first call, until there has been one.
    let closing = models.length * this.held.length * this.compiled.at(-1).firstCallSeconds;
    for (let step = 0; step < steps; step++) {
      const reason = stopReason(closing + CLOSING_SECONDS);
      if (reason) return reason;
      scheduler.updateSeq(step);
      const K = scheduler.getCurrentSeq();
      const batch = trainBatch(this.text.train, this.options, step);
      const due = models.filter((model) => step < model.steps);
      // Turn about, so that none always comes after the same one.
      for (const i of due.keys()) await this.#step(due[(step + i) % due.length], batch, K, step);
      this.lengths.push(K);
      this.done = step + 1;
      const losses = [this.full, this.ltd].map((model) => model.losses[step]);
      if (!losses.every(Number.isFinite)) return "a loss that is no number";
      const shown = losses.map((loss) => loss.toFixed(2)).join(" / ");
      this.show(`step ${this.done}/${steps} | loss ${shown} | K ${K}`, step === 0);
      const ended = due.filter((model) => model.steps === this.done);
      if (this.done % this.validateEvery === 0) closing = await this.validate(models);
      else if (ended.length > 0) await this.validate(ended);
      // Lets Ctrl-C in: awaiting a WASM result never leaves the microtasks.
      await setImmediate();
    }
    return null;
  }

  async #validRows(weights, batches) {
    const rows = [];
    for (const { tokens, targets } of batches) {
      const [x, y] = [tokens, targets].map((values) => np.array(values));
      const losses = this.evaluate(tree.ref(weights), x, y, tree.ref(this.positions));
      rows.push(...(await losses.data()));
      await setImmediate();
    }
    return rows;
  }

  /** These models on the held-out sequences, those that have moved on since; how long it took, in seconds. */
  async validate(models) {
    const start = performance.now();
    for (const model of models) {
      const step = model.losses.length;
      if (model.validation.at(-1)?.step === step) continue;
      const before = performance.now();
      this.show(`step ${this.done}/${this.options.steps} | validating`);
      const rows = await this.#validRows(model.state.weights, this.held);
      const loss = rows.reduce((a, b) => a + b, 0) / rows.length;
      const seconds = (performance.now() - before) / 1000;
      model.validation.push({ step, loss, rows, seconds });
      this.estimate.add("compute", this.validFlops, seconds);
    }
    return (performance.now() - start) / 1000;
  }

  results(stopped) {
    const { options, text, sizes } = this;
    const record = (model) => ({
      plannedSteps: model.steps,
      losses: model.losses,
      stepSeconds: model.stepSeconds,
      validation: model.validation,
      layerTokens: model.losses.length * options.batch * options.seq * options.layers,
    });
    return {
      options,
      stopped,
      stepsDone: this.done,
      parameters: this.parameters,
      text: { vocab: text.vocab, trainCharacters: text.train.length, validCharacters: text.valid.length },
      validSequences: this.held.length * options.batch,
      bigramLoss: bigramLoss(text, this.held),
      randomLTDConfig: this.config,
      lengths: this.lengths,
      compiled: this.compiled,
      flops: Object.fromEntries(this.toCompile.map((K) => [K, stepFlops(sizes, K)])),
      allTokens: record(this.full),
      randomLTD: {
        ...record(this.ltd),
        sampleSeconds: this.ltd.sampleSeconds,
        layerTokens: this.scheduler.getTotalLayerTokens(this.done),
      },
      control: this.control && record(this.control),
    };
  }
}

/**
 * Trains the models and keeps every number.
 *
 * @param options As from `parseOptions`.
 * @param text As from `loadText`.
 * @param progress As `Progress`.
 * @param {() => boolean} interrupted Asked between steps.
 * @returns Plain data, fit for JSON.
 */
export async function train(options, text, progress, interrupted) {
  const run = new Run(options, text, progress);
  const stopReason = (closing = CLOSING_SECONDS) => {
    if (interrupted()) return "Ctrl-C";
    const late = options.limit > 0 && performance.now() / 1000 > options.limit - closing;
    return late ? `the limit of ${options.limit} s` : null;
  };
  let stopped = await run.compile(stopReason);
  if (!stopped) {
    await run.fit();
    stopped = await run.steps(stopReason);
  }
  if (run.done > 0) await run.validate(run.models);
  return { ...run.results(stopped), askedSteps: options.steps };
}

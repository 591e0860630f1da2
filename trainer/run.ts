/** One training run: weights, steps, held-out evaluation, and a state that goes on to the bit. */
import { blockUntilReady, type numpy as np, tree } from "@jax-js/jax";
import { awake, type Clock } from "./clock.ts";
import { Lengths, sampleRoutes } from "./dropping.ts";
import { Model, toArrays } from "./models/model.ts";
import type { Arrays } from "./models/parts.ts";
import { AdamW, learningRate } from "./optimizer.ts";
import { estimate } from "./statistics.ts";
import type {
  Evaluation,
  History,
  HostArray,
  HostArrays,
  RunConfig,
  RunState,
  Task,
  Totals,
} from "./types.ts";

/** What a step came to. */
export interface StepResult {
  readonly loss: number;
  readonly K: number;
  readonly seconds: number;
}

/** Lengths that a run may have: jax-js keeps what it compiled for each, some 40 MB, for good. */
const MOST_LENGTHS = 7;

/** Compiled functions of a model, which runs of the same kind share. */
export interface Compiled {
  readonly model: Model;
  readonly optimizer: AdamW;
}

/** What a run takes beside its configuration. */
export interface RunOptions {
  /** What the time of steps is told by. Default `performance.now`. */
  readonly clock?: Clock;
  /** To go on from. */
  readonly state?: RunState;
  /** From a run whose model, dropping and optimizer are the same: nothing is compiled anew. */
  readonly compiled?: Compiled;
}

const WHOLE = { version: 1 } as const;

/**
 * A training run. jax-js must have been initialized (`init("wasm")`, `defaultDevice("wasm")`).
 *
 * @example
 * const run = new Run(config, arrows(config.model));
 * for await (const name of run.compile()) console.log("compiling", name);
 * while (!run.finished) await run.step();
 * console.log((await run.evaluate()).loss);
 */
export class Run {
  readonly config: RunConfig;
  readonly task: Task;
  readonly model: Model;
  readonly lengths: Lengths;
  readonly history: History;
  /** Why the run can't go on, such as a loss that is no number. */
  failure: string | null = null;
  readonly compiled: Compiled;
  readonly #clock: Clock;
  readonly #owned: boolean;
  #weights: Arrays;
  #first: Arrays;
  #second: Arrays;
  #totals: Totals;
  #rowLosses: readonly number[];
  #heldOut: readonly HostArrays[] | null = null;

  /**
   * @throws RangeError where the configuration doesn't fit together, or has more than seven lengths.
   */
  constructor(config: RunConfig, task: Task, { clock, state, compiled }: RunOptions = {}) {
    this.config = config;
    this.task = task;
    const { model: sizes, dropping, optimizer, lengths, seed, batch } = config;
    if (batch < 1) throw new RangeError(`"batch" expected at least 1, got ${batch}`);
    this.#owned = compiled === undefined;
    this.compiled = compiled ?? { model: new Model(sizes, dropping), optimizer: new AdamW(optimizer) };
    this.model = this.compiled.model;
    const all = { start: sizes.seq, until: 0, growth: "constant" } as const;
    const schedule = dropping.how === "none" ? all : lengths;
    this.lengths = new Lengths(schedule, sizes.seq, (K) => this.model.flops(K));
    if (this.lengths.all().length > MOST_LENGTHS) {
      const got = this.lengths.all().length;
      throw new RangeError(`"lengths" expected at most ${MOST_LENGTHS} different K, got ${got}`);
    }
    this.#clock = clock ?? (() => performance.now());
    if (state) checkState(state, config);
    const arrays = state?.arrays ?? initial(this.model.init(seed));
    const of = (kind: string) => toArrays(under(kind, arrays, Object.keys(this.model.layout)));
    [this.#weights, this.#first, this.#second] = ["weights", "first", "second"].map(of);
    this.#totals = state?.totals ?? { step: 0, seconds: 0, layerTokens: 0, flops: 0 };
    this.#rowLosses = state?.rowLosses ?? [];
    this.history = structuredClone(
      state?.history ?? { losses: [], lengths: [], seconds: [], evaluations: [] },
    );
  }

  /** Where the run stands. */
  get totals(): Totals {
    return this.#totals;
  }

  /** The part of the budget that is spent, 0 to 1. */
  get spent(): number {
    return this.#spentAt(this.#totals);
  }

  #spentAt({ step, seconds, flops }: Pick<Totals, "step" | "seconds" | "flops">): number {
    const { unit, amount } = this.config.budget;
    return Math.min(1, { steps: step, seconds, flops }[unit] / amount);
  }

  /**
   * Whether an evaluation is due, of so many over the budget. Told from the last one, not from the last step: so a run
   * that was put away between the two has it yet to come.
   */
  isDue(evaluations: number): boolean {
    const last = this.history.evaluations.at(-1);
    const before = last ? this.#spentAt(last) : 0;
    return Math.floor(this.spent * evaluations) > Math.floor(before * evaluations);
  }

  /** The part of the steps that is done: counted where the budget is in steps, else told from the operations. */
  get progress(): number {
    return this.config.budget.unit === "steps" ? this.spent : this.lengths.progressAt(this.spent);
  }

  get finished(): boolean {
    return this.failure !== null || this.spent >= 1;
  }

  /** K of the step to come. */
  get K(): number {
    return this.lengths.at(this.progress);
  }

  /** Losses of the held-out rows at the last evaluation. */
  get rowLosses(): readonly number[] {
    return this.#rowLosses;
  }

  #routes(K: number) {
    const { batch: B, seed, model } = this.config;
    const { keepPrefix } = this.task;
    const { step } = this.#totals;
    const sizes = { K, S: model.seq, B, seed, step, keepPrefix, causal: this.model.causal };
    return sampleRoutes(this.config.dropping, sizes);
  }

  /**
   * Calls once all that the run will need, so that no later step is slowed by compiling: each length, the largest first,
   * whose kernels the others share in part, then the optimizer and the evaluation. Yields the name of what comes next.
   */
  async *compile(): AsyncGenerator<string> {
    const { seed, batch, model } = this.config;
    const first = this.task.batch(seed, 0, batch);
    for (const K of this.lengths.all()) {
      yield K === model.seq ? "all tokens" : `K = ${K}`;
      const [loss, grads] = this.model.gradients(this.#weights, toArrays(first), this.#routes(K));
      await loss.data();
      tree.dispose(grads);
    }
    yield "the optimizer";
    const zeros = tree.map((w: np.Array) => w.mul(0), tree.ref(this.#weights)) as Arrays;
    const moments: [Arrays, Arrays, Arrays] = tree.ref([this.#weights, this.#first, this.#second]) as never;
    tree.dispose(await blockUntilReady(this.compiled.optimizer.update(moments, zeros, 0, 0)));
    yield "the evaluation";
    await this.#rows(this.#batches()[0]);
  }

  /** One step. The clock runs from drawing the batch to the last new weight. */
  async step(): Promise<StepResult> {
    const { seed, batch, optimizer, budget } = this.config;
    const { step } = this.#totals;
    const { K, progress } = this;
    const byTokens = budget.unit === "steps" ? this.lengths.spentAt(progress) : this.spent;
    const done = optimizer.follows === "steps" ? progress : byTokens;
    const rate = learningRate(optimizer, step, done);

    const start = this.#clock();
    const arrays = toArrays(this.task.batch(seed, step, batch));
    const [lossArray, grads] = this.model.gradients(this.#weights, arrays, this.#routes(K));
    const moments: [Arrays, Arrays, Arrays] = [this.#weights, this.#first, this.#second];
    [this.#weights, this.#first, this.#second] = this.compiled.optimizer.update(moments, grads, step, rate);
    const loss = await settled(lossArray, [this.#weights, this.#first, this.#second]);
    const took = (this.#clock() - start) / 1000;

    const { history } = this;
    const alike = history.seconds.filter((_, i) => history.lengths[i] === K);
    const seconds = awake(took, alike);
    history.losses.push(loss);
    history.lengths.push(K);
    history.seconds.push(seconds);
    this.#totals = {
      step: step + 1,
      seconds: this.#totals.seconds + seconds,
      layerTokens: this.#totals.layerTokens + batch * this.model.layerTokens(K),
      flops: this.#totals.flops + batch * this.model.flops(K),
    };
    if (!Number.isFinite(loss)) this.failure = `the loss of step ${step} is no number`;
    return { loss, K, seconds };
  }

  #batches(): readonly HostArrays[] {
    this.#heldOut ??= this.task.heldOut(this.config.batch);
    return this.#heldOut;
  }

  async #rows(batch: HostArrays): Promise<{ losses: number[]; right: number[] }> {
    const [losses, right, logits] = this.model.evaluate(this.#weights, toArrays(batch));
    logits.dispose();
    return { losses: [...(await losses.data())], right: [...(await right.data())] };
  }

  /** The logits `[B,N,V]` of a batch as large as the run's own: what the model answers now. The clock stands. */
  async logits(batch: HostArrays): Promise<HostArray> {
    const [losses, right, logits] = this.model.evaluate(this.#weights, toArrays(batch));
    tree.dispose([losses, right]);
    const shape = [...logits.shape];
    return { shape, data: (await logits.data()) as Float32Array };
  }

  /**
   * Goes over the held-out set, all tokens in all layers, and keeps what came of it. The clock stands.
   *
   * @param pause Awaited between batches, for a caller that wants to be heard meanwhile.
   */
  async evaluate(pause: () => Promise<void> | void = () => {}): Promise<Evaluation> {
    const [losses, right]: [number[], number[]] = [[], []];
    for (const batch of this.#batches()) {
      const rows = await this.#rows(batch);
      losses.push(...rows.losses);
      right.push(...rows.right);
      await pause();
    }
    const [loss, accuracy] = [estimate(losses), estimate(right)];
    const evaluation = {
      ...this.#totals,
      loss: loss.mean,
      lossError: loss.error,
      accuracy: accuracy.mean,
      accuracyError: accuracy.error,
    };
    const { evaluations } = this.history;
    if (evaluations.at(-1)?.step === evaluation.step) evaluations.pop();
    evaluations.push(evaluation);
    this.#rowLosses = losses;
    return evaluation;
  }

  /** The weights as they are now. */
  async weights(): Promise<HostArrays> {
    return toHost(this.#weights);
  }

  /** All that the run is, copied out. */
  async state(): Promise<RunState> {
    const parts = { weights: this.#weights, first: this.#first, second: this.#second };
    const arrays: HostArrays = {};
    for (const [kind, tensors] of Object.entries(parts)) {
      for (const [name, array] of Object.entries(await toHost(tensors))) arrays[`${kind}/${name}`] = array;
    }
    const { config, history } = this;
    return {
      ...WHOLE,
      config,
      totals: this.#totals,
      history: structuredClone(history),
      rowLosses: [...this.#rowLosses],
      arrays,
    };
  }

  /** Frees weights and moments; what was compiled stays, for runs that share it. */
  free(): void {
    tree.dispose([this.#weights, this.#first, this.#second]);
  }

  /** Frees all, but for what was compiled if another run lent it. */
  dispose(): void {
    this.free();
    if (!this.#owned) return;
    this.model.dispose();
    this.compiled.optimizer.dispose();
  }
}

/**
 * Waits for a step and gives its loss. Where jax-js computes on this thread, an array that is read at once is computed
 * at once, and so is all that was compiled with it; to wait for each array by its promise took 40 ms a step.
 */
async function settled(loss: np.Array, state: readonly Arrays[]): Promise<number> {
  if (loss.device === "webgpu" || globalThis.crossOriginIsolated) {
    const value = (await loss.data())[0];
    await blockUntilReady(state);
    return value;
  }
  const value = loss.dataSync()[0];
  for (const array of Object.values(state[0]).slice(0, 1)) array.ref.dataSync();
  return value;
}

/** Copies arrays out of jax-js, which keeps them. */
async function toHost(arrays: Arrays): Promise<HostArrays> {
  const out: HostArrays = {};
  for (const [name, array] of Object.entries(arrays)) {
    const data = (await array.ref.data()) as Float32Array;
    out[name] = { shape: [...array.shape], data: data.slice() };
  }
  return out;
}

/** Weights with both moments at zero, by the names of a state. */
function initial(weights: HostArrays): HostArrays {
  const arrays: HostArrays = {};
  for (const [name, { shape, data }] of Object.entries(weights)) {
    arrays[`weights/${name}`] = { shape, data };
    arrays[`first/${name}`] = { shape, data: new Float32Array(data.length) };
    arrays[`second/${name}`] = { shape, data: new Float32Array(data.length) };
  }
  return arrays;
}

/** Those of a state's arrays that lie under `kind`, in the order of the layout. */
function under(kind: string, arrays: HostArrays, names: readonly string[]): HostArrays {
  return Object.fromEntries(names.map((name) => [name, arrays[`${kind}/${name}`]]));
}

function checkState(state: RunState, config: RunConfig): void {
  if (state.version !== WHOLE.version) {
    throw new RangeError(`"state" expected version ${WHOLE.version}, got ${state.version}`);
  }
  const [theirs, ours] = [state.config, config].map((c) => JSON.stringify(c));
  if (theirs !== ours) throw new RangeError(`"state" expected that of a run of ${ours}, got ${theirs}`);
}

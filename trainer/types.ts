/**
 * What the parts of the trainer hand to each other. All of it is plain data but for {@link Task} and {@link Model}, so
 * that it passes through `postMessage`, IndexedDB and JSON (typed arrays aside) as it is.
 *
 * Letters: B rows of a batch, S tokens of a row, K retained ones, C channels, H heads, D = C / H, V kinds of token.
 */

/** An array outside of jax-js. */
export interface HostArray {
  readonly shape: readonly number[];
  readonly data: Float32Array | Int32Array;
}

/** Arrays by name: the weights of a model, the inputs of a batch. */
export type HostArrays = Record<string, HostArray>;

/** A causal transformer over tokens with rotary positions: tokens int32 `[B,S]`, targets int32 `[B,S]`. */
export interface GPTConfig {
  readonly kind: "gpt";
  readonly layers: number;
  readonly channels: number;
  readonly heads: number;
  readonly seq: number;
  readonly vocab: number;
}

/** A transformer over the patches of a square image: patches float32 `[B,S,P]`, labels int32 `[B]`, S a square. */
export interface ViTConfig {
  readonly kind: "vit";
  readonly layers: number;
  readonly channels: number;
  readonly heads: number;
  readonly seq: number;
  /** P, the numbers in a patch. */
  readonly patch: number;
  readonly classes: number;
}

/**
 * A transformer that answers at position 0: tokens float32 `[B,S,V]`, each a sum of rows of the table of embeddings;
 * targets int32 `[B,hops]`.
 */
export interface FollowerConfig {
  readonly kind: "follower";
  readonly layers: number;
  readonly channels: number;
  readonly heads: number;
  readonly seq: number;
  /** Answers are one of so many nodes; V = 3 * nodes + 1, rounded up to a multiple of 4. */
  readonly nodes: number;
  readonly hops: number;
}

export type ModelConfig = GPTConfig | ViTConfig | FollowerConfig;

/**
 * Which layers see only the retained tokens.
 * - `none`: each layer sees all tokens. With fewer layers this is the shallow control.
 * - `layers`: random-LTD, a fresh draw in each of `layers`.
 * - `route`: one draw for the layers `first` to `last` (both included): a token is retained in all of them or in none.
 * - `input`: a control. The tokens that are not retained never enter the model.
 */
export type Dropping =
  | { readonly how: "none" }
  | { readonly how: "layers"; readonly layers: readonly number[] }
  | { readonly how: "route"; readonly first: number; readonly last: number }
  | { readonly how: "input" };

/** K over a run. */
export interface LengthSchedule {
  /** K at the beginning. */
  readonly start: number;
  /** The part of the steps after which all tokens are seen: 0 to 1. */
  readonly until: number;
  /** `constant`: `start` up to there. `linear`: DeepSpeed's fixed_linear from `start` to S. */
  readonly growth: "constant" | "linear";
  /** With `linear`, K goes up in steps of so many tokens. */
  readonly by?: number;
}

/** AdamW (Loshchilov and Hutter, 2019) and its learning rate over a run. */
export interface OptimizerConfig {
  /** The highest learning rate. */
  readonly lr: number;
  /** Warm-up: this part of the run, and `warmupSteps` at least. */
  readonly warmup: number;
  readonly warmupSteps: number;
  readonly decay: "linear" | "cosine";
  /** The last learning rate, as a part of `lr`. */
  readonly floor: number;
  /** What the learning rate follows: the part of the steps, or of the layer-tokens and so the operations. */
  readonly follows: "steps" | "layer-tokens";
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** Weight decay of all that has two dimensions or more, embeddings included. */
  readonly weightDecay: number;
  /** The gradient's norm is held to this. */
  readonly clip: number;
}

/** How long a run is: in steps, in seconds of training by its clock, or in operations. */
export interface Budget {
  readonly unit: "steps" | "seconds" | "flops";
  readonly amount: number;
}

/** All that a run is made from, apart from the data of its task. */
export interface RunConfig {
  readonly task: string;
  readonly model: ModelConfig;
  readonly dropping: Dropping;
  /** Not read where nothing is dropped. */
  readonly lengths: LengthSchedule;
  readonly optimizer: OptimizerConfig;
  readonly batch: number;
  readonly budget: Budget;
  /** Of weights, batches and retained tokens. */
  readonly seed: number;
}

/** Examples: a function of seed and step and of nothing else, and the same held-out set for every run. */
export interface Task {
  readonly name: string;
  /** Made up for the purpose rather than found in the world. */
  readonly synthetic: boolean;
  /** Positions below this are always retained: the query of *arrows*. */
  readonly keepPrefix: number;
  /** What the loss of knowing nothing is, and what its name is. */
  readonly baseline: { readonly name: string; readonly loss: number };
  /** The training batch of a step: the arrays that the model's kind wants. */
  batch(seed: number, step: number, size: number): HostArrays;
  /** Held-out batches of this size each, the same ones at every call. */
  heldOut(size: number): readonly HostArrays[];
}

/** The loss and the part of right answers on the held-out set, by row. */
export interface Evaluation {
  readonly step: number;
  readonly seconds: number;
  readonly layerTokens: number;
  readonly flops: number;
  /** Mean over the rows, and its standard error. */
  readonly loss: number;
  readonly lossError: number;
  readonly accuracy: number;
  readonly accuracyError: number;
}

/** What a run did at each step, and its evaluations. */
export interface History {
  readonly losses: number[];
  /** K of each step; S where all tokens were seen. */
  readonly lengths: number[];
  /** Seconds of each step by the run's clock. */
  readonly seconds: number[];
  readonly evaluations: Evaluation[];
}

/** Where a run stands. */
export interface Totals {
  readonly step: number;
  /** Of training alone. */
  readonly seconds: number;
  readonly layerTokens: number;
  readonly flops: number;
}

/**
 * A run as it can be put away and taken up again, to the bit. `arrays` holds `weights/NAME`, `first/NAME` and
 * `second/NAME`, the latter two AdamW's moments, by the names of the model's layout.
 */
export interface RunState {
  readonly version: 1;
  readonly config: RunConfig;
  readonly totals: Totals;
  readonly history: History;
  /** Losses of the held-out rows at the last evaluation. */
  readonly rowLosses: readonly number[];
  readonly arrays: HostArrays;
}

/** A model and how tokens are dropped in it, as compiled functions: loss with gradients, and evaluation. */
import { jit, nn, numpy as np, type OwnedFunction, tree, vjp } from "@jax-js/jax";
import { gatherTokens, type Pullback, randomLTDLayer, scatterTokens, type TokenRoute } from "random-ltd/jax";
import { checkDropping, droppedLayers, segmentsOf } from "../dropping.ts";
import { Random } from "../random.ts";
import type { Dropping, HostArrays, ModelConfig } from "../types.ts";
import { follower } from "./follower.ts";
import { gpt } from "./gpt.ts";
import { type BlockWeights, block, blockLayout, type Rotary } from "./layers.ts";
import type { Arrays, Layout, Parts } from "./parts.ts";
import { vit } from "./vit.ts";

/** The kinds of model: one line for another. */
const KINDS: { [kind in ModelConfig["kind"]]: (config: any) => Parts } = { gpt, vit, follower };

/** Puts a batch or weights into jax-js. */
export function toArrays(arrays: HostArrays): Arrays {
  const entries = Object.entries(arrays).map(([name, { data, shape }]) => {
    const dtype = data instanceof Int32Array ? np.int32 : np.float32;
    return [name, np.array(data as Float32Array<ArrayBuffer>, { shape: [...shape], dtype })];
  });
  return Object.fromEntries(entries);
}

/** The arrays whose names begin with `prefix`, referred to once more. */
function part(weights: Arrays, prefix: string): Arrays {
  const entries = Object.entries(weights).filter(([name]) => name.startsWith(prefix));
  return Object.fromEntries(entries.map(([name, array]) => [name, array.ref]));
}

/**
 * One model with one way of dropping.
 *
 * Weights are flat, by name: `embed.…`, for each layer `blocks.N.attnNorm`, `.qkv`, `.attnOut`, `.mlpNorm`, `.up` and
 * `.down` (see {@link BlockWeights} for shapes and columns), `head.…`: see {@link layout}.
 *
 * @example
 * const model = new Model(config, { how: "route", first: 1, last: 5 });
 * const [loss, grads] = model.gradients(weights, batch, routes);
 */
export class Model {
  readonly config: ModelConfig;
  readonly dropping: Dropping;
  /** Shapes and first deviations of all weights. */
  readonly layout: Layout;
  readonly causal: boolean;
  readonly #parts: Parts;
  readonly #rotary: Rotary | null;
  readonly #gradients: OwnedFunction<(...args: any[]) => [np.Array, Arrays]>;
  readonly #evaluate: OwnedFunction<(...args: any[]) => [np.Array, np.Array, np.Array]>;

  constructor(config: ModelConfig, dropping: Dropping) {
    const { layers, channels, heads } = config;
    if (channels % (2 * heads) !== 0) {
      throw new RangeError(`"model" expected channels in multiples of ${2 * heads}, got ${channels}`);
    }
    checkDropping(dropping, layers);
    this.config = config;
    this.dropping = dropping;
    const parts = KINDS[config.kind](config);
    this.#parts = parts;
    this.causal = parts.causal;
    const blocks: Layout = {};
    for (let l = 0; l < layers; l++) {
      for (const [name, about] of Object.entries(blockLayout(channels, layers))) {
        blocks[`blocks.${l}.${name}`] = about;
      }
    }
    this.layout = { ...parts.layout, ...blocks };
    this.#rotary = parts.rotary && (toArrays(parts.rotary) as Rotary);
    this.#gradients = jit((weights: Arrays, batch: Arrays, routes: TokenRoute[], tables: Arrays) =>
      this.lossAndGradients(weights, batch, routes, tables),
    ) as never;
    this.#evaluate = jit((weights: Arrays, batch: Arrays, tables: Arrays) =>
      this.#rows(weights, batch, tables),
    ) as never;
  }

  /** First weights: the same seed gives the same ones. */
  init(seed: number): HostArrays {
    const entries = Object.entries(this.layout).map(([name, { shape, deviation }], i) => {
      const random = new Random(seed, i, 0x77);
      const size = shape.reduce((a, b) => a * b);
      const value = () => (deviation === null ? 1 : deviation && deviation * random.normal());
      return [name, { shape, data: Float32Array.from({ length: size }, value) }];
    });
    return Object.fromEntries(entries);
  }

  /** Layer-tokens of a row, where K tokens are retained. */
  layerTokens(K: number): number {
    const { layers, seq } = this.config;
    const dropped = droppedLayers(this.dropping, layers);
    return dropped * K + (layers - dropped) * seq;
  }

  /**
   * Operations of a row's training step: matrix products only, a multiplication and an addition each, once forward and
   * twice backward. Softmax, norms, the optimizer and the gathers themselves are left out.
   */
  flops(K: number): number {
    const { layers, channels: C, seq } = this.config;
    const layer = (T: number) => 3 * (24 * C * C * T + 4 * T * T * C);
    const dropped = droppedLayers(this.dropping, layers);
    const atEnd = this.dropping.how === "input" ? K : seq;
    return dropped * layer(K) + (layers - dropped) * layer(seq) + this.#parts.flops(atEnd);
  }

  /**
   * The mean loss of a batch and its gradients. Weights are borrowed, batch and routes taken over.
   *
   * @param routes One for each draw of {@link dropping}; none: every layer sees all tokens.
   */
  gradients(weights: Arrays, batch: Arrays, routes: TokenRoute[]): [np.Array, Arrays] {
    return this.#gradients(tree.ref(weights), batch, routes, this.#tables());
  }

  /**
   * The mean loss of each row `[B]`, its part of right answers `[B]`, and the logits `[B,N,V]`, all tokens everywhere.
   * Borrows the weights.
   */
  evaluate(weights: Arrays, batch: Arrays): [np.Array, np.Array, np.Array] {
    return this.#evaluate(tree.ref(weights), batch, this.#tables());
  }

  /** Frees what the model holds: compiled functions and tables. */
  dispose(): void {
    this.#gradients.dispose();
    this.#evaluate.dispose();
    tree.dispose(this.#rotary ?? []);
  }

  #tables(): Rotary | Arrays {
    return this.#rotary ? tree.ref(this.#rotary) : {};
  }

  /** Tables of the tokens that are seen: `[B,K,D/2]` under a route, `[1,S,D/2]` without. Borrows both. */
  #rotaryAt(tables: Arrays, route: TokenRoute | null): Rotary | null {
    if (!this.#rotary) return null;
    const { seq } = this.config;
    const at = (t: np.Array) =>
      route ? np.take(t.ref, route.indices.ref, 0) : t.ref.reshape([1, seq, t.shape[1]]);
    return { cos: at(tables.cos), sin: at(tables.sin) };
  }

  /** Layers one after another, as a layer of their weights in a list. */
  #layers(weights: BlockWeights[], x: np.Array, rotary: Rotary | null): np.Array {
    const options = { heads: this.config.heads, causal: this.causal };
    weights.forEach((w, i) => {
      const last = i === weights.length - 1;
      x = block(w, x, last || !rotary ? rotary : tree.ref(rotary), options);
    });
    return x;
  }

  #blocks(weights: Arrays, layers: readonly number[]): BlockWeights[] {
    return layers.map((l) => {
      const prefix = `blocks.${l}.`;
      const entries = Object.entries(part(weights, prefix));
      return Object.fromEntries(
        entries.map(([name, array]) => [name.slice(prefix.length), array]),
      ) as BlockWeights;
    });
  }

  /**
   * What {@link gradients} compiles. The two directions are put together from the backward passes of its pieces, so that
   * tokens move by gathers both ways: autodiff alone would turn each gather into a scatter-add, which jax-js's WASM
   * backend interprets. Takes all its arguments over.
   */
  lossAndGradients(weights: Arrays, batch: Arrays, routes: TokenRoute[], tables: Arrays): [np.Array, Arrays] {
    const { layers } = this.config;
    const parts = this.#parts;
    const input = this.dropping.how === "input" ? (routes[0] ?? null) : null;
    const ofRoute = input ? tree.ref(input) : null;

    let x = parts.embed(part(weights, "embed."), batch);
    const { shape } = x;
    if (ofRoute) x = gatherTokens(x, ofRoute);

    const pulls: Pullback<BlockWeights[]>[] = [];
    const segments = segmentsOf(this.dropping, layers);
    const layer = randomLTDLayer((w: BlockWeights[], h: np.Array, rotary: Rotary | null) =>
      this.#layers(w, h, rotary),
    );
    for (const segment of segments) {
      const route = segment.route === null ? null : (routes[segment.route] ?? null);
      const rotary = this.#rotaryAt(tables, route ?? input);
      const [out, pull] = layer(this.#blocks(weights, segment.layers), x, route && tree.ref(route), rotary);
      x = out;
      pulls.push(pull);
    }

    const targets = parts.targets(batch, input);
    const [loss, pullHead] = vjp((w: Arrays, x: np.Array) => rowLosses(parts.logits(w, x), targets).mean(), [
      part(weights, "head."),
      x,
    ] as never);
    const [headGrads, gradOfX] = pullHead(np.array(1) as never) as unknown as [Arrays, np.Array];
    pullHead.dispose();
    const grads: Arrays = { ...headGrads };
    let g = gradOfX;
    for (let i = segments.length - 1; i >= 0; i--) {
      const [weightsGrad, hiddenGrad] = pulls[i](g);
      g = hiddenGrad;
      segments[i].layers.forEach((l, n) => {
        for (const [name, grad] of Object.entries(weightsGrad[n])) grads[`blocks.${l}.${name}`] = grad;
      });
    }
    if (input) g = scatterTokens(np.zeros(shape), g, tree.ref(input));
    Object.assign(grads, parts.embedGrads(batch, g));
    tree.dispose([weights, batch, routes, tables] as never);
    const inOrder = Object.keys(this.layout).map((name) => [name, grads[name]]);
    return [loss as np.Array, Object.fromEntries(inOrder)];
  }

  #rows(weights: Arrays, batch: Arrays, tables: Arrays): [np.Array, np.Array, np.Array] {
    const all = Array.from({ length: this.config.layers }, (_, l) => l);
    let x = this.#parts.embed(part(weights, "embed."), batch);
    x = this.#layers(this.#blocks(weights, all), x, this.#rotaryAt(tables, null));
    const logits = this.#parts.logits(part(weights, "head."), x);
    const targets = this.#parts.targets(batch, null);
    const right = np.equal(np.argmax(logits.ref, -1), targets.ref).astype(np.float32).mean(-1);
    const losses = rowLosses(logits.ref, targets);
    targets.dispose();
    tree.dispose([weights, batch, tables] as never);
    return [losses, right, logits];
  }
}

/** The mean loss of each row's answers: logits `[B,N,V]`, which it takes over, targets int32 `[B,N]`, borrowed. */
function rowLosses(logits: np.Array, targets: np.Array): np.Array {
  const goal = nn.oneHot(targets.ref, logits.shape[2]);
  return nn.logSoftmax(logits, -1).mul(goal).sum(-1).mul(-1).mean(-1);
}

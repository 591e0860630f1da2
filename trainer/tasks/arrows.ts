/** Follow the arrows: made up, so that depth is needed and tokens repeat. */
import { Random } from "../random.ts";
import type { FollowerConfig, HostArrays, Task } from "../types.ts";

/** Of the held-out rows; no run has it. */
const HELD_OUT_SEED = 0xffff_ffff;

/**
 * Rows of the table: a node as what an arrow leaves, as what it points to, as the start; then the mark of a query. What
 * lies above is not used: the WASM backend takes ten times as long for a gradient whose rows are no multiple of 4.
 */
export function followerVocab(nodes: number): number {
  return 4 * Math.ceil((3 * nodes + 1) / 4);
}

/** What *arrows* can be told. */
export interface ArrowsOptions {
  /** The part of arrows that point to a node by chance. Default 0. */
  readonly falseArrows?: number;
  /** Rows held out. Default 512. */
  readonly heldOutRows?: number;
}

/**
 * A row draws a permutation p of the nodes and a start s. Position 0 is the query, which holds s; the others are arrows
 * a -> p(a), each node's as often as the next one's give or take one, in no order. Asked for are p(s), p(p(s)) and so on.
 * Every arrow stands there many times, so most tokens can be spared; each hop more needs the last one's answer.
 */
export function arrows(
  model: Pick<FollowerConfig, "seq" | "nodes" | "hops">,
  options: ArrowsOptions = {},
): Task {
  const { seq, nodes, hops } = model;
  const { falseArrows = 0, heldOutRows = 512 } = options;
  const V = followerVocab(nodes);

  const rows = (random: Random, count: number): HostArrays => {
    const tokens = new Float32Array(count * seq * V);
    const targets = new Int32Array(count * hops);
    for (let b = 0; b < count; b++) {
      const next = random.shuffle(Array.from({ length: nodes }, (_, a) => a));
      const start = random.below(nodes);
      const order = random.shuffle(Array.from({ length: nodes }, (_, a) => a));
      const from = random.shuffle(Array.from({ length: seq - 1 }, (_, i) => order[i % nodes]));
      tokens[b * seq * V + 2 * nodes + start] = 1;
      tokens[b * seq * V + 3 * nodes] = 1;
      from.forEach((a, i) => {
        const to = falseArrows > 0 && random.uniform() < falseArrows ? random.below(nodes) : next[a];
        const at = (b * seq + i + 1) * V;
        tokens[at + a] = 1;
        tokens[at + nodes + to] = 1;
      });
      let at = start;
      for (let hop = 0; hop < hops; hop++) {
        at = next[at];
        targets[b * hops + hop] = at;
      }
    }
    return {
      tokens: { shape: [count, seq, V], data: tokens },
      targets: { shape: [count, hops], data: targets },
    };
  };

  return {
    name: "arrows",
    synthetic: true,
    keepPrefix: 1,
    baseline: { name: "a guess", loss: Math.log(nodes) },
    batch: (seed, step, size) => rows(new Random(seed, step, 1), size),
    heldOut: (size) =>
      Array.from({ length: Math.ceil(heldOutRows / size) }, (_, i) =>
        rows(new Random(HELD_OUT_SEED, i, 1), size),
      ),
  };
}

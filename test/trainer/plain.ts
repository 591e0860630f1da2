/** The trainer's models written out in plain float64, a row at a time: what the compiled ones are held to. */
import type { HostArrays, ModelConfig } from "../../trainer/types.ts";

type Matrix = number[][];
type Weights = Record<string, { shape: readonly number[]; data: ArrayLike<number> }>;

/** Rows of a `[N,M]` array. */
function matrix({ shape, data }: Weights[string]): Matrix {
  const [rows, columns] = shape;
  return Array.from({ length: rows }, (_, i) =>
    Array.from({ length: columns }, (_, j) => data[i * columns + j]),
  );
}

const dot = (a: number[], b: number[]) => a.reduce((total, value, i) => total + value * b[i], 0);
const add = (a: number[], b: ArrayLike<number>) => a.map((value, i) => value + b[i]);
const times = (x: number[], w: Matrix) =>
  w[0].map((_, j) => x.reduce((total, value, i) => total + value * w[i][j], 0));

function rmsNorm(x: number[], gain: ArrayLike<number>): number[] {
  const size = Math.sqrt(dot(x, x) / x.length + 1e-5);
  return x.map((value, i) => (value / size) * gain[i]);
}

function softmax(x: number[]): number[] {
  const most = Math.max(...x);
  const powers = x.map((value) => Math.exp(value - most));
  const total = powers.reduce((a, b) => a + b);
  return powers.map((value) => value / total);
}

const gelu = (x: number) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));

/** The angles of a position, D/2 of them; null: the model has no positions in its attention. */
function angles(config: ModelConfig, position: number): number[] | null {
  const half = config.channels / config.heads / 2;
  if (config.kind === "follower") return null;
  if (config.kind === "gpt") return Array.from({ length: half }, (_, i) => position * 10_000 ** (-i / half));
  const side = Math.sqrt(config.seq);
  const [row, column] = [Math.floor(position / side), position % side];
  const each = half / 2;
  return Array.from({ length: half }, (_, i) => (i < each ? row : column) * 100 ** (-(i % each) / each));
}

function turn(x: number[], by: number[] | null): number[] {
  if (!by) return x;
  const half = by.length;
  return x.map((value, i) => {
    const [cos, sin] = [Math.cos(by[i % half]), Math.sin(by[i % half])];
    return i < half ? value * cos - x[i + half] * sin : value * cos + x[i - half] * sin;
  });
}

/** A layer over tokens at these positions. */
function block(
  config: ModelConfig,
  weights: Weights,
  l: number,
  x: Matrix,
  positions: readonly number[],
): Matrix {
  const w = (name: string) => weights[`blocks.${l}.${name}`];
  const { channels: C, heads } = config;
  const D = C / heads;
  const [intoQKV, outOf, intoMLP, outOfMLP] = ["qkv", "attnOut", "up", "down"].map((name) => matrix(w(name)));
  const qkv = x.map((row) => times(rmsNorm(row, w("attnNorm").data), intoQKV));
  const mixed: Matrix = x.map(() => []);
  for (let h = 0; h < heads; h++) {
    const part = (row: number[], which: number) => row.slice(which * C + h * D, which * C + (h + 1) * D);
    const q = qkv.map((row, i) => turn(part(row, 0), angles(config, positions[i])));
    const k = qkv.map((row, i) => turn(part(row, 1), angles(config, positions[i])));
    const v = qkv.map((row) => part(row, 2));
    for (let i = 0; i < x.length; i++) {
      const seen = config.kind === "gpt" ? i + 1 : x.length;
      const shares = softmax(k.slice(0, seen).map((key) => dot(q[i], key) / Math.sqrt(D)));
      for (let d = 0; d < D; d++) {
        mixed[i].push(shares.reduce((total, share, j) => total + share * v[j][d], 0));
      }
    }
  }
  return x.map((row, i) => {
    const y = add(row, times(mixed[i], outOf));
    const up = times(rmsNorm(y, w("mlpNorm").data), intoMLP).map(gelu);
    return add(y, times(up, outOfMLP));
  });
}

/** Which positions each group of layers sees, and those that enter: null is all. */
export interface PlainDropping {
  /** Layers that run one after another on the same positions. */
  readonly groups: readonly { layers: readonly number[]; positions: readonly (readonly number[])[] | null }[];
  /** `[B][K]` */
  readonly input?: readonly (readonly number[])[];
}

/** The mean loss of a batch. */
export function plainLoss(
  config: ModelConfig,
  weights: Weights,
  batch: HostArrays,
  dropping: PlainDropping,
): number {
  const { seq: S } = config;
  const first = Object.values(batch)[0];
  const B = first.shape[0];
  const V = first.shape[2] ?? 0;
  let total = 0;
  for (let b = 0; b < B; b++) {
    const row = (n: number) => Array.from(first.data.slice((b * S + n) * V, (b * S + n + 1) * V));
    const embed = (n: number) => {
      if (config.kind === "gpt") return matrix(weights["embed.table"])[first.data[b * S + n]];
      if (config.kind === "follower") return times(row(n), matrix(weights["embed.table"]));
      const patch = times(row(n), matrix(weights["embed.patch"]));
      return add(add(patch, weights["embed.bias"].data), matrix(weights["embed.positions"])[n]);
    };
    const entered = dropping.input?.[b] ?? Array.from({ length: S }, (_, n) => n);
    const x = entered.map(embed);
    for (const { layers, positions } of dropping.groups) {
      const at = positions?.[b] ?? entered;
      let part = at.map((position) => x[entered.indexOf(position)]);
      for (const l of layers) part = block(config, weights, l, part, at);
      for (const [i, position] of at.entries()) x[entered.indexOf(position)] = part[i];
    }
    total += rowLoss(config, weights, batch, b, x, entered);
  }
  return total / B;
}

function rowLoss(
  config: ModelConfig,
  weights: Weights,
  batch: HostArrays,
  b: number,
  x: Matrix,
  positions: readonly number[],
): number {
  const head = matrix(weights["head.weight"]);
  const states = x.map((row) => rmsNorm(row, weights["head.norm"].data));
  const cost = (logits: number[], target: number) => -Math.log(softmax(logits)[target]);
  if (config.kind === "gpt") {
    const losses = states.map((row, i) =>
      cost(times(row, head), batch.targets.data[b * config.seq + positions[i]]),
    );
    return losses.reduce((a, c) => a + c) / losses.length;
  }
  const bias = weights["head.bias"].data;
  if (config.kind === "vit") {
    const mean = states[0].map((_, c) => states.reduce((total, row) => total + row[c], 0) / states.length);
    return cost(add(times(mean, head), bias), batch.labels.data[b]);
  }
  const { nodes, hops } = config;
  const answers = add(times(states[0], head), bias);
  let total = 0;
  for (let hop = 0; hop < hops; hop++) {
    total += cost(answers.slice(hop * nodes, (hop + 1) * nodes), batch.targets.data[b * hops + hop]);
  }
  return total / hops;
}

/** Losses and gradients of the trainer's models, against the same models in plain float64. */
import { defaultDevice, init, tree } from "@jax-js/jax";
import type { TokenRoute } from "random-ltd/jax";
import { beforeAll, describe, expect, test } from "vitest";
import { sampleRoutes, segmentsOf } from "../../trainer/dropping.ts";
import { Model, toArrays } from "../../trainer/models/model.ts";
import { Random } from "../../trainer/random.ts";
import type { Dropping, HostArray, HostArrays, ModelConfig } from "../../trainer/types.ts";
import { type PlainDropping, plainLoss } from "./plain.ts";

beforeAll(async () => {
  await init("wasm");
  defaultDevice("wasm");
});

const B = 2;
const sizes = { layers: 3, channels: 8, heads: 1, seq: 9 } as const;
const random = new Random(7);
const floats = (...shape: number[]): HostArray => {
  const size = shape.reduce((a, b) => a * b);
  return { shape, data: Float32Array.from({ length: size }, () => random.normal()) };
};
const ints = (below: number, ...shape: number[]): HostArray => {
  const size = shape.reduce((a, b) => a * b);
  return { shape, data: Int32Array.from({ length: size }, () => random.below(below)) };
};

const models: [ModelConfig, HostArrays][] = [
  [
    { kind: "gpt", ...sizes, vocab: 6 },
    { tokens: ints(6, B, 9), targets: ints(6, B, 9) },
  ],
  [
    { kind: "vit", ...sizes, patch: 5, classes: 3 },
    { patches: floats(B, 9, 5), labels: ints(3, B) },
  ],
  [
    { kind: "follower", ...sizes, nodes: 3, hops: 2 },
    { tokens: floats(B, 9, 12), targets: ints(3, B, 2) },
  ],
];

const ways: [string, Dropping][] = [
  ["nothing dropped", { how: "none" }],
  ["a fresh draw in each of two layers", { how: "layers", layers: [0, 2] }],
  ["a route over two layers", { how: "route", first: 1, last: 2 }],
  ["tokens dropped at the input", { how: "input" }],
];

/** The retained positions of a draw, by row. */
const positionsOf = ({ indices }: TokenRoute) => indices.ref.js() as number[][];

function plainOf(dropping: Dropping, layers: number, routes: TokenRoute[]): PlainDropping {
  const draws = routes.map(positionsOf);
  const groups = segmentsOf(dropping, layers).map(({ layers, route }) => ({
    layers,
    positions: route === null ? null : (draws[route] ?? null),
  }));
  return { groups, input: dropping.how === "input" ? draws[0] : undefined };
}

describe.each(models)("$kind", (config, batch) => {
  test.each(ways)("%s: loss and gradients are those of the model written out", (_, dropping) => {
    const model = new Model(config, dropping);
    const weights = model.init(5);
    // Gains and biases away from where they begin, so that each does something.
    for (const { data } of Object.values(weights))
      for (let i = 0; i < data.length; i++) data[i] += 0.1 * random.normal();
    const S = config.seq;
    const draw = { K: 4, S, B, seed: 3, step: 2, keepPrefix: config.kind === "follower" ? 1 : 0 };
    const routes = sampleRoutes(dropping, { ...draw, causal: model.causal });
    const plain = plainOf(dropping, config.layers, routes);
    const arrays = toArrays(weights);
    const [loss, grads] = model.gradients(arrays, toArrays(batch), routes);
    expect(loss.item()).toBeCloseTo(plainLoss(config, weights, batch, plain), 4);

    expect(Object.keys(grads)).toEqual(Object.keys(model.layout));
    const moving = Object.fromEntries(
      Object.entries(weights).map(([name, { shape, data }]) => [
        name,
        { shape, data: Float64Array.from(data) },
      ]),
    );
    const h = 1e-5;
    for (const [name, { data }] of Object.entries(moving)) {
      const gradient = grads[name].dataSync();
      expect(gradient).toHaveLength(data.length);
      let seen = 0;
      for (let i = 0; i < data.length; i += Math.max(1, Math.floor(data.length / 5))) {
        const before = data[i];
        const at = (value: number) => {
          data[i] = value;
          return plainLoss(config, moving, batch, plain);
        };
        const slope = (at(before + h) - at(before - h)) / (2 * h);
        data[i] = before;
        expect(Math.abs(gradient[i] - slope), `${name}[${i}]`).toBeLessThan(2e-5 + 1e-3 * Math.abs(slope));
        seen = Math.max(seen, Math.abs(slope));
      }
      expect(seen, `${name} matters`).toBeGreaterThan(0);
    }

    const everything = { groups: [{ layers: [0, 1, 2], positions: null }] };
    const [rows] = model.evaluate(arrays, toArrays(batch));
    expect(rows.mean().item()).toBeCloseTo(plainLoss(config, weights, batch, everything), 4);
    tree.dispose(arrays);
    model.dispose();
  });

  test("dropping makes a difference, and retaining all tokens makes none", () => {
    const loss = (dropping: Dropping, K: number) => {
      const model = new Model(config, dropping);
      const arrays = toArrays(model.init(5));
      const draw = { K, S: config.seq, B, seed: 3, step: 2, keepPrefix: 1, causal: model.causal };
      const [value, grads] = model.gradients(arrays, toArrays(batch), sampleRoutes(dropping, draw));
      tree.dispose([arrays, grads]);
      return value.item() as number;
    };
    const full = loss({ how: "none" }, 4);
    for (const [, dropping] of ways.slice(1)) {
      expect(loss(dropping, config.seq)).toBeCloseTo(full, 5);
      expect(Math.abs(loss(dropping, 3) - full)).toBeGreaterThan(1e-5);
    }
  });

  test("operations and layer-tokens by the formula", () => {
    const { channels: C, seq: S } = config;
    const layer = (T: number) => 3 * (24 * C * C * T + 4 * T * T * C);
    const of = (dropping: Dropping) => new Model(config, dropping);
    const outside = of({ how: "none" }).flops(S) - 3 * layer(S);
    expect(outside).toBeGreaterThan(0);
    expect(of({ how: "route", first: 1, last: 2 }).flops(4)).toBe(2 * layer(4) + layer(S) + outside);
    expect(of({ how: "layers", layers: [0, 2] }).flops(4)).toBe(2 * layer(4) + layer(S) + outside);
    expect(of({ how: "route", first: 1, last: 2 }).layerTokens(4)).toBe(2 * 4 + S);
    expect(of({ how: "input" }).layerTokens(4)).toBe(3 * 4);
    expect(of({ how: "none" }).layerTokens(4)).toBe(3 * S);
  });
});

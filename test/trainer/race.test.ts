/** Races and verdicts: turns by used time, and what a verdict says. */
import { defaultDevice, init } from "@jax-js/jax";
import { beforeAll, describe, expect, test } from "vitest";
import { awake } from "../../trainer/clock.ts";
import { Lengths } from "../../trainer/dropping.ts";
import { ADAMW, learningRate } from "../../trainer/optimizer.ts";
import { Race } from "../../trainer/race.ts";
import { Run } from "../../trainer/run.ts";
import { arrows } from "../../trainer/tasks/arrows.ts";
import type { Dropping, Evaluation, RunConfig, RunState } from "../../trainer/types.ts";
import { costOf, inWords, type Outcome, verdictOf } from "../../trainer/verdict.ts";

const model = { kind: "follower", layers: 3, channels: 8, heads: 1, seq: 16, nodes: 4, hops: 2 } as const;
const task = arrows(model, { heldOutRows: 8 });
const config = (dropping: Dropping, more: Partial<RunConfig> = {}): RunConfig => ({
  task: "arrows",
  model,
  dropping,
  lengths: { start: 4, until: 0.5, growth: "constant" },
  optimizer: { ...ADAMW, lr: 0.01 },
  batch: 4,
  budget: { unit: "steps", amount: 8 },
  seed: 1,
  ...more,
});

describe("a race", () => {
  beforeAll(async () => {
    await init("wasm");
    defaultDevice("wasm");
  });

  test("used times stay within one step of each other, whatever steps take, and nothing else counts", async () => {
    let now = 0;
    // Compiling and evaluating look at no clock; each step takes its contestant's own time.
    const takes = [70, 30, 45];
    const budget = { unit: "seconds", amount: 1 } as const;
    const contestants = takes.map((ms, i) => {
      let begun = false;
      const clock = () => {
        begun = !begun;
        now += begun ? 1000 : ms; // a second passes between steps
        return now;
      };
      const dropping: Dropping = i === 1 ? { how: "route", first: 1, last: 2 } : { how: "none" };
      const run = new Run(config(dropping, { budget }), task, { clock });
      return { name: String(ms), role: i === 1 ? "dropping" : "full", run } as const;
    });
    const race = new Race(contestants, { evaluations: 2, pause: async () => {} });
    const evaluated: string[] = [];
    for await (const event of race.events()) {
      if (event.type === "evaluated") evaluated.push(event.contestant.name);
      if (event.type !== "step") continue;
      const used = contestants.map(({ run }) => run.totals.seconds);
      expect(Math.max(...used) - Math.min(...used)).toBeLessThanOrEqual(0.07 + 1e-9);
    }
    for (const [i, { run }] of contestants.entries()) {
      expect(run.totals.step).toBe(Math.ceil(1000 / takes[i]));
      expect(run.history.seconds.every((s) => Math.abs(s - takes[i] / 1000) < 1e-9)).toBe(true);
      expect(run.history.evaluations.map(({ step }) => step)).toHaveLength(2);
    }
    expect(evaluated).toHaveLength(6);
    const record = race.record();
    expect(record.verdict?.dropping).toBe("30");
    expect(JSON.parse(JSON.stringify(record)).contestants).toHaveLength(3);
    race.dispose();
  });

  test("put away between a step and its check, it goes on as if it had not been", async () => {
    const raceOf = (state?: RunState) =>
      new Race([{ name: "one", role: "full", run: new Run(config({ how: "none" }), task, { state }) }], {
        evaluations: 4,
      });
    const straight = raceOf();
    for await (const _ of straight.events());
    const whole = straight.contestants[0].run.history.evaluations.map(({ step, loss }) => [step, loss]);
    expect(whole.map(([step]) => step)).toEqual([2, 4, 6, 8]);
    straight.dispose();
    for (const [type, step] of [
      ["step", 3],
      ["step", 4],
      ["evaluating", 4],
      ["evaluated", 4],
      ["step", 8],
    ] as const) {
      const cut = raceOf();
      for await (const event of cut.events())
        if (event.type === type && event.contestant.run.totals.step === step) break;
      const resumed = raceOf((await cut.state()).contestants[0].state);
      for await (const _ of resumed.events());
      const { evaluations } = resumed.contestants[0].run.history;
      expect(
        evaluations.map(({ step, loss }) => [step, loss]),
        `${type} ${step}`,
      ).toEqual(whole);
      cut.dispose();
      resumed.dispose();
    }
  });

  test("stopped early, what there is is evaluated", async () => {
    const race = new Race([{ name: "one", role: "full", run: new Run(config({ how: "none" }), task) }]);
    for await (const event of race.events()) if (event.type === "step") break;
    for await (const _ of race.close());
    expect(race.contestants[0].run.history.evaluations).toMatchObject([{ step: 1 }]);
    race.dispose();
  });
});

test("K over a run: constant and growing, and steps told from operations", () => {
  const cost = (K: number) => K / 16;
  const constant = new Lengths({ start: 4, until: 0.75, growth: "constant" }, 16, cost);
  expect([0, 0.5, 0.749, 0.75, 1].map((p) => constant.at(p))).toEqual([4, 4, 4, 16, 16]);
  expect(constant.all()).toEqual([16, 4]);
  // Three quarters of the steps at a quarter of the cost.
  expect(constant.spentAt(0.75)).toBeCloseTo(0.1875 / 0.4375, 3);
  for (const p of [0, 0.1, 0.6, 0.75, 0.9, 1])
    expect(constant.progressAt(constant.spentAt(p))).toBeCloseTo(p, 6);
  const growing = new Lengths({ start: 4, until: 0.5, growth: "linear", by: 4 }, 16, cost);
  expect(growing.all()).toEqual([16, 12, 8, 4]);
  expect([0, 0.17, 0.34, 0.49, 0.5].map((p) => growing.at(p))).toEqual([4, 8, 12, 12, 16]);
});

test("the learning rate warms up, comes down, and ends at its floor", () => {
  const config = { ...ADAMW, lr: 1, warmup: 0.1, warmupSteps: 4, floor: 0.02 };
  expect(learningRate(config, 0, 0)).toBeLessThan(0.02);
  expect(learningRate(config, 100, 0.1)).toBeCloseTo(1, 6);
  expect(learningRate(config, 100, 0.55)).toBeCloseTo(0.51, 6);
  expect(learningRate(config, 100, 1)).toBeCloseTo(0.02, 6);
  expect(learningRate({ ...config, decay: "cosine" }, 100, 0.55)).toBeCloseTo(0.51, 6);
  expect(learningRate(config, 1, 0.5)).toBeLessThan(0.5);
});

test("a step in which the machine slept counts as its like did", () => {
  expect(awake(3600, [0.1, 0.2, 0.3])).toBe(0.2);
  expect(awake(4, [0.1, 0.1])).toBe(4);
  expect(awake(8, [2, 2, 2])).toBe(8);
  expect(awake(3600, [])).toBe(3600);
});

describe("a verdict", () => {
  const evaluation = (seconds: number, loss: number): Evaluation => ({
    step: 10 * seconds,
    seconds,
    layerTokens: 100 * seconds,
    flops: 1000 * seconds,
    loss,
    lossError: 0.1,
    accuracy: 0.5,
    accuracyError: 0.1,
  });
  /** A contestant whose rows lie around a loss, alike but for a little. */
  const outcome = (name: string, role: Outcome["role"], loss: number, spread = 0.01): Outcome => ({
    name,
    role,
    history: { losses: [], lengths: [], seconds: [], evaluations: [evaluation(1, 2), evaluation(2, loss)] },
    rowLosses: Array.from(
      { length: 16 },
      (_, i) => loss + (i % 2 ? spread : -spread) * (role === "full" ? -1 : 1),
    ),
  });
  const judgement = (...outcomes: Outcome[]) => verdictOf(outcomes)?.judgement;

  test.each([
    ["ahead", 1, 1.5, 1.2],
    ["behind", 1.5, 1, 1.6],
    ["beaten by a control", 1, 1.5, 0.5],
    ["too close to call", 1, 1.0001, 1.2],
  ] as const)("%s: dropping %d, full %d, control %d", (expected, dropping, full, control) => {
    const outcomes = [
      outcome("a", "dropping", dropping),
      outcome("b", "full", full),
      outcome("c", "control", control),
    ];
    expect(judgement(...outcomes)).toBe(expected);
    expect(judgement(...outcomes.reverse())).toBe(expected);
    const words = inWords(verdictOf(outcomes) as never);
    expect(words[0]).toContain(
      {
        ahead: "is ahead",
        behind: "is behind",
        "beaten by a control": "beaten by a control",
        "too close to call": "too close",
      }[expected],
    );
    expect(words).toHaveLength(4);
  });

  test("a full model that is clearly ahead outweighs a control that is", () => {
    expect(
      judgement(outcome("a", "dropping", 1), outcome("b", "full", 0.5), outcome("c", "control", 0.4)),
    ).toBe("behind");
  });

  test("ahead is ahead of every full model", () => {
    const rest = [outcome("a", "dropping", 1), outcome("b", "full", 1.5)];
    expect(judgement(...rest, outcome("d", "full", 1.0001))).toBe("too close to call");
    expect(judgement(...rest, outcome("d", "full", 1.1))).toBe("ahead");
  });

  test("rows that differ widely leave it open", () => {
    expect(judgement(outcome("a", "dropping", 1, 3), outcome("b", "full", 1.5, 3))).toBe("too close to call");
  });

  test("none without an evaluation, without dropping, or without anything else", () => {
    const full = outcome("b", "full", 1);
    expect(verdictOf([full])).toBeNull();
    expect(verdictOf([outcome("a", "dropping", 1)])).toBeNull();
    const empty = { ...full, history: { ...full.history, evaluations: [] } };
    expect(verdictOf([outcome("a", "dropping", 1), empty])).toBeNull();
    expect(verdictOf([outcome("a", "dropping", Number.NaN), full])).toBeNull();
  });

  test("what it took to come down to a loss, on the line between two evaluations", () => {
    const evaluations = [evaluation(1, 2), evaluation(3, 1), evaluation(4, 1.5)];
    expect(costOf(evaluations, 1.25)).toEqual({ seconds: 2.5, steps: 25, layerTokens: 250 });
    expect(costOf(evaluations, 3)).toEqual({ seconds: 1, steps: 10, layerTokens: 100 });
    expect(costOf(evaluations, 0.5)).toBeNull();
    const savings = verdictOf([outcome("a", "dropping", 1), outcome("b", "full", 1.5)])?.savings;
    expect(savings).toEqual({ full: "b", loss: 1.5, seconds: 0.75, steps: 0.75, layerTokens: 0.75 });
  });
});

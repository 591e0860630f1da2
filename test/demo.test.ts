// The demonstration: what it trains is the model that it says, and the command does what --help tells.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { init, jit, numpy as np, tree } from "@jax-js/jax";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { stepFlops } from "../demo/flops.js";
import { allPositions, initWeights, lossAndGradients, rotaryTables, sampleRoutes } from "../demo/model.js";
import { OptionError, parseOptions } from "../demo/options.js";

const MAIN = fileURLToPath(new URL("../demo/main.js", import.meta.url));
const folders: string[] = [];

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "random-ltd-demo-"));
  folders.push(folder);
  return folder;
}

afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

const demo = (...args: string[]) => spawnSync(process.execPath, [MAIN, ...args], { encoding: "utf8" });

describe("the model of the demonstration", () => {
  const sizes = { vocab: 7, channels: 8, layers: 4, heads: 2, seq: 8, batch: 2, seed: 5 };
  const tables = rotaryTables(sizes);
  const draw = (step: number) => Int32Array.from({ length: 16 }, (_, i) => (i * i * 3 + i + step) % 7);
  const tokens = draw(0);
  const targets = draw(1);
  const routes = (K: number) =>
    sampleRoutes(tables, {
      reservedLength: K,
      seqLength: sizes.seq,
      batchSize: sizes.batch,
      layers: sizes.layers - 2,
      seed: 3,
      step: 1,
    });
  const plain = (...args: any[]) => (lossAndGradients as any)(...args, sizes);
  let weights: any;

  beforeAll(async () => {
    await init("wasm");
    weights = initWeights(sizes);
  });

  /** Loss and the leaves of the gradients, of these leaves as weights. */
  function run(f: typeof plain, leaves: any[], kept: any[]) {
    const given = tree.unflatten(tree.structure(weights), leaves);
    const [x, y] = [tokens, targets].map((values) => np.array(values));
    const [loss, gradients] = f(given, x, y, allPositions(tables), kept, np.array(1));
    return { loss: loss.item() as number, gradients: tree.leaves<any>(gradients).map((g) => g.dataSync()) };
  }
  const own = () => tree.leaves<any>(tree.ref(weights));

  it("has the unwrapped model's loss and gradients where wrapped layers see all tokens", () => {
    const unwrapped = run(plain, own(), []);
    const wrapped = run(plain, own(), routes(sizes.seq));
    expect(wrapped.loss).toBeCloseTo(unwrapped.loss, 5);
    wrapped.gradients.forEach((gradient, i) => {
      expect(gradient).toHaveLength(unwrapped.gradients[i].length);
      gradient.forEach((value: number, j: number) => {
        expect(value).toBeCloseTo(unwrapped.gradients[i][j], 5);
      });
    });
  });

  it("computes the same compiled as it does step by step", () => {
    const eager = run(plain, own(), routes(4));
    const compiled = run(jit(plain) as typeof plain, own(), routes(4));
    expect(compiled.loss).toBeCloseTo(eager.loss, 5);
    compiled.gradients.forEach((gradient, i) => {
      gradient.forEach((value: number, j: number) => {
        expect(value).toBeCloseTo(eager.gradients[i][j], 5);
      });
    });
  });

  it.each([1, 3, 5])("has the gradients of its loss where wrapped layers see %i of 8 tokens", (K) => {
    const f = jit(plain) as typeof plain;
    const values = own().map((leaf) => ({
      shape: leaf.shape as number[],
      data: leaf.dataSync() as Float32Array,
    }));
    const { gradients } = run(f, own(), routes(K));
    const lossAt = (i: number, direction: Float32Array, distance: number) => {
      const leaves = values.map(({ shape, data }, leaf) => {
        const moved = leaf === i ? data.map((w, j) => w + distance * direction[j]) : data;
        return np.array(moved, { shape });
      });
      return run(f, leaves, routes(K)).loss;
    };
    const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, value, i) => sum + value * b[i], 0);
    const unit = (v: Float32Array) => v.map((value) => value / Math.sqrt(dot(v, v)));
    gradients.forEach((gradient: Float32Array, i) => {
      expect(Math.sqrt(dot(gradient, gradient)), `gradient ${i} is not zero`).toBeGreaterThan(1e-6);
      // Along the gradient and along a direction that has nothing to do with it.
      for (const direction of [unit(gradient), unit(gradient.map((_, j) => Math.sin(j * j + i + 1)))]) {
        const h = 0.01;
        const slope = (lossAt(i, direction, h) - lossAt(i, direction, -h)) / (2 * h);
        expect(Math.abs(slope - dot(gradient, direction))).toBeLessThan(2e-4 + 0.01 * Math.abs(slope));
      }
    });
  });

  it("begins with the same weights for the same seed, and others for another", () => {
    const values = (seed: number) => {
      const drawn = tree.leaves<any>(initWeights({ ...sizes, seed }));
      return drawn.map((leaf) => Array.from(leaf.dataSync()));
    };
    expect(values(5)).toEqual(values(5));
    expect(values(6)).not.toEqual(values(5));
  });

  it("counts operations by the formula", () => {
    const sizes = { batch: 2, seq: 8, layers: 5, channels: 4, vocab: 7 };
    const layer = (T: number) => 3 * (24 * 16 * T + 4 * T * T * 4);
    const ends = 2 * 8 * 4 * 7 * (2 + 3);
    expect(stepFlops(sizes, 3)).toBe(2 * (2 * layer(8) + 3 * layer(3) + ends));
    expect(stepFlops(sizes, 8)).toBe(2 * (5 * layer(8) + ends));
  });
});

describe("the options of the demonstration", () => {
  it("starts K at an eighth of S", () => {
    expect(parseOptions([])).toMatchObject({ seq: 256, start: 32, help: false });
    expect(parseOptions(["--seq", "512"])).toMatchObject({ seq: 512, start: 64 });
  });

  it.each([
    [["--steps", "0"], `"--steps" expected an integer from 1 to 100000, got 0`],
    [["--steps", "1.5"], `"--steps" expected an integer from 1 to 100000, got 1.5`],
    [["--steps", ""], `"--steps" expected an integer`],
    [["--seq", "100"], `"--seq" expected a multiple of 8 from 16 to 2048, got 100`],
    [["--lr", "fast"], `"--lr" expected a number from 1e-7 to 1, got fast`],
    [["--heads", "3"], `"--channels" expected a multiple of 6 (twice the heads), got 64`],
    [["--start", "31"], `"--start" expected an integer from 32 to 256, got 31`],
    [["--start", "257"], `"--start" expected an integer from 32 to 256, got 257`],
    [["--out", ""], `"--out" expected a folder, got nothing`],
    [["--speed", "9"], "Unknown option '--speed'"],
    [["fast"], "Unexpected argument 'fast'"],
    [["--steps"], "--steps"],
  ])("refuses %j", (args, message) => {
    expect(() => parseOptions(args)).toThrow(OptionError);
    expect(() => parseOptions(args)).toThrow(message);
  });
});

describe("npm start", () => {
  const tiny = [
    "--layers",
    "3",
    "--seq",
    "16",
    "--start",
    "14",
    "--channels",
    "8",
    "--heads",
    "1",
    "--batch",
    "2",
  ];

  it("tells how with --help", () => {
    const { status, stdout, stderr } = demo("--help");
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    for (const option of ["steps", "seq", "start", "layers", "seed", "limit", "control", "out"]) {
      expect(stdout).toContain(`--${option} `);
    }
  });

  it("refuses a wrong option in one line", () => {
    const { status, stdout, stderr } = demo("--layers", "2");
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toBe(`"--layers" expected an integer from 3 to 48, got 2\n`);
  });

  it("trains, prints its tables and writes what it names", () => {
    const out = join(newFolder(), "new");
    const args = [...tiny, "--steps", "4", "--limit", "0", "--control", "--out"];
    const { status, stdout, stderr } = demo(...args, out);
    expect(stderr).toContain("compiling K = 14, 2 of 4");
    expect(stderr).toMatch(/step 1\/4 \| loss \d\.\d\d \/ \d\.\d\d \| K 14 \| \d+:\d\d left/);
    expect(status).toBe(0);
    for (const row of [
      "validation loss",
      "bigram baseline",
      "layer-tokens",
      "time in steps",
      "as FLOPs predict",
      "compile time",
      "total time",
    ]) {
      expect(stdout).toContain(`│ ${row}`.replace("│ as", "│   as"));
    }
    expect(stdout).toContain("FLOPs predict");
    expect(stdout).toMatch(/│ 14 │ +\d │/);
    expect(stdout).toMatch(/│ 16 │ +\d │/);
    const picture = join(out, "demo.svg");
    const numbers = join(out, "demo.json");
    expect(stdout).toContain(`Picture: ${picture}\nNumbers: ${numbers}\n`);
    const svg = readFileSync(picture, "utf8");
    for (const text of [
      "Training step",
      "Loss (nats a character)",
      "Random-LTD",
      "All tokens",
      "Bigram baseline",
    ]) {
      expect(svg).toContain(text);
    }
    expect(svg).not.toContain("NaN");
    const results = JSON.parse(readFileSync(numbers, "utf8"));
    expect(results.stopped).toBeNull();
    expect(results.lengths).toEqual([14, 14, 14, 16]);
    // 2 rows, 4 steps, two full layers and one that sees K.
    expect(results.allTokens.layerTokens).toBe(2 * 4 * 3 * 16);
    expect(results.randomLTD.layerTokens).toBe(2 * (4 * 2 * 16 + 14 + 14 + 14 + 16));
    for (const model of [results.allTokens, results.randomLTD, results.control]) {
      expect(model.losses).toHaveLength(model.plannedSteps);
      expect(model.validation.at(-1).step).toBe(model.plannedSteps);
      expect(Math.min(...model.losses)).toBeGreaterThan(0);
    }

    // The same seed repeats every loss.
    const again = newFolder();
    demo(...args, again);
    const repeated = JSON.parse(readFileSync(join(again, "demo.json"), "utf8"));
    for (const name of ["allTokens", "randomLTD", "control"]) {
      expect(repeated[name].losses).toEqual(results[name].losses);
    }
  });

  it("stops at Ctrl-C and keeps what there is", async () => {
    const out = newFolder();
    const child = spawn(process.execPath, [MAIN, ...tiny, "--steps", "100000", "--limit", "0", "--out", out]);
    let printed = "";
    let progress = "";
    child.stdout.setEncoding("utf8").on("data", (text) => {
      printed += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text) => {
      // Twice, as it comes through npm.
      if (!progress.includes("step 1/") && (progress + text).includes("step 1/")) {
        child.kill("SIGINT");
        child.kill("SIGINT");
      }
      progress += text;
    });
    const status = await new Promise((resolve) => child.on("close", resolve));
    expect(status).toBe(130);
    expect(printed).toMatch(/Stopped by Ctrl-C after \d+ of 100000 steps/);
    expect(printed).toContain("│ validation loss");
    expect(existsSync(join(out, "demo.svg"))).toBe(true);
    const { stopped, stepsDone, lengths } = JSON.parse(readFileSync(join(out, "demo.json"), "utf8"));
    expect(stopped).toBe("Ctrl-C");
    expect(lengths).toHaveLength(stepsDone);
  });
});

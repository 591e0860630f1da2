// The race in a terminal: the command does what --help tells.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { OptionError, parseOptions } from "../demo/options.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const MAIN = ["scripts/run.js", "demo/main.ts"];
const folders: string[] = [];

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "random-ltd-demo-"));
  folders.push(folder);
  return folder;
}

afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

const demo = (...args: string[]) =>
  spawnSync(process.execPath, [...MAIN, ...args], { encoding: "utf8", cwd: ROOT });

describe("the options of the race", () => {
  it("are the task's own where nothing else is given", () => {
    expect(parseOptions([])).toMatchObject({
      task: "arrows",
      budget: { unit: "seconds", amount: 40 },
      seed: 0,
    });
    const digits = parseOptions(["--task", "digits", "--keep", "64", "--lr", "0.002"]);
    expect(digits?.sizes.seq).toBe(196);
    expect(digits?.contestants.map(({ role, lr }) => [role, lr])).toEqual([
      ["full", 0.002],
      ["dropping", 0.002],
      ["control", 0.002],
    ]);
    expect(digits?.contestants[1].lengths?.start).toBe(64);
    expect(parseOptions(["--help"])).toBeNull();
  });

  it("fit dropping to the depth", () => {
    const dropping = (...args: string[]) => parseOptions(args)?.contestants[1].dropping;
    expect(dropping("--layers", "6")).toEqual({ how: "route", first: 1, last: 5 });
    expect(dropping("--layers", "2")).toEqual({ how: "route", first: 1, last: 1 });
    expect(dropping("--task", "text", "--layers", "5")).toEqual({ how: "layers", layers: [1, 2, 3] });
    expect(dropping("--layers", "3", "--how", "layers")).toEqual({ how: "layers", layers: [1, 2] });
  });

  it("scale K with S", () => {
    expect(parseOptions(["--seq", "64"])?.contestants[1].lengths?.start).toBe(16);
    expect(parseOptions(["--task", "text", "--seq", "128"])?.contestants[1].lengths).toMatchObject({
      start: 32,
      by: 32,
    });
  });

  it.each([
    [["--steps", "0"], `"--steps" expected an integer from 1 to 1000000, got 0`],
    [["--seconds", "1.5"], `"--seconds" expected an integer from 1 to 1000000, got 1.5`],
    [["--steps", ""], `"--steps" expected an integer`],
    [["--seq", "98"], `"--seq" expected a multiple of 4 from 16 to 2048, got 98`],
    [["--task", "digits", "--seq", "64"], `"--seq" expected 196 for digits, got 64`],
    [["--lr", "fast"], `"--lr" expected a number from 1e-7 to 1, got fast`],
    [["--heads", "3"], `"--channels" expected a multiple of 6 for 3 heads, got 32`],
    [["--keep", "129"], `"--keep" expected an integer from 1 to 128, got 129`],
    [["--task", "chess"], `"--task" expected arrows or digits or text, got chess`],
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
    "--control",
    "1",
    "--seq",
    "16",
    "--channels",
    "8",
    "--heads",
    "1",
    "--batch",
    "2",
  ];
  const small = [...tiny, "--rows", "8", "--keep", "8", "--until", "0.5"];

  it("tells how with --help, and refuses a wrong option in one line", () => {
    const help = demo("--help");
    expect({ status: help.status, stderr: help.stderr }).toEqual({ status: 0, stderr: "" });
    for (const option of ["task", "how", "seconds", "steps", "layers", "seed", "out"]) {
      expect(help.stdout).toContain(`--${option} `);
    }
    const { status, stdout, stderr } = demo("--layers", "1");
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toBe(`"--layers" expected an integer from 2 to 48, got 1\n`);
  });

  it("races, prints its tables and a verdict, writes what it names, and repeats itself", () => {
    const out = join(newFolder(), "new");
    const { status, stdout, stderr } = demo(...small, "--steps", "4", "--out", out);
    expect(stderr).toContain("compiling a route: K = 8");
    expect(stderr).toMatch(
      /all tokens [\d.]+ \| a route [\d.-]+ \| 1 layer, all tokens [\d.-]+ \| K 8 \| \d+:\d\d left/,
    );
    expect(status).toBe(0);
    const rows = ["held-out loss", "accuracy, %", "steps", "layer-tokens", "time in steps", "compile time"];
    for (const row of rows) expect(stdout).toContain(`│ ${row}`);
    expect(stdout).toContain("FLOPs predict");
    expect(stdout).toMatch(/│ a route +│ +8 │ +2 │/);
    expect(stdout).toMatch(/│ a route +│ 16, all │ +2 │/);
    expect(stdout).toContain("- arrows is synthetic");
    const [picture, numbers] = ["race.svg", "race.json"].map((name) => join(out, name));
    expect(stdout).toContain(`Picture: ${picture}\nNumbers: ${numbers}\n`);
    const svg = readFileSync(picture, "utf8");
    for (const text of ["Loss by time", "Loss by step", "a route", "What each layer of", "synthetic"]) {
      expect(svg).toContain(text);
    }
    expect(svg).not.toContain("NaN");
    const { stopped, contestants, verdict } = JSON.parse(readFileSync(numbers, "utf8"));
    expect(stopped).toBeNull();
    expect(verdict.dropping).toBe("a route");
    expect(contestants[1].history.lengths).toEqual([8, 8, 16, 16]);
    // 2 rows, 4 steps, one layer that sees all and two that see K in half of them.
    expect(contestants[1].history.evaluations.at(-1).layerTokens).toBe(2 * (4 * 16 + 2 * 2 * 8 + 2 * 2 * 16));

    const again = newFolder();
    demo(...small, "--steps", "4", "--out", again);
    const repeated = JSON.parse(readFileSync(join(again, "race.json"), "utf8"));
    for (const [i, { history }] of repeated.contestants.entries()) {
      expect(history.losses).toEqual(contestants[i].history.losses);
    }
  });

  it("stops at Ctrl-C and keeps what there is", async () => {
    const out = newFolder();
    const args = [...MAIN, ...small, "--steps", "100000", "--out", out];
    const child = spawn(process.execPath, args, { cwd: ROOT });
    let printed = "";
    let progress = "";
    child.stdout.setEncoding("utf8").on("data", (text) => {
      printed += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text) => {
      // Twice, as it comes through npm.
      if (!progress.includes(" left") && (progress + text).includes(" left")) {
        child.kill("SIGINT");
        child.kill("SIGINT");
      }
      progress += text;
    });
    const status = await new Promise((resolve) => child.on("close", resolve));
    expect(status).toBe(130);
    expect(printed).toContain("Stopped by Ctrl-C");
    expect(printed).toContain("│ held-out loss");
    expect(existsSync(join(out, "race.svg"))).toBe(true);
    expect(JSON.parse(readFileSync(join(out, "race.json"), "utf8")).stopped).toBe("Ctrl-C");
  });
});

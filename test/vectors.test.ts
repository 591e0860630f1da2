import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { afterAll, describe, expect, it } from "vitest";
import { useCPUBackend } from "../src/backends/cpu-backend.ts";
import { gptSampleTokens, tensor } from "../src/index.ts";

interface Case {
  options: {
    seed: string;
    step: number;
    layers: number;
    batchSize: number;
    seqLength: number;
    reservedLength: number;
    layerOffset?: number;
    batchOffset?: number;
    keepPrefix?: number;
    keepMask?: number[];
    paddingMask?: number[];
  };
  sampledIndices: number[];
}

const FILE = "test/vectors/sampling-rule-1.json";
const { cases }: { cases: Case[] } = JSON.parse(readFileSync(FILE, "utf8"));

describe.each(["wasm", "reference"] as const)("the vectors of sampling rule 1, %s", (backend) => {
  afterAll(() => useCPUBackend(undefined));
  it.each(cases)("$options", ({ options, sampledIndices }) => {
    useCPUBackend(backend);
    const { seed, keepMask, paddingMask, ...rest } = options;
    const shape = [rest.batchSize, rest.seqLength];
    const mask = (flags?: number[]) => flags && tensor(Uint8Array.from(flags), shape);
    const drawn = gptSampleTokens({
      ...rest,
      seed: BigInt(seed),
      keepMask: mask(keepMask),
      paddingMask: mask(paddingMask),
    });
    expect([...drawn.sampledIndices.data]).toEqual(sampledIndices);
  });
});

/** Runs the page's Python over the same cases. */
const CHECK = `
import json, sys
for case in json.load(open("${FILE}"))["cases"]:
    o = case["options"]
    S = o["seqLength"]
    got = []
    for l in range(o["layers"]):
        for r in range(o["batchSize"]):
            kept = o.get("keepMask", [0] * (r + 1) * S)[r * S:(r + 1) * S]
            real = o.get("paddingMask", [1] * (r + 1) * S)[r * S:(r + 1) * S]
            keep = {i for i in range(S) if kept[i] or i < o.get("keepPrefix", 0)}
            padding = {i for i in range(S) if not real[i]}
            got += retained(int(o["seed"]), o["step"], o.get("layerOffset", 0) + l, o.get("batchOffset", 0) + r,
                            S, o["reservedLength"], keep, padding)
    assert got == case["sampledIndices"], o
print("ok")
`;

const python = spawnSync("python3", ["--version"]).status === 0;

it.skipIf(!python)("the Python of docs/sampling-rule.md gives them too (needs python3)", () => {
  const [, code] = /```python\n([\s\S]*?)```/.exec(readFileSync("docs/sampling-rule.md", "utf8"))!;
  const { stdout, stderr } = spawnSync("python3", ["-c", code + CHECK], { encoding: "utf8" });
  expect(stderr).toBe("");
  expect(stdout.trim()).toBe("ok");
});

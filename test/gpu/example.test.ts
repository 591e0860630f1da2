import { expect, test } from "vitest";
import { lossesByHand } from "../routing/by-hand.ts";
import { exampleUnder, runExample } from "../suites/examples.ts";
import { whyNoDawn } from "./dawn.ts";

const reason = whyNoDawn();
const example = exampleUnder("### Raw WebGPU");

test("the README's example in raw WebGPU has fewer than 30 lines", () => {
  expect(example.trimEnd().split("\n").length).toBeLessThan(30);
});

test.skipIf(reason)(
  `it prints the losses of the model written out token by token ${reason ?? ""}`,
  async () => {
    const got = await runExample(example, { options: ["--import", "./test/suites/with-gpu.js"] });
    const wanted = lossesByHand(0, Math.fround);
    expect(got.map(([step, K]) => [step, K])).toEqual(wanted.map(([step, K]) => [step, K]));
    for (const [step, , loss] of got) expect(Math.abs(loss / wanted[step][2] - 1)).toBeLessThan(1e-5);
    expect(got[23][2]).toBeLessThan(got[0][2] / 10);
  },
);

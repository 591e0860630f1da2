import { expect, test } from "vitest";
import { lossesByHand } from "../routing/by-hand.ts";
import { exampleUnder, runExample } from "../suites/examples.ts";
import { whyNoDawn } from "./dawn.ts";

const reason = whyNoDawn();
const example = exampleUnder("### Raw WebGPU");

test.skipIf(reason)(
  `the README's example in raw WebGPU prints the losses of the model written out token by token ${reason ?? ""}`,
  async () => {
    const got = await runExample(example, { options: ["--import", "./test/suites/with-gpu.js"] });
    const wanted = lossesByHand(0, Math.fround);
    expect(got.map(([step, K]) => [step, K])).toEqual(wanted.map(([step, K]) => [step, K]));
    for (const [step, , loss] of got) expect(Math.abs(loss / wanted[step][2] - 1)).toBeLessThan(1e-5);
    expect(got[23][2]).toBeLessThan(got[0][2] / 10);
  },
);

/** docs/recipes.md: each program runs as it stands and prints what the page says; the first against a model by hand. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { describe, expect, it, test } from "vitest";
import { plainSample } from "./suites/plain-sampling.ts";

const page = readFileSync(new URL("../docs/recipes.md", import.meta.url), "utf8");
const recipes = page
  .split(/^## /m)
  .slice(1)
  .map((section) => {
    const [, name, code, printed] = /^(.+)\n[\s\S]*?```js\n([\s\S]*?)```\n\n```text\n([\s\S]*?)```/.exec(
      section,
    )!;
    return { name, code, printed };
  });

describe("recipes", () => {
  it("are all found", () => {
    expect(recipes.map(({ name }) => name)).toEqual([
      "SimpleTuner's routes",
      "MAE's decoder",
      "Tubes and blocks",
      "By importance",
      "Random ratios",
    ]);
    expect(page.match(/```js/g)).toHaveLength(recipes.length);
  });

  it.each(recipes)("$name prints what it says", ({ name, code, printed }) => {
    mkdirSync("out/recipes", { recursive: true });
    const file = `out/recipes/${name.replace(/\W+/g, "-")}.mjs`;
    writeFileSync(file, code);
    expect(execFileSync(process.execPath, [file], { encoding: "utf8" })).toBe(printed);
  });
});

/** Nine layers `h + w * tanh(h)` and the five routes over them, every token's path written out. */
function ninesByHand(): [step: number, layerTokens: number, loss: number][] {
  const [B, S, C] = [2, 20, 4];
  // [first layer, last layer, K of 20]: 0.1, 0.25, 0.35, 0.25 and 0.1 are dropped.
  const routes = [
    [1, 2, 18],
    [3, 3, 15],
    [4, 4, 13],
    [5, 6, 15],
    [7, 7, 18],
  ];
  const w = Array.from({ length: 9 }, () => Array<number>(C).fill(0.1));
  return [0, 1, 2, 3].map((step) => {
    const drawn = routes.map(([first, , reservedLength]) =>
      plainSample({ reservedLength, seqLength: S, batchSize: B, seed: 7, step, layerOffset: first - 1 }),
    );
    const dw = w.map((row) => row.map(() => 0));
    let [loss, tokens] = [0, 0];
    for (let b = 0; b < B; b++) {
      for (let s = 0; s < S; s++) {
        const path = w.flatMap((_, layer) => {
          const route = routes.findIndex(([first, last]) => layer >= first && layer <= last);
          if (route < 0) return [layer];
          const K = routes[route][2];
          return drawn[route].subarray(b * K, (b + 1) * K).includes(s) ? [layer] : [];
        });
        tokens += path.length;
        for (let c = 0; c < C; c++) {
          const x = Math.sin((b * S + s) * C + c + step);
          const hs = [x];
          for (const layer of path) hs.push(hs.at(-1)! + w[layer][c] * Math.tanh(hs.at(-1)!));
          let d = hs.pop()! - 2 * x;
          loss += (d * d) / 2;
          for (const layer of path.toReversed()) {
            const t = Math.tanh(hs.pop()!);
            dw[layer][c] += d * t;
            d *= 1 + w[layer][c] * (1 - t * t);
          }
        }
      }
    }
    for (const [layer, row] of dw.entries()) for (const [c, d] of row.entries()) w[layer][c] -= 0.002 * d;
    return [step, tokens, loss];
  });
}

test("SimpleTuner's routes train as the model by hand does", () => {
  const expected = ninesByHand().map(([step, tokens, loss]) => `${step} ${tokens} ${loss.toFixed(6)}\n`);
  expect(recipes[0].printed).toBe(expected.join(""));
});

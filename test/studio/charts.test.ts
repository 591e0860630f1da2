/** Charts as plain data: thinning, reading, ticks, and the SVG that is saved. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Figure, rangeOf, thinned, ticksOf, valueAt } from "../../studio/charts/figure.ts";
import { toSVG } from "../../studio/charts/svg.ts";
import { stepMs } from "../../studio/views/figures.ts";
import type { LaneSeries } from "../../studio/worker/protocol.ts";

const line = (name: string, y: number[], faint = false) => ({
  name,
  color: "--full",
  x: y.map((_, i) => i),
  y,
  faint,
});
const figure = (...lines: Figure["lines"]): Figure => ({
  title: "Held-out loss",
  xName: "s",
  yName: "loss",
  lines,
  xMax: 10,
});

describe("thinning", () => {
  test("keeps short curves as they are", () => {
    const y = [3, 1, 2];
    expect(thinned([0, 1, 2], y)).toEqual({ x: [0, 1, 2], y });
  });

  test("keeps the ends, the lowest and the highest of long ones, in order", () => {
    const y = Float64Array.from({ length: 40_000 }, (_, i) => Math.sin(i / 50));
    y[12_345] = 9;
    y[23_456] = -9;
    const x = Float64Array.from(y, (_, i) => i);
    const out = thinned(x, y);
    expect(out.x.length).toBeLessThan(1300);
    expect(out.x[0]).toBeLessThan(70);
    expect(out.x.at(-1)).toBe(39_999);
    expect(Math.max(...out.y)).toBe(9);
    expect(Math.min(...out.y)).toBe(-9);
    expect([...out.x].sort((a, b) => a - b)).toEqual(out.x);
  });
});

describe("reading", () => {
  test("goes straight between points, and says nothing outside", () => {
    const curve = { x: [0, 2, 4], y: [0, 4, 0] };
    expect(valueAt(curve, 1)).toBe(2);
    expect(valueAt(curve, 2)).toBe(4);
    expect(valueAt(curve, 3)).toBe(2);
    expect(valueAt(curve, 4)).toBe(0);
    expect(valueAt(curve, 4.1)).toBeUndefined();
    expect(valueAt({ x: [], y: [] }, 0)).toBeUndefined();
  });

  test("a faint curve's outliers don't set the range", () => {
    const [low, high] = rangeOf(figure(line("a", [1, 2]), line("b", [100], true)));
    expect(low).toBeLessThan(1);
    expect(high).toBeLessThan(3);
  });

  test("a logarithmic range stays above zero", () => {
    const [low] = rangeOf({ ...figure(line("a", [0, 0.5, 2])), log: true });
    expect(low).toBeGreaterThan(0);
  });

  test("ticks are round, within the range, and about as many as asked for", () => {
    fc.assert(
      fc.property(
        fc.double({ min: -1e6, max: 1e6, noNaN: true }),
        fc.double({ min: 1e-3, max: 1e6, noNaN: true }),
        (low, size) => {
          const ticks = ticksOf(low, low + size, 6);
          expect(ticks.length).toBeLessThanOrEqual(9);
          for (const tick of ticks) {
            expect(tick).toBeGreaterThanOrEqual(low - size * 1e-3);
            expect(tick).toBeLessThanOrEqual(low + size * 1.001);
          }
        },
      ),
      // Their step is in the third decimal, and they have six figures before it.
      { examples: [[-168.1146, 0.001]] },
    );
  });
});

describe("milliseconds of a step beside what FLOPs predict", () => {
  const lane = (lane: LaneSeries["lane"], ms: number[], flops: number[]) =>
    ({ lane, steps: { ms, flops } }) as LaneSeries;
  const full = lane("full", Array(40).fill(8), Array(40).fill(100));
  // Thirty steps of a quarter of the work, then ten of all of it.
  const route = lane(
    "route",
    [...Array(30).fill(3), ...Array(10).fill(8)],
    [...Array(30).fill(25), ...Array(10).fill(100)],
  );

  test("are means over the same steps, which differ in K: the last twenty, or all once the race is over", () => {
    expect(stepMs([full, route], route.steps, false)).toEqual({ ms: 5.5, byFlops: 5 });
    expect(stepMs([full, route], route.steps, true)).toEqual({ ms: 4.25, byFlops: 3.5 });
  });

  test("are no number before the first step, or without the full model", () => {
    expect(stepMs([lane("full", [], [])], lane("route", [], []).steps, false)).toEqual({
      ms: Number.NaN,
      byFlops: Number.NaN,
    });
    expect(stepMs([route], route.steps, false).byFlops).toBeNaN();
  });
});

describe("SVG", () => {
  const palette = { ink: "#000", dim: "#555", line: "#ddd", panel: "#fff", color: () => "#1f5fa8" };

  test("has a path for each curve, none empty, and escapes names", () => {
    const svg = toSVG(figure(line('a<b>&"c', [1, 2, 3]), line("d", [3, 2, 1])), palette);
    const paths = [...svg.matchAll(/<path d="([^"]+)"/g)].map(([, d]) => d);
    expect(paths).toHaveLength(2);
    for (const d of paths) expect(d).toMatch(/^M[\d.]+ [\d.]+L/);
    expect(svg).toContain("a&#60;b&#62;&#38;&#34;c");
    expect(svg).not.toContain("<b>");
  });
});

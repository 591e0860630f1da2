/** The plots of the page, by vega, as SVG. */
import { parse, type Spec, View } from "vega";
import { mean } from "../trainer/statistics.ts";
import type { Evaluation } from "../trainer/types.ts";
import type { Plan } from "./plan.ts";
import { PLOTS } from "./report.ts";
import type { Result, StepResult } from "./results.ts";
import { type Row, rowsOf } from "./summary.ts";

const COLORS = [
  "#d9611c",
  "#1f5fa8",
  "#5b94cf",
  "#8a8a8a",
  "#3a8f4d",
  "#a05195",
  "#c29c2b",
  "#5d3a1a",
  "#111111",
];

/** A line to be drawn. */
interface Point {
  readonly name: string;
  readonly x: number;
  readonly y: number;
}

/** Moments at which runs of several seeds are read. */
const MOMENTS = 10;

/** The loss of a run after so many seconds, on the straight line between two evaluations. */
function lossAt(evaluations: readonly Evaluation[], seconds: number): number {
  const after = Math.max(
    1,
    evaluations.findIndex((e) => e.seconds >= seconds),
  );
  const [a, b] = [evaluations[after - 1], evaluations[after]];
  return b ? a.loss + ((seconds - a.seconds) / (b.seconds - a.seconds)) * (b.loss - a.loss) : a.loss;
}

/** The mean loss over the seeds that a contestant has. */
function meanCurve({ entry, runs }: Row): Point[] {
  const curves = [...runs.values()].map(({ evaluations }) => evaluations);
  if (curves.length === 0) return [];
  const from = Math.max(...curves.map(([first]) => first.seconds));
  const to = Math.min(...curves.map((curve) => curve[curve.length - 1].seconds));
  return Array.from({ length: MOMENTS + 1 }, (_, i) => {
    const x = from + ((to - from) * i) / MOMENTS;
    const y = mean(curves.map((curve) => lossAt(curve, x)));
    return {
      name: `${entry.recipe.name} (${curves.length} ${curves.length === 1 ? "seed" : "seeds"})`,
      x,
      y,
    };
  });
}

function lines(points: readonly Point[], xTitle: string, yTitle: string, log = false): Spec {
  const names = [...new Set(points.map(({ name }) => name))];
  return {
    $schema: "https://vega.github.io/schema/vega/v6.json",
    width: 600,
    height: 320,
    autosize: "none",
    padding: { left: 60, right: 20, top: 20 + 18 * names.length, bottom: 50 },
    background: "white",
    data: [{ name: "points", values: [...points] }],
    scales: [
      {
        name: "x",
        type: log ? "log" : "linear",
        ...(log ? { base: 2 } : {}),
        domain: { data: "points", field: "x" },
        range: [0, 600],
        zero: false,
      } as never,
      {
        name: "y",
        type: "linear",
        domain: { data: "points", field: "y" },
        range: [320, 0],
        nice: true,
        zero: log,
      },
      { name: "color", type: "ordinal", domain: names, range: COLORS },
    ],
    axes: [
      { scale: "x", orient: "bottom", title: xTitle, grid: true, gridColor: "#eee" },
      { scale: "y", orient: "left", title: yTitle, grid: true, gridColor: "#eee" },
    ],
    legends: [
      {
        stroke: "color",
        orient: "none",
        legendX: 0,
        legendY: -14 - 18 * names.length,
        symbolType: "stroke",
        symbolStrokeWidth: 3,
        labelLimit: 400,
        rowPadding: 4,
        columns: 1,
      },
    ],
    marks: [
      {
        type: "group",
        from: { facet: { name: "one", data: "points", groupby: "name" } },
        marks: [
          {
            type: "line",
            from: { data: "one" },
            encode: {
              enter: {
                x: { scale: "x", field: "x" },
                y: { scale: "y", field: "y" },
                stroke: { scale: "color", field: "name" },
                strokeWidth: { value: 2 },
              },
            },
          },
          {
            type: "symbol",
            from: { data: "one" },
            encode: {
              enter: {
                x: { scale: "x", field: "x" },
                y: { scale: "y", field: "y" },
                fill: { scale: "color", field: "name" },
                size: { value: 16 },
              },
            },
          },
        ],
      },
    ],
  };
}

/** Each plot's SVG by its file's name; those without results are left out. */
export async function plots(plan: Plan, results: ReadonlyMap<string, Result>): Promise<Map<string, string>> {
  const drawn = new Map<string, string>();
  const draw = async (name: string, points: Point[], x: string, y: string, log = false) => {
    if (points.length > 0)
      drawn.set(name, await new View(parse(lines(points, x, y, log)), { renderer: "none" }).toSVG());
  };
  for (const plot of ["small", "arrows", "digits", "text"] as const) {
    const [task, group] = plot === "small" ? ["arrows", "small"] : [plot, "main"];
    const points = rowsOf(plan, results, task, group).flatMap(meanCurve);
    await draw(PLOTS[plot], points, "Processor time in steps (s)", "Held-out loss, mean over seeds (nats)");
  }
  const steps = plan.jobs.flatMap((job) => {
    const point = job.kind === "steps" ? (results.get(job.id) as StepResult | undefined) : undefined;
    if (!point) return [];
    const { seq, layers, full, dropping, predicted } = point;
    return [
      { name: `${layers} layers`, x: seq, y: dropping / full },
      { name: `${layers} layers, predicted`, x: seq, y: predicted },
    ];
  });
  const byName = steps.sort((a, b) => a.name.localeCompare(b.name) || a.x - b.x);
  await draw(PLOTS.curve, byName, "S (tokens)", "Step time over the full model's", true);
  return drawn;
}

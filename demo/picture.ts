/** A race as a picture: losses by time and by step, K, and what each layer saw. */
import { parse, View } from "vega";
import { sampleRoutes, segmentsOf } from "../trainer/dropping.ts";
import type { RaceRecord } from "../trainer/race.ts";
import type { Task } from "../trainer/types.ts";

const WIDTH = 640;
const COLORS = { full: "#1f5fa8", dropping: "#d9611c", control: "#3a8f4d" } as const;
/** Heights of the panels, and what lies between two. */
const HEIGHTS = { time: 220, step: 220, schedule: 80 } as const;
const GAP = 62;

/** A group of marks with axes. */
type Group = Record<string, unknown>;

const line = (data: string, x: string, y: string, more: Group = {}): Group => ({
  type: "group",
  from: { facet: { name: "one", data, groupby: "name" } },
  marks: [
    {
      type: "line",
      from: { data: "one" },
      encode: {
        enter: {
          x: { scale: "x", field: x },
          y: { scale: "y", field: y },
          stroke: { scale: "color", field: "name" },
          strokeWidth: { value: 2 },
          ...more,
        },
      },
    },
  ],
});

const dots = (data: string, x: string, y: string): Group => ({
  type: "symbol",
  from: { data },
  encode: {
    enter: {
      x: { scale: "x", field: x },
      y: { scale: "y", field: y },
      fill: { scale: "color", field: "name" },
      stroke: { value: "white" },
      size: { value: 50 },
    },
  },
});

/** A dashed level with its name above the right end. */
const level = (y: number, text: string): Group[] => [
  {
    type: "rule",
    encode: {
      enter: {
        x2: { value: WIDTH },
        y: { scale: "y", value: y },
        stroke: { value: "#555" },
        strokeDash: { value: [5, 4] },
      },
    },
  },
  {
    type: "text",
    encode: {
      enter: {
        x: { value: WIDTH - 4 },
        y: { scale: "y", value: y, offset: -5 },
        align: { value: "right" },
        fill: { value: "#555" },
        text: { value: text },
      },
    },
  },
];

interface Axis {
  readonly title: string;
  readonly domain: readonly [number, number];
}

function panel(top: number, height: number, title: string, x: Axis, y: Axis, marks: Group[]): Group {
  const area = { width: { value: WIDTH }, height: { value: height } };
  return {
    type: "group",
    title: { text: title, anchor: "start", frame: "group", fontSize: 13, offset: 8 },
    encode: { enter: { y: { value: top }, ...area, stroke: { value: "#ccc" } } },
    scales: [
      { name: "x", type: "linear", domain: x.domain, range: [0, WIDTH], zero: false },
      { name: "y", type: "linear", domain: y.domain, range: [height, 0], zero: false },
    ],
    axes: [
      { scale: "x", orient: "bottom", title: x.title, grid: true, gridScale: "y" },
      {
        scale: "y",
        orient: "left",
        title: y.title,
        grid: true,
        gridScale: "x",
        titlePadding: 8,
        tickCount: 5,
      },
    ],
    // What lies outside is cut off, but a point on the frame is whole.
    marks: [
      {
        type: "group",
        clip: true,
        encode: { enter: area },
        marks: marks.filter(({ type }) => type === "group"),
      },
      ...marks.filter(({ type }) => type !== "group"),
    ],
  };
}

/** Moments of a run at which to look into its layers, as parts of its steps. */
const MOMENTS = [0, 0.5, 1];
const CELL = 5;
/** Tokens side by side where they have no sides of their own. */
const ACROSS = 16;

/** Squares for the tokens of the first row of a batch, in each layer at three moments: dark where retained. */
function layersSeen(
  task: Task,
  { contestants }: RaceRecord,
  top: number,
): { marks: Group[]; height: number } {
  const one = contestants.find(({ role }) => role === "dropping");
  const steps = one?.history.lengths.length ?? 0;
  if (!one || steps === 0) return { marks: [], height: 0 };
  const { model, dropping, batch: B, seed } = one.config;
  const { seq: S, layers } = model;
  const across = model.kind === "vit" ? Math.sqrt(S) : ACROSS;
  const down = Math.ceil(S / across);
  const [wide, high] = [across * CELL + 12, down * CELL + 12];
  const perRow = Math.min(layers, Math.floor((WIDTH - 80) / wide));
  const linesOf = Math.ceil(layers / perRow);
  const cells: { x: number; y: number; fill: string }[] = [];
  const words: { x: number; y: number; text: string }[] = [];
  MOMENTS.forEach((moment, m) => {
    const step = Math.min(steps - 1, Math.round(moment * (steps - 1)));
    const K = one.history.lengths[step];
    const routes = sampleRoutes(dropping, {
      K,
      S,
      B,
      seed,
      step,
      keepPrefix: task.keepPrefix,
      causal: model.kind === "gpt",
    });
    const retained = routes.map(({ retained }) => retained.slice(0).js() as unknown as boolean[]);
    const shades = shadesOf(task, seed, step, S);
    const y0 = m * (linesOf * high + 14);
    words.push(
      { x: 0, y: y0 + 10, text: `step ${step + 1}` },
      { x: 0, y: y0 + 24, text: K === S ? "all" : `K = ${K}` },
    );
    for (const { layers: within, route } of segmentsOf(dropping, layers)) {
      for (const l of within) {
        const draw = dropping.how === "input" ? retained[0] : route === null ? undefined : retained[route];
        for (let n = 0; n < S; n++) {
          const x = 80 + (l % perRow) * wide + (n % across) * CELL;
          const y = y0 + Math.floor(l / perRow) * high + Math.floor(n / across) * CELL;
          cells.push({ x, y, fill: draw && !draw[n] ? "#eeeeee" : shades[n] });
        }
      }
    }
  });
  const height = MOMENTS.length * (linesOf * high + 14);
  const marks: Group[] = [
    {
      type: "group",
      title: {
        text: `What each layer of "${one.name}" saw of a row (grey tokens passed it by)`,
        anchor: "start",
        frame: "group",
        fontSize: 13,
        offset: 8,
      },
      encode: { enter: { y: { value: top }, width: { value: WIDTH }, height: { value: height } } },
      marks: [
        {
          type: "rect",
          from: { data: "cells" },
          encode: {
            enter: {
              x: { field: "x" },
              y: { field: "y" },
              width: { value: CELL - 0.5 },
              height: { value: CELL - 0.5 },
              fill: { field: "fill" },
            },
          },
        },
        {
          type: "text",
          from: { data: "words" },
          encode: {
            enter: { x: { field: "x" }, y: { field: "y" }, text: { field: "text" }, fontSize: { value: 11 } },
          },
        },
      ],
    },
  ];
  return {
    marks: [
      {
        data: [
          { name: "cells", values: cells },
          { name: "words", values: words },
        ],
        ...marks[0],
      },
    ],
    height,
  };
}

/** A colour for each token of the first row: of a digit's patches the ink in their middle, else one for all. */
function shadesOf(task: Task, seed: number, step: number, S: number): string[] {
  const { patches } = task.batch(seed, step, 1);
  if (!patches) return Array.from({ length: S }, () => COLORS.dropping);
  const P = patches.shape[2];
  const side = Math.sqrt(P);
  return Array.from({ length: S }, (_, n) => {
    const middle = [0, 1].flatMap((i) => [0, 1].map((j) => (side / 2 - 1 + i) * side + side / 2 - 1 + j));
    const ink = middle.reduce((total, i) => total + (patches.data[n * P + i] * 0.31 + 0.13) / 4, 0);
    const mix = (from: number, to: number) => Math.round(from + (to - from) * Math.min(1, Math.max(0, ink)));
    return `rgb(${mix(247, 120)},${mix(196, 40)},${mix(160, 0)})`;
  });
}

function domainOf(values: readonly number[]): readonly [number, number] {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const room = 0.05 * (high - low || 1);
  return [low - room, high + room];
}

/** The picture of a race as SVG. */
export async function drawPicture(task: Task, record: RaceRecord, stopped: string | null): Promise<string> {
  const { contestants } = record;
  const evaluated = contestants.flatMap(({ name, history }) =>
    history.evaluations.filter(({ loss }) => Number.isFinite(loss)).map((e) => ({ name, ...e })),
  );
  const schedule = contestants.flatMap(({ name, role, history }) =>
    role === "dropping" ? history.lengths.map((K, step) => ({ name, step, K })) : [],
  );
  const S = contestants[0].config.model.seq;
  const losses: Axis = {
    title: "Held-out loss (nats)",
    domain: domainOf([task.baseline.loss, ...evaluated.map(({ loss }) => loss)]),
  };
  const seconds = Math.max(0.1, ...evaluated.map((e) => e.seconds));
  const steps = Math.max(1, ...evaluated.map(({ step }) => step));
  const baseline = level(task.baseline.loss, task.baseline.name);
  const tops = [0, HEIGHTS.time + GAP, HEIGHTS.time + HEIGHTS.step + 2 * GAP];
  const below = tops[2] + HEIGHTS.schedule + GAP;
  const seen = layersSeen(task, record, below);
  const points = { name: "evaluated", values: evaluated };
  const { seed, model } = contestants[0].config;
  const spec = {
    $schema: "https://vega.github.io/schema/vega/v6.json",
    width: WIDTH,
    height: below + seen.height,
    // Without a canvas text is measured roughly, so the room around the panels is given.
    autosize: "none",
    padding: { left: 64, right: 24, top: 134, bottom: 20 },
    background: "white",
    config: { axis: { labelFontSize: 11, titleFontSize: 12, gridColor: "#eee", titleFontWeight: "normal" } },
    title: {
      text: `A race on ${task.name}${task.synthetic ? " (synthetic)" : ""}: equal time for each`,
      subtitle: [
        `${model.layers} layers (the control fewer), ${model.channels} channels, ${S} tokens a row, seed ${seed}.${stopped ? ` Stopped by ${stopped}.` : ""}`,
        "Dots: held-out rows, all tokens in all layers.",
      ],
      anchor: "start",
      fontSize: 17,
      subtitleFontSize: 12,
      subtitlePadding: 6,
      offset: 34,
    },
    data: [points, { name: "schedule", values: schedule }],
    scales: [
      {
        name: "color",
        type: "ordinal",
        domain: contestants.map(({ name }) => name),
        range: contestants.map(({ role }) => COLORS[role]),
      },
    ],
    legends: [
      {
        fill: "color",
        orient: "none",
        legendX: 0,
        legendY: -44,
        direction: "horizontal",
        symbolType: "circle",
        labelFontSize: 12,
        labelLimit: 300,
        columnPadding: 16,
      },
    ],
    marks: [
      panel(
        tops[0],
        HEIGHTS.time,
        "Loss by time",
        { title: "Time in steps (s), without compiling and evaluating", domain: [0, seconds] },
        losses,
        [line("evaluated", "seconds", "loss"), dots("evaluated", "seconds", "loss"), ...baseline],
      ),
      panel(tops[1], HEIGHTS.step, "Loss by step", { title: "Training step", domain: [0, steps] }, losses, [
        line("evaluated", "step", "loss"),
        dots("evaluated", "step", "loss"),
        ...baseline,
      ]),
      panel(
        tops[2],
        HEIGHTS.schedule,
        "Tokens that a dropping layer sees",
        { title: "Training step", domain: [0, steps] },
        { title: "K", domain: [0, 1.1 * S] },
        [line("schedule", "step", "K", { interpolate: { value: "step-after" } }), ...level(S, `all ${S}`)],
      ),
      ...seen.marks,
    ],
  };
  return new View(parse(spec as never), { renderer: "none" }).toSVG();
}

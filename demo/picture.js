import { parse, View } from "vega";
import { validationBySeconds } from "./summary.js";

const ALL = "All tokens";
const LTD = "Random-LTD";
const CONTROL = "Control";
const WIDTH = 640;

/** One field of y against one of x, as a line for each model. */
const lines = (data, x, y, encode = {}) => ({
  type: "group",
  from: { facet: { name: "one", data, groupby: "model" } },
  marks: [
    {
      type: "line",
      from: { data: "one" },
      encode: {
        enter: {
          x: { scale: "x", field: x },
          y: { scale: "y", field: y },
          stroke: { scale: "color", field: "model" },
          ...encode,
        },
      },
    },
  ],
});

const points = (data, x, y) => ({
  type: "symbol",
  from: { data },
  encode: {
    enter: {
      x: { scale: "x", field: x },
      y: { scale: "y", field: y },
      fill: { scale: "color", field: "model" },
      stroke: { value: "white" },
      size: { value: 55 },
    },
  },
});

/** A dashed level with its name above the right end. */
const level = (y, text, color) => [
  {
    type: "rule",
    encode: {
      enter: {
        x: { value: 0 },
        x2: { value: WIDTH },
        y: { scale: "y", value: y },
        stroke: { value: color },
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
        fill: { value: color },
        text: { value: text },
      },
    },
  },
];

function panel({ top, height, x, y, title, marks }) {
  return {
    type: "group",
    title: { text: title, anchor: "start", fontSize: 13, offset: 8 },
    encode: {
      enter: {
        y: { value: top },
        width: { value: WIDTH },
        height: { value: height },
        stroke: { value: "#ccc" },
      },
    },
    scales: [
      { name: "x", type: "linear", domain: x.domain, range: [0, WIDTH], zero: false },
      { name: "y", type: "linear", domain: y.domain, range: [height, 0], zero: false },
    ],
    axes: [
      { scale: "x", orient: "bottom", title: x.title, grid: true, gridScale: "y" },
      { scale: "y", orient: "left", title: y.title, grid: true, gridScale: "x", titlePadding: 8, ...y.axis },
    ],
    // What lies outside is cut off, but a point on the frame is whole.
    marks: [
      { type: "group", clip: true, encode: { enter: frame(height) }, marks: marks.filter(isLine) },
      ...marks.filter((mark) => !isLine(mark)),
    ],
  };
}

const isNumber = ({ loss }) => Number.isFinite(loss);
const frame = (height) => ({ width: { value: WIDTH }, height: { value: height } });
const isLine = ({ type }) => type === "group";

/** The picture of a run as SVG: losses, schedule beneath on the same axis, and losses by time. */
export async function drawPicture(results) {
  const { allTokens, randomLTD, control, lengths, options, stepsDone, bigramLoss, validSequences, stopped } =
    results;
  const models = [
    { name: ALL, ...allTokens },
    { name: LTD, ...randomLTD },
    ...(control ? [{ name: CONTROL, ...control }] : []),
  ];
  const training = models.flatMap(({ name, losses }) =>
    losses.map((loss, i) => ({ model: name, step: i + 1, loss })).filter(isNumber),
  );
  const validation = models.flatMap((model) =>
    validationBySeconds(model)
      .map((point) => ({ model: model.name, ...point }))
      .filter(isNumber),
  );
  const schedule = lengths.map((K, i) => ({ model: LTD, step: i, K }));
  schedule.push({ model: LTD, step: stepsDone, K: lengths.at(-1) });

  // The first steps fall steeply: showing them whole would flatten the rest.
  const settled = training.filter(({ step }) => step > stepsDone / 8).map(({ loss }) => loss);
  const shown = [...settled, ...validation.map(({ loss }) => loss), bigramLoss];
  const [low, high] = [Math.min(...shown), Math.max(...shown)];
  const y = {
    title: "Loss (nats a character)",
    domain: [low - 0.04 * (high - low), high + 0.04 * (high - low)],
    axis: { tickCount: 6 },
  };
  const validLosses = [...validation.map(({ loss }) => loss), bigramLoss];
  const [validLow, validHigh] = [Math.min(...validLosses), Math.max(...validLosses)];
  const validY = {
    ...y,
    domain: [validLow - 0.06 * (validHigh - validLow), validHigh + 0.06 * (validHigh - validLow)],
  };
  const steps = { title: "Training step", domain: [0, stepsDone] };
  const lastSecond = Math.max(0, ...validation.map(({ seconds }) => seconds));

  const bigram = level(bigramLoss, `Bigram baseline ${bigramLoss.toFixed(2)}`, "#555");
  const ended = stopped ? `, stopped by ${stopped} after ${stepsDone} of ${options.steps} steps` : "";
  const about = control ? ` Control: all tokens, ${control.plannedSteps} steps.` : "";
  const spec = {
    $schema: "https://vega.github.io/schema/vega/v6.json",
    width: WIDTH,
    height: 765,
    // Without a canvas text is measured roughly, so the room around the panels is given.
    autosize: "none",
    padding: { left: 74, right: 24, top: 108, bottom: 44 },
    background: "white",
    config: { axis: { labelFontSize: 11, titleFontSize: 12, gridColor: "#eee", titleFontWeight: "normal" } },
    title: {
      text: "A small GPT on Moby Dick, with all tokens and with random-LTD",
      subtitle: [
        `${options.layers} layers, ${options.channels} channels, sequences of ${options.seq}, seed ${options.seed}${ended}.`,
        `Thin lines: each training batch. Dots: ${validSequences} held-out sequences, all tokens.${about}`,
      ],
      anchor: "start",
      fontSize: 17,
      subtitleFontSize: 12,
      subtitlePadding: 6,
      offset: 18,
    },
    data: [
      { name: "training", values: training },
      { name: "validation", values: validation },
      { name: "schedule", values: schedule },
    ],
    scales: [
      {
        name: "color",
        type: "ordinal",
        domain: models.map(({ name }) => name),
        range: ["#1f5fa8", "#d9611c", "#3a8f4d"],
      },
    ],
    legends: [
      {
        fill: "color",
        orient: "none",
        legendX: WIDTH - (control ? 330 : 226),
        legendY: -26,
        direction: "horizontal",
        symbolType: "circle",
        labelFontSize: 12,
        columnPadding: 16,
      },
    ],
    marks: [
      panel({
        top: 0,
        height: 300,
        title: "Loss by step",
        x: { ...steps, title: undefined },
        y,
        marks: [
          lines("training", "step", "loss", { strokeWidth: { value: 1 }, strokeOpacity: { value: 0.35 } }),
          lines("validation", "step", "loss", { strokeWidth: { value: 2 } }),
          points("validation", "step", "loss"),
          ...bigram,
        ],
      }),
      panel({
        top: 360,
        height: 120,
        title: "Schedule: tokens that each wrapped layer sees",
        x: steps,
        y: {
          title: "K (tokens)",
          domain: [0, options.seq * 1.15],
          axis: { values: [0, 0.25, 0.5, 0.75, 1].map((part) => part * options.seq) },
        },
        marks: [
          lines("schedule", "step", "K", { strokeWidth: { value: 2 }, interpolate: { value: "step-after" } }),
          ...level(options.seq, `All ${options.seq} tokens`, "#1f5fa8"),
        ],
      }),
      panel({
        top: 570,
        height: 190,
        title: "The same validation losses by time spent in training steps",
        x: { title: "Time in steps (s), without compiling and validating", domain: [0, lastSecond] },
        y: validY,
        marks: [
          lines("validation", "seconds", "loss", { strokeWidth: { value: 2 } }),
          points("validation", "seconds", "loss"),
          ...bigram,
        ],
      }),
    ],
  };
  return new View(parse(spec), { renderer: "none" }).toSVG();
}

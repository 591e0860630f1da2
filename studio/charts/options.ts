/** How uPlot draws a chart: axes, curves, their names at their ends, and the mark between two of them. */
import type uPlot from "uplot";
import { type Figure, type Line, rangeOf, tickFigures } from "./figure.ts";
import { type Palette, palette } from "./palette.ts";

const FONT = "system-ui, sans-serif";

/** Pixels of width from which on curves have their names at their ends; below, the readout names them. */
const ROOM_FOR_NAMES = 460;

/** Points of a curve up to which each is marked. */
const MARKED = 40;

/** Curves on one x axis: uPlot wants every series on the same x values. */
export function aligned({ lines }: Figure, join: typeof uPlot.join): uPlot.AlignedData {
  const tables = lines.map(({ x, y }) => [x as number[], y as number[]] as uPlot.AlignedData);
  return tables.length > 0 ? join(tables) : [[]];
}

/** Pixels right of the axis that the longest name takes; 0 where there is no room for names. */
function roomFor({ lines }: Figure, width: number): number {
  if (width < ROOM_FOR_NAMES) return 0;
  const pen = document.createElement("canvas").getContext("2d")!;
  pen.font = `600 13px ${FONT}`;
  return Math.max(0, ...lines.map(({ name, faint }) => (faint ? 0 : pen.measureText(name).width))) + 14;
}

/**
 * Everything that uPlot asks for.
 *
 * @param figure Read whenever the chart is drawn, so it may be a view of the newest one.
 * @param small Without names, cursor and marked points.
 */
export function optionsOf(figure: Figure, width: number, height: number, small: boolean): uPlot.Options {
  const colors = palette();
  const axis = { stroke: colors.dim, font: `12px ${FONT}`, ticks: { show: false } };
  const room = small ? 0 : roomFor(figure, width);
  return {
    width,
    height,
    padding: [10, room || 14, 0, 0],
    legend: { show: false },
    cursor: { show: !small, x: true, y: false, drag: { setScale: false, x: false }, points: { size: 7 } },
    scales: {
      x: { time: false, range: () => [0, figure.xMax] },
      y: { distr: figure.log ? 3 : 1, range: () => rangeOf(figure) },
    },
    axes: [
      {
        ...axis,
        grid: { show: false },
        size: 28,
        gap: 6,
        space: small ? 60 : 70,
        values: (_, v) => v.map(tickFigures),
      },
      {
        ...axis,
        grid: { stroke: colors.line, width: 1 },
        size: 50,
        gap: 8,
        space: small ? 28 : 40,
        values: (_, v) => v.map((n) => (n === null ? "" : tickFigures(n))),
      },
    ],
    series: [
      {},
      ...figure.lines.map((line) => ({
        label: line.name,
        stroke: colors.color(line.color),
        width: line.faint ? 1 : 2.2,
        alpha: line.faint ? 0.28 : 1,
        dash: line.dash ? [...line.dash] : undefined,
        spanGaps: true,
        points: {
          show: !small && !line.faint && line.x.length <= MARKED,
          size: 6,
          fill: colors.color(line.color),
        },
      })),
    ],
    hooks: {
      draw: [
        (u) => {
          u.ctx.save();
          if (figure.mark) drawMark(u, figure, figure.mark, colors);
          if (room > 0) drawNames(u, figure.lines, colors);
          u.ctx.restore();
        },
      ],
    },
  };
}

/** A dotted line from one curve to the other, a ring at each end, and how far apart they are. */
function drawMark(u: uPlot, { lines }: Figure, mark: NonNullable<Figure["mark"]>, colors: Palette): void {
  const { ctx } = u;
  const dots = devicePixelRatio;
  const [x0, x1, y] = [
    u.valToPos(mark.from, "x", true),
    u.valToPos(mark.to, "x", true),
    u.valToPos(mark.y, "y", true),
  ];
  ctx.strokeStyle = colors.ink;
  ctx.lineWidth = 1.6 * dots;
  ctx.setLineDash([3 * dots, 4 * dots]);
  ctx.beginPath();
  ctx.moveTo(x0, y);
  ctx.lineTo(x1, y);
  ctx.stroke();
  ctx.setLineDash([]);
  for (const x of [x0, x1]) {
    ctx.beginPath();
    ctx.arc(x, y, 5 * dots, 0, 2 * Math.PI);
    ctx.fillStyle = colors.panel;
    ctx.fill();
    ctx.stroke();
  }
  const words = mark.words ?? "";
  ctx.font = `600 ${13 * dots}px ${FONT}`;
  const wide = ctx.measureText(words).width;
  if (lines.length === 0 || wide + 20 * dots > x1 - x0) return;
  ctx.textAlign = "center";
  ctx.textBaseline = "bottom";
  ctx.lineWidth = 4 * dots;
  ctx.strokeStyle = colors.panel; // a rim, so that curves don't cross the words
  ctx.strokeText(words, (x0 + x1) / 2, y - 6 * dots);
  ctx.fillStyle = colors.ink;
  ctx.fillText(words, (x0 + x1) / 2, y - 6 * dots);
}

/** Each curve's name beside its end, moved down where it would lie on another. */
function drawNames(u: uPlot, lines: readonly Line[], colors: Palette): void {
  const { ctx } = u;
  const dots = devicePixelRatio;
  const ends = lines
    .filter(({ faint, x }) => !faint && x.length > 0)
    .map((line) => ({
      line,
      x: u.valToPos(line.x[line.x.length - 1], "x", true) + 9 * dots,
      y: u.valToPos(line.y[line.y.length - 1], "y", true),
    }))
    .sort((a, b) => a.y - b.y);
  ctx.font = `600 ${13 * dots}px ${FONT}`;
  ctx.textAlign = "left";
  ctx.textBaseline = "middle";
  for (const [i, end] of ends.entries()) {
    if (i > 0) end.y = Math.max(end.y, ends[i - 1].y + 16 * dots);
    ctx.fillStyle = colors.color(end.line.color);
    ctx.fillText(end.line.name, end.x, end.y);
  }
}

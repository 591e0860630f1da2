/** A chart on the page: drawn by uPlot, read out by arrow keys, listed in a table, saved as SVG or PNG. */
import { useEffect, useId, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { type Figure, inFigures, rangeOf, thinned, valueAt } from "./figure.ts";
import { palette, toPNG, toSVG } from "./svg.ts";

interface PlotProps {
  readonly figure: Figure;
  readonly height: number;
  /** Says what a position of the x axis is: "at 12 s". */
  readonly at: (x: number) => string;
  /** Whether it can be read by keys and saved; small charts beside a large one are only looked at. */
  readonly whole?: boolean;
  /** Changes when colours do, so that the chart is drawn anew. */
  readonly theme: string;
}

/** Curves on one x axis: uPlot wants every series on the same x values. */
function aligned({ lines }: Figure): uPlot.AlignedData {
  const tables = lines.map((line) => {
    const { x, y } = thinned(line.x, line.y);
    return [x, y] as uPlot.AlignedData;
  });
  return tables.length > 0 ? uPlot.join(tables) : [[]];
}

function optionsOf(figure: Figure, width: number, height: number, small: boolean): uPlot.Options {
  const colors = palette();
  const axis = {
    stroke: colors.dim,
    font: "12px system-ui, sans-serif",
    grid: { stroke: colors.line, width: 1 },
    ticks: { show: false },
  };
  return {
    width,
    height,
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
        size: 30,
        space: small ? 60 : 70,
        values: (_, v) => v.map(inFigures),
      },
      {
        ...axis,
        size: 48,
        space: small ? 28 : 40,
        values: (_, v) => v.map((n) => (n === null ? "" : inFigures(n))),
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
        points: { show: !line.faint && line.x.length < 40, size: 5 },
      })),
    ],
    hooks: {
      draw: [
        (u) => {
          if (!figure.mark) return;
          const { from, to, y } = figure.mark;
          const { ctx } = u;
          const [x0, x1, y0] = [
            u.valToPos(from, "x", true),
            u.valToPos(to, "x", true),
            u.valToPos(y, "y", true),
          ];
          ctx.save();
          ctx.strokeStyle = colors.ink;
          ctx.lineWidth = 1.6 * devicePixelRatio;
          ctx.setLineDash([3 * devicePixelRatio, 4 * devicePixelRatio]);
          ctx.beginPath();
          ctx.moveTo(x0, y0);
          ctx.lineTo(x1, y0);
          ctx.stroke();
          ctx.restore();
        },
      ],
    },
  };
}

/** What decides that uPlot starts anew rather than taking new data. */
function shapeOf(figure: Figure, theme: string): string {
  return [theme, figure.log, ...figure.lines.map(({ name, faint }) => name + faint)].join("|");
}

export function Plot({ figure, height, at, whole = false, theme }: PlotProps) {
  const box = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot | null>(null);
  const latest = useRef(figure);
  latest.current = figure;
  const [reading, setReading] = useState<number>();
  const id = useId();

  useEffect(() => {
    const element = box.current!;
    const make = () => {
      chart.current?.destroy();
      const width = Math.max(80, element.clientWidth);
      // uPlot asks for ranges and marks when it draws: it is given the figure of that moment.
      const current = new Proxy({} as Figure, { get: (_, key) => latest.current[key as keyof Figure] });
      chart.current = new uPlot(optionsOf(current, width, height, !whole), aligned(latest.current), element);
    };
    make();
    const resized = new ResizeObserver(() => {
      const width = Math.max(80, element.clientWidth);
      if (chart.current && width !== chart.current.width) chart.current.setSize({ width, height });
    });
    resized.observe(element);
    return () => {
      resized.disconnect();
      chart.current?.destroy();
      chart.current = null;
    };
  }, [shapeOf(figure, theme), height, whole]);

  useEffect(() => chart.current?.setData(aligned(figure)), [figure]);

  const ends = figure.lines.filter((line) => !line.faint && line.x.length > 0);
  const read = (x: number) =>
    `${at(x)}: ${ends.map((line) => `${line.name} ${inFigures(valueAt(line, x) ?? Number.NaN)}`).join(", ")}`;
  const reach = Math.max(0, ...ends.map((line) => line.x[line.x.length - 1]));
  // Where all have a value, unless the reader moves on.
  const common = Math.min(reach, ...ends.map((line) => line.x[line.x.length - 1]));

  const onKeyDown = (event: KeyboardEvent) => {
    const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: 10, PageDown: -10, Home: -1000, End: 1000 }[
      event.key
    ];
    if (step === undefined) return;
    event.preventDefault();
    const from = reading ?? common;
    setReading(Math.max(0, Math.min(reach, from + (step * figure.xMax) / 100)));
  };
  const onPointerMove = () => {
    const left = chart.current?.cursor.left ?? -1;
    if (left >= 0) setReading(Math.max(0, Math.min(reach, chart.current!.posToVal(left, "x"))));
  };

  if (!whole) {
    return (
      <figure class="chart">
        <figcaption>{figure.title}</figcaption>
        <div class="plot" ref={box} aria-hidden="true" style={{ height }} />
        <DataTable figure={figure} />
      </figure>
    );
  }
  return (
    <figure class="chart">
      {/* biome-ignore lint/a11y/useSemanticElements: not a part of a form */}
      <div
        class="plot"
        ref={box}
        style={{ height }}
        tabIndex={0}
        role="group"
        aria-label={`${figure.title}. Left and right arrow keys move the reading.`}
        aria-describedby={id}
        onKeyDown={onKeyDown}
        onPointerMove={onPointerMove}
        onPointerLeave={() => setReading(undefined)}
      />
      <p class="readout" id={id}>
        {ends.length > 0 ? read(reading ?? common) : "Nothing measured yet."}
        <span class="faint"> Faint: training loss.</span>
      </p>
      <span class="sr" aria-live="polite">
        {reading === undefined ? "" : read(reading)}
      </span>
      <DataTable figure={figure} />
    </figure>
  );
}

/** The same figures as rows: twelve places, spread over what there is. */
function DataTable({ figure }: { figure: Figure }) {
  const [open, setOpen] = useState(false);
  const lines = figure.lines.filter((line) => !line.faint);
  const reach = Math.max(0, ...lines.map((line) => (line.x.length > 0 ? line.x[line.x.length - 1] : 0)));
  const rows = open ? Array.from({ length: 12 }, (_, i) => (reach * (i + 1)) / 12) : [];
  return (
    <details class="data" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>As a table</summary>
      <table>
        <caption class="sr">{figure.title}</caption>
        <thead>
          <tr>
            <th scope="col">{figure.xName}</th>
            {lines.map((line) => (
              <th scope="col" key={line.name}>
                {line.name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((x) => (
            <tr key={x}>
              <th scope="row">{inFigures(x)}</th>
              {lines.map((line) => (
                <td key={line.name}>{inFigures(valueAt(line, x) ?? Number.NaN)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  );
}

/** Hands the visitor a chart as a file. */
export async function saveChart(figure: Figure, kind: "svg" | "png", name: string): Promise<void> {
  const svg = toSVG(figure, palette());
  save(kind === "svg" ? new Blob([svg], { type: "image/svg+xml" }) : await toPNG(svg), `${name}.${kind}`);
}

/** Hands the visitor a file. */
export function save(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** A chart on the page: drawn by uPlot, read out by arrow keys, listed in a table. */
import { useEffect, useId, useRef, useState } from "preact/hooks";
import "./language.ts"; // before uPlot
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { DataTable } from "./DataTable.tsx";
import { type Figure, inFigures, type Line, thinnedFigure, valueAt } from "./figure.ts";
import { aligned, optionsOf } from "./options.ts";

interface PlotProps {
  readonly figure: Figure;
  readonly height: number;
  /** Says what a position of the x axis is: "at 12 s". */
  readonly at: (x: number) => string;
  /** Whether it can be read by keys; small charts beside a large one are only looked at. */
  readonly whole?: boolean;
  /** Said in its place for as long as it has no points. */
  readonly waiting: string;
  /** Changes when colours do, so that the chart is drawn anew. */
  readonly scheme: string;
}

/** What decides that uPlot starts anew rather than taking new data. */
function shapeOf(figure: Figure, scheme: string): string {
  return [scheme, figure.log, ...figure.lines.map(({ name, faint }) => name + faint)].join("|");
}

const lastOf = (list: ArrayLike<number>) => list[list.length - 1];

/** A curve's value at a place; its last one without a place. */
function readAt(line: Line, x: number | undefined): string {
  return inFigures((x === undefined ? lastOf(line.y) : valueAt(line, x)) ?? Number.NaN);
}

export function Plot({ figure, height, at, whole = false, waiting, scheme }: PlotProps) {
  const box = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot | null>(null);
  const newest = useRef(figure);
  newest.current = figure;
  const latest = useRef(figure);
  const [reading, setReading] = useState<number>();
  const id = useId();
  const isEmpty = figure.lines.every(({ x }) => x.length === 0);

  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const make = () => {
      chart.current?.destroy();
      latest.current = thinnedFigure(newest.current);
      const width = Math.max(80, element.clientWidth);
      // uPlot asks for ranges and marks when it draws: it is given the figure of that moment.
      const current = new Proxy({} as Figure, { get: (_, key) => latest.current[key as keyof Figure] });
      const options = optionsOf(current, width, height, !whole);
      chart.current = new uPlot(options, aligned(latest.current, uPlot.join), element);
    };
    make();
    const resized = new ResizeObserver(() => {
      const width = Math.max(80, element.clientWidth);
      if (chart.current && width !== chart.current.width) make(); // its room for names goes by its width
    });
    resized.observe(element);
    return () => {
      resized.disconnect();
      chart.current?.destroy();
      chart.current = null;
    };
  }, [shapeOf(figure, scheme), height, whole, isEmpty]);

  // Each chart in a task of its own: together they would hold up the page.
  useEffect(() => {
    const timer = setTimeout(() => {
      latest.current = thinnedFigure(figure);
      chart.current?.setData(aligned(latest.current, uPlot.join));
    });
    return () => clearTimeout(timer);
  }, [figure]);

  const ends = figure.lines.filter((line) => !line.faint && line.x.length > 0);
  const reach = Math.max(0, ...ends.map((line) => lastOf(line.x)));

  const onKeyDown = (event: KeyboardEvent) => {
    const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: 10, PageDown: -10, Home: -1000, End: 1000 }[
      event.key
    ];
    if (step === undefined) return;
    event.preventDefault();
    const from = reading ?? reach;
    setReading(Math.max(0, Math.min(reach, from + (step * figure.xMax) / 100)));
  };
  const onPointerMove = () => {
    const left = chart.current?.cursor.left ?? -1;
    if (left >= 0) setReading(Math.max(0, Math.min(reach, chart.current!.posToVal(left, "x"))));
  };

  if (isEmpty) {
    return (
      <figure class="chart">
        {!whole && <figcaption>{figure.title}</figcaption>}
        <p class="empty" style={{ height: `${height}px` }}>
          {waiting}
        </p>
      </figure>
    );
  }
  if (!whole) {
    return (
      <figure class="chart">
        <figcaption>{figure.title}</figcaption>
        <div class="plot" ref={box} aria-hidden="true" style={{ height: `${height}px` }} />
        <DataTable figure={figure} />
      </figure>
    );
  }
  const place = reading === undefined ? "Latest" : at(reading);
  const spoken = `${place}: ${ends.map((line) => `${line.name} ${readAt(line, reading)}`).join(", ")}`;
  return (
    <figure class="chart">
      {/* biome-ignore lint/a11y/useSemanticElements: not a part of a form */}
      <div
        class="plot"
        ref={box}
        style={{ height: `${height}px` }}
        tabIndex={0}
        role="group"
        aria-label={`${figure.title}. Left and right arrow keys move the reading.`}
        aria-describedby={id}
        onKeyDown={onKeyDown}
        onPointerMove={onPointerMove}
        onPointerLeave={() => setReading(undefined)}
      />
      <div class="under">
        <p class="readout" id={id}>
          {ends.length === 0 ? "No held-out check yet." : `${place}: `}
          {ends.map((line, i) => (
            <span key={line.name} class={`c${line.color.slice(1)}`}>
              {i > 0 ? " · " : ""}
              {line.name} <b>{readAt(line, reading)}</b>
            </span>
          ))}
        </p>
        <p class="axis">{figure.xName}</p>
      </div>
      <span class="sr" aria-live="polite">
        {reading === undefined ? "" : spoken}
      </span>
      <DataTable figure={figure} />
    </figure>
  );
}

/** A chart as plain data: what is drawn on the page, written as SVG or PNG, read out, and listed in a table. */

/** One curve. */
export interface Line {
  readonly name: string;
  /** The CSS custom property that holds its colour, such as "--ltd". */
  readonly color: string;
  readonly x: ArrayLike<number>;
  readonly y: ArrayLike<number>;
  /** Lengths of dashes and gaps; solid without. */
  readonly dash?: readonly number[];
  /** Behind the others and without a label, like a training loss. */
  readonly faint?: boolean;
}

/** A level from one curve to another: "needed 49 s for what all tokens have after 74 s". */
export interface Mark {
  readonly y: number;
  readonly from: number;
  readonly to: number;
  /** How far apart they are: "25 s". */
  readonly words?: string;
}

/** A chart. */
export interface Figure {
  readonly title: string;
  readonly xName: string;
  readonly yName: string;
  readonly lines: readonly Line[];
  /** Where the x axis ends, whatever the curves have reached. */
  readonly xMax: number;
  readonly log?: boolean;
  readonly mark?: Mark;
}

/** Points that one curve is drawn with: more than pixels across add nothing. */
const DRAWN = 1200;

/** At most about `DRAWN` points of a curve, the lowest and the highest of each stretch among them. */
export function thinned(x: ArrayLike<number>, y: ArrayLike<number>): { x: number[]; y: number[] } {
  const n = Math.min(x.length, y.length);
  const stretch = Math.ceil((2 * n) / DRAWN);
  const out = { x: [] as number[], y: [] as number[] };
  const put = (i: number) => {
    out.x.push(x[i]);
    out.y.push(y[i]);
  };
  if (stretch <= 1) {
    for (let i = 0; i < n; i++) put(i);
    return out;
  }
  for (let start = 0; start < n; start += stretch) {
    const end = Math.min(n, start + stretch);
    let [low, high] = [start, start];
    for (let i = start + 1; i < end; i++) {
      if (y[i] < y[low]) low = i;
      if (y[i] > y[high]) high = i;
    }
    put(Math.min(low, high));
    if (low !== high) put(Math.max(low, high));
  }
  if (out.x.at(-1) !== x[n - 1]) put(n - 1);
  return out;
}

/** A figure that looks the same and is drawn in no time. */
export function thinnedFigure(figure: Figure): Figure {
  return { ...figure, lines: figure.lines.map((line) => ({ ...line, ...thinned(line.x, line.y) })) };
}

/** A curve's value at `x`, straight between its points; undefined before the first and after the last. */
export function valueAt({ x, y }: Pick<Line, "x" | "y">, at: number): number | undefined {
  const n = Math.min(x.length, y.length);
  if (n === 0 || at < x[0] || at > x[n - 1]) return undefined;
  let [low, high] = [0, n - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (x[middle] <= at) low = middle;
    else high = middle;
  }
  if (x[high] === x[low]) return y[high];
  return y[low] + ((at - x[low]) / (x[high] - x[low])) * (y[high] - y[low]);
}

/** The lowest and highest value that the curves show, a little apart where they are one. */
export function rangeOf({ lines, log }: Figure): [number, number] {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  // A faint curve's outliers don't squeeze the others: it counts only where nothing else is there.
  const clear = lines.filter((line) => !line.faint && line.y.length > 0);
  for (const { y } of clear.length > 0 ? clear : lines) {
    for (let i = 0; i < y.length; i++) {
      if (!Number.isFinite(y[i]) || (log && y[i] <= 0)) continue;
      low = Math.min(low, y[i]);
      high = Math.max(high, y[i]);
    }
  }
  if (low > high) return log ? [0.1, 1] : [0, 1];
  const room = (high - low) * 0.06 || Math.abs(high) * 0.1 || 1;
  return log ? [low / 1.1, high * 1.1] : [low > 0 && low < room * 4 ? 0 : low - room, high + room];
}

/** Round numbers within a range, about `count` of them. */
export function ticksOf(low: number, high: number, count: number): number[] {
  const rough = (high - low) / count;
  const exponent = Math.floor(Math.log10(rough));
  const power = 10 ** exponent;
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough) ?? 10 * power;
  const ticks: number[] = [];
  for (let i = Math.ceil(low / step); i * step <= high + step * 1e-6; i++)
    ticks.push(Number((i * step).toFixed(Math.min(100, Math.max(0, -exponent)))));
  return ticks;
}

/** A number as a reader wants it. */
export function inFigures(value: number): string {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size >= 1e6) return `${(value / 1e6).toFixed(size >= 1e7 ? 1 : 2)} M`;
  if (size >= 1e4) return `${(value / 1e3).toFixed(0)} k`;
  if (size >= 100) return value.toFixed(0);
  return value.toFixed(size >= 10 ? 1 : size >= 0.1 || size === 0 ? 2 : 3);
}

/** A tick of an axis: round numbers, so no zeros after the point. */
export function tickFigures(value: number): string {
  const plain = (v: number) => String(Number(v.toPrecision(6)));
  const size = Math.abs(value);
  if (size >= 1e6) return `${plain(value / 1e6)} M`;
  return size >= 1e4 ? `${plain(value / 1e3)} k` : plain(value);
}

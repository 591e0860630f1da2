/** A chart as an SVG file: self-contained, its colours resolved, each curve a path of its own. */
import { type Figure, rangeOf, thinned, tickFigures, ticksOf } from "./figure.ts";
import type { Palette } from "./palette.ts";

/** Width and height of the picture, and the room around the curves, pixels. */
const [WIDTH, HEIGHT] = [900, 520];
const ROOM = { top: 46, right: 130, bottom: 56, left: 64 };

const escaped = (text: string) => text.replace(/[<>&"]/g, (c) => `&#${c.charCodeAt(0)};`);

/** The chart as an SVG document. */
export function toSVG(figure: Figure, palette: Palette): string {
  const [low, high] = rangeOf(figure);
  const scale = figure.log ? Math.log : (v: number) => v;
  const across = WIDTH - ROOM.left - ROOM.right;
  const down = HEIGHT - ROOM.top - ROOM.bottom;
  const px = (x: number) => ROOM.left + (x / figure.xMax) * across;
  const py = (y: number) => {
    const part = (scale(y) - scale(low)) / (scale(high) - scale(low));
    return ROOM.top + (1 - Math.max(0, Math.min(1, part))) * down;
  };
  const text = (x: number, y: number, words: string, more = "") =>
    `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" fill="${palette.dim}" ${more}>${escaped(words)}</text>`;

  const parts: string[] = [];
  for (const y of ticksOf(low, high, 6)) {
    if (figure.log && y <= 0) continue;
    parts.push(
      `<line x1="${ROOM.left}" x2="${WIDTH - ROOM.right}" y1="${py(y)}" y2="${py(y)}" stroke="${palette.line}"/>`,
      text(ROOM.left - 8, py(y) + 4, tickFigures(y), 'text-anchor="end"'),
    );
  }
  for (const x of ticksOf(0, figure.xMax, 8)) {
    parts.push(text(px(x), HEIGHT - ROOM.bottom + 20, tickFigures(x), 'text-anchor="middle"'));
  }
  parts.push(
    text(ROOM.left + across / 2, HEIGHT - 12, figure.xName, 'text-anchor="middle"'),
    `<text x="${ROOM.left}" y="26" fill="${palette.ink}" font-size="17" font-weight="600">${escaped(figure.title)}</text>`,
  );

  const ends: { y: number; x: number; name: string; color: string }[] = [];
  const inOrder = [...figure.lines].sort((a, b) => Number(b.faint ?? false) - Number(a.faint ?? false));
  for (const line of inOrder) {
    const color = palette.color(line.color);
    const { x, y } = thinned(line.x, line.y);
    const points = x.map((at, i) => `${px(at).toFixed(1)} ${py(y[i]).toFixed(1)}`);
    const style = line.faint ? 'stroke-width="1" opacity="0.3"' : 'stroke-width="2.4"';
    const dash = line.dash ? ` stroke-dasharray="${line.dash.join(" ")}"` : "";
    const path = points.length > 0 ? `M${points.join("L")}` : "";
    parts.push(
      `<path d="${path}" fill="none" stroke="${color}" ${style}${dash}><title>${escaped(line.name)}</title></path>`,
    );
    if (!line.faint && x.length > 0) {
      ends.push({ x: px(x.at(-1)!), y: py(y.at(-1)!), name: line.name, color });
    }
  }
  if (figure.mark) {
    const { from, to, y, words = "" } = figure.mark;
    parts.push(
      text((px(from) + px(to)) / 2, py(y) - 8, words, 'text-anchor="middle" font-weight="600"'),
      `<line x1="${px(from)}" x2="${px(to)}" y1="${py(y)}" y2="${py(y)}" stroke="${palette.ink}" stroke-width="1.6" stroke-dasharray="2 3"/>`,
    );
  }
  ends.sort((a, b) => a.y - b.y);
  ends.forEach((end, i) => {
    if (i > 0) end.y = Math.max(end.y, ends[i - 1].y + 17); // names don't lie on each other
    parts.push(
      `<text x="${(end.x + 8).toFixed(1)}" y="${(end.y + 4).toFixed(1)}" fill="${end.color}" font-weight="600">${escaped(end.name)}</text>`,
    );
  });
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}" viewBox="0 0 ${WIDTH} ${HEIGHT}" ` +
    `font-family="system-ui, sans-serif" font-size="13" role="img" aria-label="${escaped(figure.title)}">` +
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="${palette.panel}"/>${parts.join("")}</svg>`
  );
}

/** An SVG as a PNG, twice its size for sharp screens. */
export async function toPNG(svg: string): Promise<Blob> {
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`;
  await image.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [WIDTH * 2, HEIGHT * 2];
  canvas.getContext("2d")!.drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve, reject) =>
    canvas.toBlob(
      (blob) => (blob ? resolve(blob) : reject(new Error("the browser made no picture"))),
      "image/png",
    ),
  );
}

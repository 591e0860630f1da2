/** Hands the visitor files: charts as SVG or PNG, races as JSON. */
import type { Figure } from "./figure.ts";
import { palette } from "./palette.ts";

/** Hands the visitor a chart as a file. What draws it is loaded when it is first asked for. */
export async function saveChart(figure: Figure, kind: "svg" | "png", name: string): Promise<void> {
  const { toPNG, toSVG } = await import("./svg.ts");
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
